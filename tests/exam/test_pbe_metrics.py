"""matbench-discovery's metrics against PBE: zero for the reference itself, and known numbers for known changes."""

import numpy as np
import pytest
from exam_local import Local, made_up

from h2scale.exam.references import tables
from h2scale.exam.sections import pbe_metrics, shapes

DISTANCES = np.geomspace(0.3, 6.0, 119)


def morse(distances, length=1.0, depth=4.0, width=2.0):
    return depth * ((1 - np.exp(-width * (distances - length))) ** 2 - 1)


REFERENCE = morse(DISTANCES)


def test_reference_itself_has_no_error():
    assert pbe_metrics.energy_error(DISTANCES, REFERENCE, REFERENCE) < 1e-12
    assert pbe_metrics.bond_length_error(DISTANCES, REFERENCE, REFERENCE) == 0
    assert pbe_metrics.depth_error(REFERENCE, REFERENCE) == 0
    assert pbe_metrics.frequency_error(DISTANCES, REFERENCE, REFERENCE, 1.0) == 0
    assert pbe_metrics.wall_error(DISTANCES, REFERENCE, REFERENCE) == 0


def test_a_constant_is_no_energy_error_and_a_slope_is():
    assert pbe_metrics.energy_error(DISTANCES, REFERENCE + 7.0, REFERENCE) == pytest.approx(0.0, abs=1e-12)
    tilted = REFERENCE + DISTANCES  # zero at 6 angstrom, evenly spaced on the grid: half of its range on average
    assert pbe_metrics.energy_error(DISTANCES, tilted, REFERENCE) == pytest.approx(5.7 / 2)


def test_force_error_is_a_third_of_the_error_along_the_bond():
    assert pbe_metrics.force_error(DISTANCES, REFERENCE + 3.0, REFERENCE) == pytest.approx(1.0)


def test_longer_deeper_and_softer_bonds_are_measured():
    # 2.5 % apart, as the benchmark samples, a parabola through five points is off by 5 % in the wave number
    fine = np.geomspace(0.3, 6.0, 3000)
    reference = morse(fine)
    longer, deeper, softer = morse(fine, length=1.1), morse(fine, depth=5.0), morse(fine, width=1.0)
    assert pbe_metrics.bond_length_error(fine, longer, reference) == pytest.approx(0.1, abs=1e-4)
    assert pbe_metrics.depth_error(deeper, reference) == pytest.approx(1.0, abs=1e-3)  # 0.4 meV lack at 6 angstrom
    # k = 2 D a^2 is 32 and 8 eV/angstrom^2: 521.47 1/cm times the difference of the roots, for one dalton
    expected = 521.47 * (np.sqrt(32) - np.sqrt(8))
    assert pbe_metrics.frequency_error(fine, softer, reference, 1.0) == pytest.approx(expected, rel=3e-3)


def test_wall_that_is_never_reached_costs_the_whole_distance():
    levels = [level for level in pbe_metrics.WALL_LEVELS_EV if level < REFERENCE[0] - REFERENCE.min()]
    # the Morse wall climbs to v above its minimum at r = 1 - log(1 + sqrt(v / 4)) / 2
    radii = [1 - np.log(1 + np.sqrt(level / 4)) / 2 for level in levels]
    hole = np.where(DISTANCES < 0.95, REFERENCE.min() - 1.0, REFERENCE)
    assert pbe_metrics.wall_error(DISTANCES, hole, REFERENCE) == pytest.approx(np.mean(radii), rel=0.01)


def test_unbound_reference_has_no_bond():
    with pytest.raises(ValueError, match=r"binds by less than 0\.05 eV"):
        pbe_metrics.depth_error(REFERENCE, 1 / DISTANCES)


def test_shipped_pbe_force_is_minus_its_slope():
    curve = tables.shipped("H2", shapes.PBE_LABEL)[0]
    distances = np.array([0.5, 0.9, 2.0])
    step = 1e-4
    slope = (tables.resample(curve, distances + step) - tables.resample(curve, distances - step)) / (2 * step)
    np.testing.assert_allclose(tables.bond_force(curve, distances), -slope, rtol=1e-6, atol=1e-7)


def test_only_pairs_with_a_shipped_pbe_curve_are_compared():
    part = shapes.examine(Local(made_up("Honest")), ("H", "N"))
    compared = {one.system for one in part.findings if one.check.startswith("PBE")}
    assert compared == {"HH"}
    assert all("VASP's in the benchmark" in one.reason for one in part.findings if one.check.startswith("PBE"))
