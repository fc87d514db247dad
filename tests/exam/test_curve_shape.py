"""The shape metrics of other exams, on curves whose numbers are known by hand, and their grids."""

import numpy as np
import pytest
from exam_local import Local, made_up

from h2scale.exam.sections import curve_shape, shapes

DISTANCES = np.linspace(0.4, 6.0, 561)


def morse(distances):
    decay = np.exp(-2.0 * (distances - 1.0))
    return 4.0 * ((1 - decay) ** 2 - 1), -4.0 * 2 * (1 - decay) * 2.0 * decay


def test_smooth_bound_curve_is_ideal_by_every_metric():
    energies, forces = morse(DISTANCES)
    assert curve_shape.tortuosity(energies) == pytest.approx(1.0)
    assert curve_shape.energy_flips(energies) == 1
    assert curve_shape.force_flips(forces) == 1
    assert curve_shape.spearman_repulsion(DISTANCES, energies) == pytest.approx(-1.0)
    assert curve_shape.spearman_attraction(DISTANCES, energies) == pytest.approx(1.0)
    assert curve_shape.spearman_force_descending(DISTANCES, forces) == pytest.approx(-1.0)
    assert curve_shape.spearman_force_ascending(DISTANCES, forces) == pytest.approx(1.0)
    assert curve_shape.minima_ml_peg(energies) == 1
    assert curve_shape.inflections_ml_peg(DISTANCES, energies) == 1
    assert curve_shape.conservation_deviation(DISTANCES, energies, forces) < 0.01


def test_conservation_deviation_is_the_mean_force_that_is_missing():
    energies, forces = morse(DISTANCES)
    assert curve_shape.conservation_deviation(DISTANCES, energies, forces + 3.0) == pytest.approx(3.0, abs=0.01)


def test_jump_counts_both_steps_at_every_turn():
    energies = np.array([3.0, 1.0, 0.0, 2.0, 1.5, 4.0])  # turns at 0, 2 and 1.5
    assert curve_shape.energy_flips(energies) == 3
    assert curve_shape.energy_total_variation(energies) == pytest.approx(2 + 1 + 2 + 0.5 + 2.5)
    assert curve_shape.energy_jump(energies) == pytest.approx((1 + 2) + (2 + 0.5) + (0.5 + 2.5))
    assert curve_shape.tortuosity(energies) == pytest.approx((2 + 1 + 2 + 0.5 + 2.5) / (3 + 4))


def test_ripple_below_a_millielectronvolt_is_no_turn():
    energies = np.array([2.0, 1.0, 1.0005, 0.5, 0.4998, 1.0])
    assert curve_shape.energy_flips(energies) == 1


def test_force_that_wavers_beyond_its_strongest_attraction_is_not_ordered():
    _, forces = morse(DISTANCES)
    wavering = forces + 0.5 * np.sin(20 * DISTANCES) * (DISTANCES > 2)
    assert curve_shape.spearman_force_descending(DISTANCES, wavering) == pytest.approx(-1.0)
    assert curve_shape.spearman_force_ascending(DISTANCES, wavering) < 0.9


def test_steepest_slope_is_that_of_the_wall():
    energies, forces = morse(DISTANCES)
    # at its end the derivative is one-sided: half a step times the curvature is 2.4 % of the slope
    assert curve_shape.steepest_slope(DISTANCES, energies) == pytest.approx(np.abs(forces).max(), rel=0.03)


def test_small_forces_do_not_flip():
    assert curve_shape.force_flips(np.array([5.0, 0.5, -0.005, 0.005, -0.5, -0.2])) == 1
    assert curve_shape.force_total_variation(np.array([1.0, -1.0, 0.5])) == pytest.approx(3.5)
    assert curve_shape.force_jump(np.array([1.0, -1.0, 0.5])) == pytest.approx(3.5)


def test_false_hole_at_short_range_is_a_second_minimum():
    energies, _ = morse(DISTANCES)
    hole = energies - 40.0 * np.exp(-(((DISTANCES - 0.5) / 0.03) ** 2))
    assert curve_shape.minima_ml_peg(hole) == 2
    assert curve_shape.energy_flips(hole) == 3


def test_curve_without_inner_minimum_has_no_constants():
    with pytest.raises(ValueError, match="no inner minimum"):
        curve_shape.constants(DISTANCES, 1 / DISTANCES, 1.0)


def test_constants_of_a_morse_curve():
    grid = np.geomspace(0.5, 4.0, 54)
    found = curve_shape.constants(grid, morse(grid)[0], 1.0)
    # k = 2 D a^2 = 32 eV/angstrom^2; omega = sqrt(k / m) / (2 pi c), 521.47 1/cm for 1 eV/angstrom^2 and 1 dalton
    assert found.bond_length_angstrom == pytest.approx(1.0, abs=1e-5)
    assert found.energy_ev == pytest.approx(-4.0, abs=1e-5)
    assert found.omega_e_per_cm == pytest.approx(521.47 * np.sqrt(32), rel=2e-4)


def test_grids_for_hydrogen_are_those_of_the_benchmarks():
    arena = shapes.arena_distances(1)
    assert (arena[0], arena[-1]) == pytest.approx((0.279, 3.72))
    assert np.ptp(np.diff(arena)) < 1e-12
    assert np.diff(arena)[0] == pytest.approx(0.01, rel=5e-3)
    assert len(shapes.ML_PEG_DISTANCES) == 100
    assert np.diff(shapes.ML_PEG_DISTANCES)[0] == pytest.approx(0.0588, abs=1e-4)
    assert len(shapes.MATBENCH_DISTANCES) == 119
    scored = shapes.matbench_distances(1)
    assert scored[0] >= 0.279
    assert scored[-1] <= 3.72


def test_section_measures_every_metric_and_judges_none():
    part = shapes.examine(Local(made_up("Honest")), ("H",))
    assert {one.status for one in part.findings} == {"measured"}
    assert {one.section for one in part.findings} == {
        "shape, MLIP Arena",
        "shape, ml-peg",
        "shape, matbench-discovery",
    }
    found = {(one.section, one.check): one.value for one in part.findings}
    assert found["shape, MLIP Arena", "tortuosity"] == pytest.approx(1.0, abs=1e-6)
