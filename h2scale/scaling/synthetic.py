"""Tables of known truth, to measure how often intervals cover and verdicts are wrong."""

from typing import NamedTuple

import numpy as np


class Truth(NamedTuple):
    """Exponents of the metric, and which of the claims `fails at any scale` and `falls with scale` hold."""

    exponents: tuple[float, float]  # in N, in D
    fails: bool
    falls: bool


TRUTHS = {
    "flat": Truth((0.0, 0.0), True, False),
    "falling": Truth((-0.3, -0.3), False, True),
    "rising": Truth((0.3, 0.3), True, False),
    "mixed": Truth((0.0, -0.3), False, True),
}


class Shares(NamedTuple):
    """Parts of the variance within a cell that are not independent noise; `cell` comes on top of it."""

    seed: float = 0.0  # the same in every cell of a seed
    seed_and_size: float = 0.0
    seed_and_data: float = 0.0
    seed_on_exponents: float = 0.0  # on each of the two
    cell: float = 0.0  # the same for every seed of a cell


SHARES = {
    "independent": Shares(),
    "shared": Shares(seed=0.15, seed_and_size=0.1, seed_and_data=0.1, seed_on_exponents=0.05, cell=0.15),
    "by seed and data": Shares(seed=0.25, seed_and_data=0.25),
    "by seed and size": Shares(seed=0.1, seed_and_size=0.25),
    "exponents of their own": Shares(seed=0.1, seed_on_exponents=0.2),
    "no plane": Shares(cell=0.3),
}


class Grid(NamedTuple):
    """Rows of a complete grid, each array (n,)."""

    num_params: np.ndarray
    num_train: np.ndarray
    seed: np.ndarray


def make_grid(
    num_sizes: int,
    num_data: int,
    num_seeds: int,
    *,
    params: tuple[float, float] = (1.6e3, 8.8e4),
    data: tuple[float, float] = (30.0, 480.0),
) -> Grid:
    """Make a grid of sizes and training sets, each geometric, with all seeds in every cell."""
    sizes, sets = np.geomspace(*params, num_sizes), np.geomspace(*data, num_data)
    columns = np.meshgrid(sizes, sets, np.arange(num_seeds, dtype=float), indexing="ij")
    return Grid(*(column.ravel() for column in columns))


class RungTruth(NamedTuple):
    """Law of the logarithm of a metric over three rungs."""

    step: float  # from one rung to the next
    exponents: tuple[float, float]  # in N, in D


RUNG_TRUTHS = {
    "bias": RungTruth(-1.0, (0.0, -0.1)),
    "scale": RungTruth(-0.1, (-0.3, -0.5)),
    "even, bias ahead": RungTruth(-0.6, (-0.1, -0.3)),
    "even, scale ahead": RungTruth(-0.4, (-0.2, -0.4)),
}
RUNGS = ("equilibrium", "thermal", "stretched")


def parts_of(truth: RungTruth, grid: Grid) -> tuple[float, float, float]:
    """Variances that rung, size and training set cause over a grid, each rung alike."""
    log_x = np.log([grid.num_params, grid.num_train])
    size, data = np.array(truth.exponents) ** 2 * log_x.var(axis=1)
    return truth.step**2 * float(np.var(np.arange(len(RUNGS)))), float(size), float(data)


def draw_rungs(
    grid: Grid, truth: RungTruth, noise: float, shares: Shares, generator: np.random.Generator
) -> tuple[np.ndarray, Grid, np.ndarray]:
    """Draw one table of three rungs with the same grid and seeds: rungs (n,), rows, logarithm of the metric (n,).

    The seed's own effect is shared by the rungs, all other effects are drawn for each.
    """
    apart = draw(grid, truth.exponents, noise, shares._replace(seed=0.0), len(RUNGS), generator)
    rest = np.sqrt(1 - shares.seed)  # the noise within a cell stays as stated
    place = np.unique(grid.seed, return_inverse=True)[1]
    common = np.sqrt(shares.seed) * noise * generator.normal(size=place.max() + 1)[place]
    mean = np.array(truth.exponents) @ np.log([grid.num_params, grid.num_train])
    mean -= mean.mean()
    values = [truth.step * index + mean + rest * (apart[index] - mean) + common for index in range(len(RUNGS))]
    rows = Grid(*(np.tile(column, len(RUNGS)) for column in grid))
    return np.repeat(RUNGS, len(grid.seed)), rows, np.concatenate(values)


def draw(
    grid: Grid,
    exponents: tuple[float, float],
    noise: float,
    shares: Shares,
    num_trials: int,
    generator: np.random.Generator,
    *,
    level: float = 0.0,
) -> np.ndarray:
    """Draw the logarithm of a metric, (num_trials, n).

    Args:
        grid: where.
        exponents: in N and in D.
        noise: standard deviation within a cell.
        shares: how much of its variance rows have in common.
        num_trials: tables to draw.
        generator: source of the draws.
        level: mean over the grid.
    """
    log_x = np.log([grid.num_params, grid.num_train])
    centred = log_x - log_x.mean(axis=1, keepdims=True)
    standard = centred / centred.std(axis=1, keepdims=True)
    independent = 1 - shares.seed - shares.seed_and_size - shares.seed_and_data - 2 * shares.seed_on_exponents
    effects = (
        (shares.seed, (grid.seed,), 1.0),
        (shares.seed_and_size, (grid.seed, grid.num_params), 1.0),
        (shares.seed_and_data, (grid.seed, grid.num_train), 1.0),
        (shares.seed_on_exponents, (grid.seed,), standard[0]),
        (shares.seed_on_exponents, (grid.seed,), standard[1]),
        (shares.cell, (grid.num_params, grid.num_train), 1.0),
    )
    total = level + np.array(exponents) @ centred
    total = total + np.sqrt(independent) * noise * generator.normal(size=(num_trials, len(grid.seed)))
    for share, columns, scale in effects:
        if share:
            label = np.unique(np.stack(columns), axis=1, return_inverse=True)[1].ravel()
            effect = np.sqrt(share) * noise * generator.normal(size=(num_trials, label.max() + 1))
            total = total + effect[:, label] * scale
    return total
