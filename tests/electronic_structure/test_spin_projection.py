"""Projection: <S^2> of exact states, nothing where nothing is mixed in, and full CI where broken fields miss it."""

import numpy as np
import pytest

from h2scale import electronic_structure, units
from h2scale.electronic_structure import cluster_features, coupled_cluster, full_ci, spin_projection

BASIS = "6-31g"
HYDROGEN = (("H", "H"), np.array([[0.0, 0, 0], [0, 0, 3.2]]))
CHAIN = (("H",) * 4, np.array([[0.0, 0, 1.63 / units.BOHR_ANGSTROM * place] for place in range(4)]))
SQUARE = (("H",) * 4, np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1.0, 0]]) * 0.8 / units.BOHR_ANGSTROM)
WATER = (("O", "H", "H"), np.array([[0.0, 0, 0], [0, 1.43, 1.11], [0, -1.43, 1.11]]))
HYDROXYL = (("O", "H"), np.array([[0.0, 0, 0], [0, 0, 1.85]]))

MILLIHARTREE = 1e-3


def molecule_of(system, spin_multiplicity=1, symmetry=False):
    symbols, positions = system
    return electronic_structure.make_molecule(
        symbols, positions, BASIS, spin_multiplicity=spin_multiplicity, symmetry=symmetry
    )


def lowest(system, spin_multiplicity=1):
    molecule = molecule_of(system, spin_multiplicity)
    with electronic_structure.one_thread():
        return molecule, electronic_structure.lowest_field(molecule, "hf")


def projected(system, *, distinguishable=False):
    """Energy of coupled cluster on the lowest field, its <S^2>, and what projection makes of it."""
    molecule, solution = lowest(system)
    core = coupled_cluster.num_core_orbitals(molecule)
    with electronic_structure.one_thread():
        field = solution.field
        solved = coupled_cluster.solve(molecule, field, core, False, distinguishable=distinguishable)
        made = spin_projection.project(molecule, solution, field, solved, core, distinguishable=distinguishable)
    assert solution.spin_squared > 0.5, "the field is not broken: this test checks nothing"
    value = spin_projection.spin_squared(molecule, solution.field, solved.amplitudes)
    return solution.energy_hartree + solved.correlation, value, made


def full_ci_energy(system):
    return min(full_ci.lowest_by_irrep(full_ci.active_space(molecule_of(system, symmetry="D2h"), 0), 1).values())


def test_two_electrons_on_a_broken_field_are_a_singlet():
    _, value, made = projected(HYDROGEN)
    assert value == pytest.approx(0, abs=1e-4)
    assert made.shift == 0


@pytest.mark.parametrize("distinguishable", [False, True])
@pytest.mark.parametrize(("system", "error", "multiplicity"), [(CHAIN, 1, 3), (SQUARE, 2, 3)], ids=["chain", "square"])
def test_projection_leads_to_full_ci(system, error, multiplicity, distinguishable):
    """Of a chain whose bonds break coupled cluster is too high, of a small square, a triplet, too low."""
    energy, value, made = projected(system, distinguishable=distinguishable)
    exact = full_ci_energy(system)
    assert value > 0.2
    assert made.spin_multiplicity == multiplicity
    assert abs(energy - exact) > 5 * MILLIHARTREE, "nothing is left to project: this test checks nothing"
    assert abs(energy + made.shift - exact) < error * MILLIHARTREE


@pytest.mark.parametrize(("system", "multiplicity"), [(HYDROXYL, 2), (CHAIN, 5), (HYDROGEN, 3)])
def test_spin_of_states_that_have_one(system, multiplicity):
    molecule, solution = lowest(system, multiplicity)
    spin = (multiplicity - 1) / 2
    core = coupled_cluster.num_core_orbitals(molecule)
    solved = coupled_cluster.solve(molecule, solution.field, core, False)
    value = spin_projection.spin_squared(molecule, solution.field, solved.amplitudes)
    assert value == pytest.approx(spin * (spin + 1), abs=2e-3)
    assert abs(value - spin * (spin + 1)) <= abs(solution.spin_squared - spin * (spin + 1)) + 1e-9


def test_whole_bonds_are_left_alone():
    molecule, solution = lowest(WATER)
    described = cluster_features.describe_projected(molecule, solution, distinguishable=False)
    assert described.shift_hartree == 0
    own = cluster_features.describe(molecule, solution)
    assert described.energy_hartree == pytest.approx(own.uccsd_hartree, abs=1e-8)
    np.testing.assert_allclose(described.tables, own.tables, atol=1e-7)


def test_closed_shell_beside_a_broken_bond_adds():
    symbols, positions = CHAIN
    far = np.array([0.0, 60.0, 0.0])
    both = ((*symbols, "H", "H"), np.concatenate([positions, np.array([[0, 0, 0], [0, 0, 1.4]]) + far]))
    whole, broken, closed = (
        cluster_features.describe_projected(*lowest(system), distinguishable=False)
        for system in (both, CHAIN, (("H", "H"), np.array([[0, 0, 0], [0, 0, 1.4]])))
    )
    assert abs(broken.shift_hartree) > 5 * MILLIHARTREE
    assert whole.energy_hartree == pytest.approx(broken.energy_hartree + closed.energy_hartree, abs=2e-6)


def test_control_of_a_radical_beside_a_broken_bond_does_not_add():
    symbols, positions = CHAIN
    both = ((*symbols, "H"), np.concatenate([positions, [[0.0, 60.0, 0.0]]]))
    whole = cluster_features.describe_projected(*lowest(both, 2), distinguishable=False)
    broken = cluster_features.describe_projected(*lowest(CHAIN), distinguishable=False)
    atom = cluster_features.describe_projected(*lowest((("H",), np.zeros((1, 3))), 2), distinguishable=False)
    assert abs(whole.energy_hartree - broken.energy_hartree - atom.energy_hartree) > MILLIHARTREE
