"""Geometries from geometries, judged on a made-up molecule of springs whose answers are known."""

import numpy as np
import pytest

from h2scale.labels import geometries

RADII = np.array([0.7, 0.7, 0.3])
BONDS = ((0, 1), (1, 2))
START = np.array([[0.0, 0.1, 0.0], [1.3, 0.0, 0.1], [2.0, 0.9, 0.0]])
LENGTHS, STIFFNESS = (1.4, 1.0), (30.0, 20.0)


def springs(positions):
    """Two bonds and a weaker third between the ends."""
    energy, forces = 0.0, np.zeros_like(positions)
    for (i, j), length, stiffness in zip((*BONDS, (0, 2)), (*LENGTHS, 2.0), (*STIFFNESS, 5.0), strict=True):
        vector = positions[j] - positions[i]
        distance = np.linalg.norm(vector)
        energy += 0.5 * stiffness * (distance - length) ** 2
        pull = stiffness * (distance - length) * vector / distance
        forces[i] += pull
        forces[j] -= pull
    return energy, forces


def relaxed(**options):
    return geometries.minimize(springs, START, max_force=1e-6, max_steps=200, **options)[0]


def test_a_minimum_has_no_forces_and_the_lengths_of_its_springs():
    positions, energy, forces = geometries.minimize(springs, START, max_force=1e-6, max_steps=200)
    assert np.abs(forces).max() <= 1e-6
    assert energy < 1e-12
    for (i, j), length in zip(BONDS, LENGTHS, strict=True):
        assert np.linalg.norm(positions[i] - positions[j]) == pytest.approx(length, abs=1e-6)


def test_relaxation_that_does_not_end_is_an_error_with_its_force():
    with pytest.raises(ValueError, match=r"unfinished: a force of \d+\.\d{3} eV/angstrom after 1 steps"):
        geometries.minimize(springs, START, max_force=1e-9, max_steps=1)


def test_a_model_hessian_is_that_of_its_springs():
    # Rigid translation costs nothing but the soft spring that every coordinate has.
    matrix = geometries.model_hessian(START, RADII)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    translation = np.tile([1.0, 0.0, 0.0], 3)
    np.testing.assert_allclose(matrix @ translation, 2.0 * translation, atol=1e-12)
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_differences_of_forces_give_the_second_derivatives():
    positions = relaxed()
    matrix = geometries.hessian(springs, positions)
    step = 1e-3 * np.random.default_rng(0).normal(size=positions.shape)
    # At a minimum the energy of a small step is its quadratic form, up to third order.
    assert springs(positions + step)[0] == pytest.approx(0.5 * step.ravel() @ matrix @ step.ravel(), rel=1e-2)


def test_one_sided_differences_agree_to_first_order_at_half_the_calls():
    positions, calls = relaxed(), []

    def counted(at):
        calls.append(at)
        return springs(at)

    both = geometries.hessian(springs, positions)
    one_sided = geometries.hessian(counted, positions, springs(positions)[1])
    assert len(calls) == positions.size
    np.testing.assert_allclose(one_sided, both, atol=0.05 * np.abs(both).max())


def test_modes_are_vibrations_only_and_a_diatomic_has_its_textbook_frequency():
    masses = np.array([12.0, 16.0])
    stiffness = 118.6  # eV/angstrom^2, 1900 N/m
    along = np.array([[0.0, 0, 0, 0, 0, 0]] * 6)
    along[2, 2] = along[5, 5] = stiffness
    along[2, 5] = along[5, 2] = -stiffness
    modes = geometries.normal_modes(along, np.array([[0.0, 0, 0], [0, 0, 1.13]]), masses)
    reduced_mass_kg = 12.0 * 16.0 / 28.0 * 1.66053906660e-27
    omega = np.sqrt(stiffness * 16.02176634 / reduced_mass_kg)  # 1 eV/angstrom^2 = 16.02 N/m
    assert modes.quanta_ev.shape == (1,)
    assert modes.quanta_ev[0] == pytest.approx(1.054571817e-34 * omega / 1.602176634e-19, rel=1e-6)


def test_modes_of_a_bent_molecule_are_orthonormal_and_leave_the_center_of_mass():
    positions, masses = relaxed(), np.array([12.0, 14.0, 1.0])
    modes = geometries.normal_modes(geometries.hessian(springs, positions), positions, masses)
    flat = modes.vectors.reshape(3, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.einsum("mai,a->mi", modes.vectors, np.sqrt(masses)), 0, atol=1e-12)


