"""Measures how often intervals of exponents cover and how often verdicts are wrong, on tables of known truth.

    python benchmarks/verdict_trials.py [--trials 500] [--coverage] [--bootstrap] [--rungs] [--grids "20 cells"]
        [--seeds 3 5] [--noise 0.5 0.9] [--shares independent shared]

One line for each grid, number of seeds, noise, kind of shared effects and truth. A verdict is wrong if it is confirmed
where the claim is false or refuted where it is true; `inconclusive` never is. With --coverage, shares of intervals that
hold the truth instead: one exponent in 97.5 %, so that both together are held in 95 %. With --bootstrap, those of a
bootstrap that resamples seeds and cells independently beside them. With --rungs, verdicts on whether rung or scale
matters more, on three rungs.
"""

import argparse
import collections
import itertools

import numpy as np

from h2scale.scaling import decisions, synthetic, trend, variance

GRIDS = {"12 cells": (4, 3, (30.0, 480.0)), "20 cells": (4, 5, (30.0, 480.0)), "30 cells": (5, 6, (30.0, 7500.0))}
LEVEL, FAILURE = np.log(1.2), 0.38
"""Of an error from 0.6 angstrom on, in eV: a typical one, and a quarter of the zero model's."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--noise", type=float, nargs="+", default=[0.5, 0.9])
    parser.add_argument("--grids", nargs="+", default=list(GRIDS))
    parser.add_argument("--shares", nargs="+", default=["independent", "shared"])
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--bootstrap", action="store_true")
    parser.add_argument("--rungs", action="store_true")
    arguments = parser.parse_args()
    for name, num_seeds, noise, shares in itertools.product(
        arguments.grids, arguments.seeds, arguments.noise, arguments.shares
    ):
        num_sizes, num_data, data = GRIDS[name]
        grid = synthetic.make_grid(num_sizes, num_data, num_seeds, data=data)
        place = f"{name}, {num_seeds} seeds, noise {noise}, {shares}"
        if arguments.rungs:
            _rungs(place, grid, noise, shares, arguments)
        elif arguments.coverage or arguments.bootstrap:
            _coverage(place, grid, noise, shares, arguments)
        else:
            _verdicts(place, grid, noise, shares, arguments)


def _verdicts(place: str, grid: synthetic.Grid, noise: float, shares: str, arguments: argparse.Namespace) -> None:
    for name, truth in synthetic.TRUTHS.items():
        generator = np.random.default_rng(0)
        tables = synthetic.draw(
            grid, truth.exponents, noise, synthetic.SHARES[shares], arguments.trials, generator, level=LEVEL
        )
        trends = trend.fit_trends(*grid, tables, num_samples=arguments.samples)
        # A falling or rising error is judged where its level cannot decide.
        failure = FAILURE if name == "flat" else FAILURE / 100
        fails = collections.Counter(decisions.fails_at_any_scale(one, failure).verdict for one in trends)
        falls = collections.Counter(decisions.falls_with_scale(one).verdict for one in trends)
        wrong = [
            counts[decisions.REFUTED if holds else decisions.CONFIRMED] / arguments.trials
            for counts, holds in ((fails, truth.fails), (falls, truth.falls))
        ]
        right = [
            counts[decisions.CONFIRMED if holds else decisions.REFUTED] / arguments.trials
            for counts, holds in ((fails, truth.fails), (falls, truth.falls))
        ]
        resolved = [np.median([one.exponents[axis].resolved for one in trends]) for axis in range(2)]
        print(
            f"{place}, {name}: fails: wrong {wrong[0]:.1%} right {right[0]:.1%}; falls: wrong {wrong[1]:.1%} "
            f"right {right[1]:.1%}; resolved N {resolved[0]:.2f} D {resolved[1]:.2f}",
            flush=True,
        )


def _rungs(place: str, grid: synthetic.Grid, noise: float, shares: str, arguments: argparse.Namespace) -> None:
    for name, truth in synthetic.RUNG_TRUTHS.items():
        generator = np.random.default_rng(0)
        by_rung, by_size, by_data = synthetic.parts_of(truth, grid)
        difference, held, verdicts = by_rung - by_size - by_data, 0, collections.Counter()
        for _ in range(arguments.trials):
            rung, rows, values = synthetic.draw_rungs(grid, truth, noise, synthetic.SHARES[shares], generator)
            found = variance.decompose(rung, *rows, values, num_samples=arguments.samples, num_draws=500)
            held += found.difference.low <= difference <= found.difference.high
            verdicts[variance.bias_matters_more(found).verdict] += 1
        ordered = (decisions.REFUTED, decisions.CONFIRMED)
        wrong, right = ordered if difference > 0 else ordered[::-1]
        print(
            f"{place}, {name} (difference {difference:.2f}): wrong {verdicts[wrong] / arguments.trials:.1%} right "
            f"{verdicts[right] / arguments.trials:.1%}; interval holds {held / arguments.trials:.1%}",
            flush=True,
        )


def _coverage(place: str, grid: synthetic.Grid, noise: float, shares: str, arguments: argparse.Namespace) -> None:
    generator = np.random.default_rng(1)
    tables = synthetic.draw(grid, (0.0, 0.0), noise, synthetic.SHARES[shares], arguments.trials, generator)
    trends = trend.fit_trends(*grid, tables, num_samples=arguments.samples)
    lines = []
    for axis, name in enumerate("ND"):
        ends = np.array([(one.exponents[axis].low, one.exponents[axis].high) for one in trends])
        lines.append((name, "mixed model", ends))
    if arguments.bootstrap:
        ends = np.array([_bootstrap(grid, table, generator) for table in tables])  # (trials, 2, 2)
        lines += [(name, "bootstrap", ends[:, axis]) for axis, name in enumerate("ND")]
    text = "; ".join(
        f"{method} {name}: {np.mean((ends[:, 0] < 0) & (ends[:, 1] > 0)):.1%} (half width "
        f"{np.mean(np.diff(ends, axis=1)) / 2:.3f})"
        for name, method, ends in lines
    )
    print(f"{place}: {text}", flush=True)


def _bootstrap(grid: synthetic.Grid, table: np.ndarray, generator: np.random.Generator, num: int = 400) -> np.ndarray:
    """Percentile intervals of both exponents, (2, 2), when seeds and cells are resampled independently."""
    cell = np.unique(np.stack(grid[:2]), axis=1, return_inverse=True)[1].ravel()
    seed = grid.seed.astype(int)
    draws = [generator.multinomial(top, np.full(top, 1 / top), num) for top in (cell.max() + 1, seed.max() + 1)]
    weights = (draws[0][:, cell] * draws[1][:, seed]).astype(float)
    design = np.stack([np.ones(len(cell)), *np.log(grid[:2])]).T
    design[:, 1:] -= design[:, 1:].mean(axis=0)
    normal = np.einsum("bn,np,nq->bpq", weights, design, design, optimize=True) + 1e-9 * np.eye(3)
    slopes = np.linalg.solve(normal, ((weights * table) @ design)[:, :, None])[:, 1:, 0]
    return np.percentile(slopes, [1.25, 98.75], axis=0).T


if __name__ == "__main__":
    main()
