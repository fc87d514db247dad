"""Rungs nest, and nothing outside the ladder slips into one."""

import itertools

import numpy as np
import pytest

from h2scale import data
from h2scale.data import rungs
from h2scale.physics import curves


@pytest.fixture(scope="module")
def shipped():
    return data.load_dataset("pbe0_def2svp")


def test_each_rung_holds_the_one_below_and_more(shipped):
    held = [rungs.in_rung(shipped, rung) for rung in rungs.RUNGS]
    for below, above in itertools.pairwise(held):
        assert (above | ~below).all()
        assert above.sum() > below.sum()


@pytest.mark.parametrize("rung", rungs.RUNGS)
def test_atoms_and_the_test_curve_are_in_no_rung(shipped, rung):
    outside = np.isin(shipped.rung, [rungs.ATOM, rungs.TEST_CURVE])
    assert outside.any()
    assert not rungs.in_rung(shipped, rung)[outside].any()


def test_equilibrium_frames_are_at_rest(shipped):
    """The design's criterion is the largest force, a vector: below 0.05 eV/angstrom at the label level."""
    minima = shipped.select(np.flatnonzero(shipped.rung == "equilibrium"))
    assert np.linalg.norm(minima.forces, axis=1).max() < 0.05


@pytest.mark.parametrize("rung", ["atom", "test_curve", "equilibirum", ""])
def test_an_unknown_rung_lists_those_that_exist(shipped, rung):
    with pytest.raises(ValueError, match=rf"data\.rung must be one of equilibrium, .*, h2; got '{rung}'"):
        rungs.in_rung(shipped, rung)


def test_the_teachers_curve_lies_on_the_test_distances(shipped):
    distances, energies = rungs.teacher_h2_curve(shipped)
    # Positions were stored to 1e-8 angstrom.
    np.testing.assert_allclose(distances, curves.H2_TEST_DISTANCES_ANGSTROM, atol=2e-8, rtol=0)
    assert abs(energies[-1]) < 1e-3  # broken symmetry separates into two atoms; the integration grid leaves 0.1 meV
    assert 0.7 < distances[np.argmin(energies)] < 0.8


def h2_distances_energies_pulls(dataset, rung):
    curve = dataset.select(np.flatnonzero(dataset.rung == rung))
    bonds = curve.positions[1::2] - curve.positions[::2]
    distances = np.linalg.norm(bonds, axis=1)
    return distances, curve.energy, np.sum(curve.forces[1::2] * bonds, axis=1) / distances


def test_h2_forces_are_the_slope_between_its_test_energies(shipped):
    """The training distances lie in the middle of test intervals, so two computations made apart judge each other."""
    testing, energies, _ = h2_distances_energies_pulls(shipped, rungs.TEST_CURVE)
    distances, _, pulls = h2_distances_energies_pulls(shipped, "h2")
    right = np.searchsorted(testing, distances)
    slopes = (energies[right] - energies[right - 1]) / (testing[right] - testing[right - 1])
    # Second order in an interval of 3% of the distance; beyond 2.5 angstrom the integration grid's noise dominates.
    assert (np.abs(-slopes - pulls) < 2e-3 * np.abs(pulls) + 5e-3).all()


def test_a_dataset_without_the_curve_is_told_so(shipped):
    with pytest.raises(ValueError, match="no structures of rung 'test_curve'"):
        rungs.teacher_h2_curve(shipped.select(np.arange(5)))
