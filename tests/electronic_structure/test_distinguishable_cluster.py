"""The distinguishable cluster: exact for two electrons, a sum over fragments, and the numbers of another program."""

import numpy as np
import pytest

from h2scale import electronic_structure
from h2scale.electronic_structure import cluster_features, coupled_cluster, distinguishable_cluster
from h2scale.electronic_structure.atom_pairs import Blocks

WATER = (
    ("O", "H", "H"),
    np.array([[0.0, 0.0, -0.130186067], [0, 1.489124508, 1.033245507], [0, -1.489124508, 1.033245507]]),
)
HYDRIDE = (("Li", "H"), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0]]))
HYDROGEN = (("H", "H"), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 2.6]]))
CHAIN = (("H",) * 4, np.array([[0.0, 0.0, 1.63 / 0.529177 * place] for place in range(4)]))
FAR = np.array([0.0, 200.0, 0.0])  # where two dipoles of lithium hydride are worth less than a microhartree


def molecule_of(system, basis="6-31g", spin_multiplicity=1):
    symbols, positions = system
    return electronic_structure.make_molecule(symbols, positions, basis, spin_multiplicity=spin_multiplicity)


def correlation(molecule, *, core=0, restricted=False, distinguishable=True):
    with electronic_structure.one_thread():
        solution = electronic_structure.mean_field(
            molecule, "hf", restricted=restricted, density=None, grid_level=0, follow=True
        )
        solved = coupled_cluster.solve(molecule, solution.field, core, restricted, distinguishable=distinguishable)
    return solved.correlation


def lowest(system):
    molecule = molecule_of(system)
    with electronic_structure.one_thread():
        return cluster_features.describe_distinguishable(molecule, electronic_structure.lowest_field(molecule, "hf"))


def test_two_electrons_are_exact():
    molecule = molecule_of(HYDROGEN)
    for restricted in (True, False):
        expected = correlation(molecule, restricted=restricted, distinguishable=False)
        assert correlation(molecule, restricted=restricted) == pytest.approx(expected, abs=1e-6)


def test_closed_shells_are_the_same_by_both_forms():
    molecule = molecule_of(HYDRIDE)
    closed = correlation(molecule, restricted=True)
    assert correlation(molecule, restricted=False) == pytest.approx(closed, abs=1e-7)
    assert abs(closed - correlation(molecule, restricted=True, distinguishable=False)) > 1e-6


def test_triplet_water_is_that_of_another_program():
    """UDCSD/cc-pVDZ with density fitting by ElemCo.jl's test `df_uhf`: -0.1866586; the fit is worth 0.1 mhartree.

    What makes it the distinguishable cluster is 3.6 mhartree.
    """
    molecule = molecule_of(WATER, "cc-pvdz", 3)
    assert correlation(molecule, core=1) == pytest.approx(-0.1866586, abs=2e-4)
    assert correlation(molecule, core=1, distinguishable=False) > -0.1835


def test_spins_are_alike():
    """Terms of the second spin are those of the first with the spins exchanged."""
    rng = np.random.default_rng(0)
    blocks = [rng.normal(size=shape) for shape in ((2, 2, 3, 3), (2, 1, 3, 4), (1, 1, 4, 4))]

    def turned(one):
        return Blocks(one.down_down, one.up_down.transpose(1, 0, 3, 2), one.up_up)

    repulsion, doubles = Blocks(*blocks), Blocks(*(0.1 * block for block in blocks))
    one = distinguishable_cluster.products_left_out(repulsion, doubles)
    other = turned(distinguishable_cluster.products_left_out(turned(repulsion), turned(doubles)))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-12)


def test_fragments_far_apart_add():
    symbols, positions = HYDRIDE
    both = lowest((symbols * 2, np.concatenate([positions, positions + FAR])))
    alone = lowest(HYDRIDE)
    assert both.energy_hartree == pytest.approx(2 * alone.energy_hartree, abs=2e-6)


def test_fragments_that_need_different_fields_do_not_add():
    """A sum that is not claimed: beside a radical, the chain's restricted field is no longer asked."""
    symbols, positions = CHAIN
    molecule = molecule_of(((*symbols, "H"), np.concatenate([positions, FAR[None]])), spin_multiplicity=2)
    with electronic_structure.one_thread():
        both = cluster_features.describe_distinguishable(molecule, electronic_structure.lowest_field(molecule, "hf"))
        radical = electronic_structure.lowest_field(molecule_of((("H",), np.zeros((1, 3))), spin_multiplicity=2), "hf")
    assert both.energy_hartree > lowest(CHAIN).energy_hartree + radical.energy_hartree + 1e-3


def test_the_lower_of_two_fields_is_taken():
    """Four hydrogens on a line, 1.63 angstrom apart: the restricted field leads lower and nearer to full CI."""
    found = lowest(CHAIN)
    molecule = molecule_of(CHAIN)
    with electronic_structure.one_thread():
        field = electronic_structure.lowest_field(molecule, "hf")
    assert field.spin_squared > 1
    broken = (
        field.energy_hartree + coupled_cluster.solve(molecule, field.field, 0, False, distinguishable=True).correlation
    )
    symmetric = electronic_structure.make_molecule(*CHAIN, "6-31g", symmetry="D2h")
    space = electronic_structure.active_space(symmetric, 0)
    exact = min(electronic_structure.lowest_by_irrep(space, 1).values())
    assert found.restricted
    assert abs(found.energy_hartree - exact) < 0.3 * abs(broken - exact)
