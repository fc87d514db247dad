"""Convergence is judged by the whole interval of the ratio of errors, paired by seed."""

import numpy as np
import pytest

from h2scale.report import convergence
from h2scale.runtime import tables


def replicas(errors_by_steps: dict[int, list[float]], diverged: tuple[int, int] | None = None) -> tables.Table:
    """One cell's table; `diverged` is steps and seed of a replica that has no errors."""
    rows = [
        (steps, seed, error, (steps, seed) != diverged)
        for steps, errors in errors_by_steps.items()
        for seed, error in enumerate(errors)
    ]
    steps, seeds, errors, finite = map(np.array, zip(*rows, strict=True))
    errors = np.where(finite, errors, np.nan)
    return {
        "arm": np.full(len(rows), "largest"),
        "rung": np.full(len(rows), "stretched"),
        "num_features": np.full(len(rows), 32.0),
        "num_train": np.full(len(rows), 480.0),
        "steps": steps.astype(float),
        "seed": seeds.astype(float),
        "finite": finite.astype(bool),
        "test_energy_mae_ev": errors,
        "test_force_mae_ev_per_angstrom": errors,
    }


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ([0.99, 1.98, 2.97], "converged"),
        ([0.80, 1.62, 2.37], "not converged"),
        ([1.20, 2.42, 3.57], "not converged"),
        ([0.80, 2.4, 3.0], "inconclusive"),
    ],
)
def test_verdict_follows_the_interval_of_paired_ratios(after, verdict):
    # Seeds differ threefold: only paired ones can tell a change of a fiftieth.
    (found,) = convergence.doublings(replicas({100: [1.0, 2.0, 3.0], 200: after}))
    assert (found.steps, found.energy.num_pairs, found.verdict) == (100, 3, verdict)


def test_only_twice_the_steps_are_compared_and_diverged_seeds_are_left_out():
    table = replicas({100: [1.0, 2.0, 3.0], 200: [1.0, 2.0, 3.0], 300: [0.1, 0.1, 0.1]}, diverged=(200, 1))
    (found,) = convergence.doublings(table)
    assert found.energy.num_pairs == 2
    assert found.energy.estimate == pytest.approx(1.0)


def test_one_seed_tells_nothing():
    (found,) = convergence.doublings(replicas({100: [1.0], 200: [0.5]}))
    assert found.verdict == "inconclusive"
