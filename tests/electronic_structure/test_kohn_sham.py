"""Kohn-Sham solutions on a stored grid against PySCF's own fields, and against laws of orbital rotations."""

import numpy as np
import pytest
from pyscf import dft

from h2scale import electronic_structure, units
from h2scale.electronic_structure import kohn_sham, stability, starts

LEVEL = kohn_sham.Level()
COARSE = LEVEL._replace(grid_level=0)  # for laws that hold on any grid
SMALL = COARSE._replace(basis="sto-3g")  # and in any basis
WATER = (("O", "H", "H"), np.array([[0, 0, 0.2], [0, 1.5, -0.9], [0.1, -1.4, -1.0]]))


@pytest.fixture(autouse=True)
def _one_thread():
    with electronic_structure.one_thread():
        yield


def prepared(symbols, positions_bohr, level=LEVEL, **options):
    molecule = electronic_structure.make_molecule(symbols, positions_bohr, level.basis, **options)
    return kohn_sham.prepare(molecule, level)


def diatomic(symbols, distance_angstrom, level=LEVEL, **options):
    positions = np.array([[0, 0, 0], [0, 0, distance_angstrom / units.BOHR_ANGSTROM]])
    return prepared(symbols, positions, level, **options)


def plain(problem, kind):
    """PySCF's field on its own grid."""
    field = kind(problem.molecule, xc=problem.level.functional).density_fit()
    field.grids.level, field.conv_tol, field.verbose = problem.level.grid_level, 1e-10, 0
    field.kernel()
    return field


def test_restricted_energy_and_forces_are_pyscfs():
    problem = prepared(*WATER, level=COARSE)
    solution = kohn_sham.restricted(problem)
    reference = plain(problem, dft.RKS)
    assert solution.energy_hartree == pytest.approx(reference.e_tot, abs=1e-8)
    gradient = reference.nuc_grad_method()
    gradient.verbose = 0
    # The density is converged to 1e-4 of a gradient, forces to about that squared and the grid's omitted points.
    np.testing.assert_allclose(kohn_sham.forces(problem, solution), -gradient.kernel(), atol=2e-5)


def test_unrestricted_energy_forces_and_spin_are_pyscfs():
    problem = diatomic(("O", "O"), 1.25, COARSE, spin_multiplicity=3)
    solution = kohn_sham.unrestricted(problem, starts.polarised(problem, np.ones(2)))
    reference = plain(problem, dft.UKS)
    assert solution.energy_hartree == pytest.approx(reference.e_tot, abs=1e-8)
    assert solution.spin_squared == pytest.approx(reference.spin_square()[0], abs=1e-4)
    gradient = reference.nuc_grad_method()
    gradient.verbose = 0
    np.testing.assert_allclose(kohn_sham.forces(problem, solution), -gradient.kernel(), atol=2e-5)


def test_another_grid_of_the_same_problem_is_that_grid():
    coarse = diatomic(("F", "H"), 0.92, COARSE)
    found = kohn_sham.restricted(coarse)
    refined = kohn_sham.restricted(kohn_sham.refine(coarse, 1), found.orbitals)
    own = kohn_sham.restricted(diatomic(("F", "H"), 0.92, COARSE._replace(grid_level=1)))
    assert refined.energy_hartree == pytest.approx(own.energy_hartree, abs=2e-8)
    assert abs(refined.energy_hartree - found.energy_hartree) > 1e-6


@pytest.mark.parametrize(("distance", "stable"), [(0.75, True), (1.2, True), (2.0, False), (4.0, False)])
def test_restricted_h2_is_stable_until_its_bond_breaks(distance, stable):
    problem = diatomic(("H", "H"), distance, COARSE)
    curvature, _ = stability.lowest_curvature(problem, kohn_sham.restricted(problem).field)
    assert (curvature > 0) == stable


@pytest.mark.parametrize("distance", [1.4, 2.5])
def test_curvature_is_the_second_difference_of_the_energy(distance):
    problem = diatomic(("N", "N"), distance, SMALL)
    solution = kohn_sham.restricted(problem)
    curvature, direction = stability.lowest_curvature(problem, solution.field)
    angle = 0.01
    # `_turned` scales the direction to a largest entry of one.
    length = angle / np.abs(direction).max() * np.linalg.norm(direction)
    field = problem.make_field(restricted=False)

    def energy(angle):
        orbitals, occupations = stability._turned(solution.field, direction, angle)
        return field.energy_tot(np.einsum("sio,so,sjo->sij", orbitals, occupations, orbitals))

    start = energy(0.0)
    ends = [energy(sign * angle) for sign in (-1, 1)]
    assert (ends[0] + ends[1] - 2 * start) / 2 == pytest.approx(curvature * length**2, rel=0.03, abs=2e-8)


def test_following_an_instability_ends_lower_and_stable():
    problem = diatomic(("N", "N"), 2.5, SMALL)
    restricted = kohn_sham.restricted(problem)
    relaxed, rounds = stability.relax(problem, restricted)
    assert rounds >= 1
    assert relaxed.energy_hartree < restricted.energy_hartree - 0.1
    assert stability.lowest_curvature(problem, relaxed.field)[0] > -1e-4


def test_transferred_orbitals_are_orthonormal():
    near, far = diatomic(("C", "O"), 1.1, SMALL), diatomic(("C", "O"), 1.3, SMALL)
    moved = starts.transferred(far, kohn_sham.restricted(near).orbitals)
    np.testing.assert_allclose(moved.up.T @ far.overlap @ moved.up, np.eye(7), atol=1e-10)


def test_opposite_atoms_start_with_the_spins_they_were_given():
    problem = diatomic(("H", "H"), 6.0)
    orbitals = starts.polarised(problem, np.array([1.0, -1.0]))
    on_first = [np.sum((o.T @ problem.overlap)[:, :5] * o.T[:, :5]) for o in orbitals]
    assert on_first[0] > 0.99
    assert on_first[1] < 0.01


@pytest.mark.parametrize(
    ("level", "message"),
    [
        (LEVEL._replace(functional="nonsense"), "functional must be one that PySCF knows; got 'nonsense'"),
        (LEVEL._replace(functional="wb97x"), "without range separation"),
        (LEVEL._replace(functional="m06"), "density and its gradient"),
    ],
)
def test_an_unsuitable_functional_is_refused(level, message):
    with pytest.raises(ValueError, match=message):
        prepared(("H",), np.zeros((1, 3)), level, spin_multiplicity=2)
