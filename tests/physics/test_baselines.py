"""Baselines: limits of the methods and summaries known by hand."""

import pathlib

import numpy as np

from h2scale.physics import baselines


def test_two_electrons_in_two_orbitals_are_full_ci_in_two_functions(tmp_path: pathlib.Path) -> None:
    active, full = (
        baselines.compute_curve(baselines.Task(method, "sto-3g"), np.array([1.4, 20.0]), tmp_path)
        for method in ("CAS(2,2)", "FCI")
    )
    np.testing.assert_allclose(active.energies_hartree, full.energies_hartree, rtol=0, atol=1e-7)


def test_the_summary_is_sorted_and_known_by_hand() -> None:
    made = [baselines.Row("A", "x", distance, 0.0, error) for distance, error in ((0.3, -2.0), (0.7, 1.0), (4.0, 0.0))]
    made += [baselines.Row("B", "x", distance, 0.0, 0.1) for distance in (0.3, 0.7, 2.0, 4.0)]
    best, worst = baselines.summarize(made)
    np.testing.assert_allclose(best[2:], [0.1, 0.1, 0.1, 0.1, 0.1, 0.0, 0.1], atol=1e-15)
    np.testing.assert_allclose(worst[2:], [1.0, 2.0, 1.0, np.nan, 0.0, 3.0, -2.0], rtol=1e-15)