def network(stiffness_of_first_pair):
    """Six atoms at rest, springs between all of them: positions, masses, second derivatives, energy and forces, and the
    second derivatives of springs that are all a little different and none negative.
    """
    rng = np.random.default_rng(3)
    positions, masses = 1.5 * rng.normal(size=(6, 3)), rng.uniform(1, 16, 6)
    matrix, guess = np.zeros((18, 18)), np.zeros((18, 18))
    for i in range(6):
        for j in range(i):
            direction = np.zeros((6, 3))
            direction[i] = positions[i] - positions[j]
            direction[i] /= np.linalg.norm(direction[i])
            direction[j] = -direction[i]
            stiffness = stiffness_of_first_pair if (i, j) == (1, 0) else rng.uniform(5, 40)
            matrix += stiffness * np.outer(direction, direction)
            guess += abs(stiffness) * rng.uniform(0.7, 1.4) * np.outer(direction, direction)

    def energy_and_forces(moved):
        change = (moved - positions).ravel()
        return 0.5 * change @ matrix @ change, -(matrix @ change).reshape(6, 3)

    return positions, masses, matrix, energy_and_forces, guess


def counted(function):
    calls = []
    return calls, lambda positions: (calls.append(1), function(positions))[1]


def test_the_lowest_vibration_is_that_of_all_second_derivatives_for_fewer_forces():
    positions, masses, matrix, evaluate, guess = network(20.0)
    calls, evaluate = counted(evaluate)
    found, direction = geometries.lowest_quantum(evaluate, positions, masses, guess, geometries.IMAGINARY_EV)
    modes = geometries.normal_modes(matrix, positions, masses)
    assert found == pytest.approx(modes.quanta_ev[0], rel=0.05)
    expected = modes.vectors[0] / np.sqrt(masses)[:, None]
    assert abs(np.sum(direction * expected)) > 0.95 * np.linalg.norm(expected)
    assert len(calls) < 36


def test_a_saddle_is_found_though_the_guess_knows_none():
    positions, masses, matrix, evaluate, guess = network(-60.0)
    truth = geometries.normal_modes(matrix, positions, masses).quanta_ev[0]
    assert truth < geometries.IMAGINARY_EV
    found, _ = geometries.lowest_quantum(evaluate, positions, masses, guess, geometries.IMAGINARY_EV)
    assert truth - 1e-9 <= found < geometries.IMAGINARY_EV


def test_thermal_displacements_have_the_classical_mean_energy():
    # Equipartition: kT / 2 for each mode of a harmonic energy.
    masses, kelvin = np.array([12.0, 14.0, 1.0]), 300.0
    positions = relaxed()
    matrix = geometries.hessian(springs, positions)
    modes = geometries.normal_modes(matrix, positions, masses)
    rng = np.random.default_rng(0)
    energies = []
    for _ in range(4000):
        step = (geometries.thermal(positions, modes, masses, kelvin, rng) - positions).ravel()
        energies.append(0.5 * step @ matrix @ step)
    expected = 3 * geometries.BOLTZMANN_EV_PER_KELVIN * kelvin / 2
    assert np.mean(energies) == pytest.approx(expected, rel=5 * np.sqrt(2 / 3 / 4000))


def test_soft_modes_stay_where_they_are():
    masses = np.array([12.0, 14.0, 1.0])
    positions = relaxed()
    modes = geometries.normal_modes(geometries.hessian(springs, positions), positions, masses)
    softened = modes._replace(quanta_ev=np.full(3, 0.9 * geometries.SOFT_MODE_EV))
    moved = geometries.thermal(positions, softened, masses, 1000.0, np.random.default_rng(0))
    np.testing.assert_array_equal(moved, positions)


def test_stretching_moves_one_side_and_sets_the_length():
    side = geometries.fragment(3, BONDS, (0, 1))
    assert side == (1, 2)
    moved = geometries.stretch(START, (0, 1), side, 2.5)
    before, after = (np.linalg.norm(p[1] - p[0]) for p in (START, moved))
    assert after == pytest.approx(2.5 * before)
    np.testing.assert_allclose(moved[2] - moved[1], START[2] - START[1])
    np.testing.assert_array_equal(moved[0], START[0])


def test_a_ring_bond_has_no_sides():
    assert geometries.fragment(3, (*BONDS, (0, 2)), (0, 1)) is None


def test_scaling_multiplies_every_distance():
    moved = geometries.scale(START, 1.7)
    np.testing.assert_allclose(
        np.linalg.norm(moved[:, None] - moved, axis=-1), 1.7 * np.linalg.norm(START[:, None] - START, axis=-1)
    )


def test_shortest_distance_is_that_of_the_nearest_pair():
    assert geometries.shortest_distance(relaxed()) == pytest.approx(1.0, abs=1e-6)
