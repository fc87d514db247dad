"""Molecular graphs: all of them, each once, valences right."""

import numpy as np
import pytest

pytest.importorskip("rdkit")
from h2scale.data import bonding
from h2scale.labels import molecules

VALENCE = {1: 1, 6: 4, 7: 3, 8: 2, 9: 1}


def bond_orders(smiles):
    """Sum of bond orders at every atom, hydrogens included."""
    from rdkit import Chem

    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    Chem.Kekulize(mol, clearAromaticFlags=True)
    return {a.GetIdx(): (a.GetAtomicNum(), sum(b.GetBondTypeAsDouble() for b in a.GetBonds())) for a in mol.GetAtoms()}


def test_graphs_of_each_size_are_as_many_as_counted_by_brute_force():
    # 4, 19, 87, 576: every assignment of bond orders 0 to 3 to all pairs, filtered by valence, canonical SMILES.
    graphs = molecules.enumerate_graphs(4)
    sizes = [molecules.heavy_atoms(smiles) for smiles in graphs]
    assert [sizes.count(n) for n in (1, 2, 3, 4)] == [4, 19, 87, 576]
    assert len(set(graphs)) == len(graphs)


def test_every_valence_is_satisfied():
    for smiles in molecules.enumerate_graphs(3):
        assert all(total == VALENCE[number] for number, total in bond_orders(smiles).values()), smiles


def test_sampled_graphs_differ_have_their_composition_and_satisfied_valences():
    drawn = molecules.sample_graphs("CCCNO", 40, np.random.default_rng(0))
    assert len(drawn) == len(set(drawn)) == 40
    for smiles in drawn:
        heavy = [number for number in molecules.molecule(smiles).atomic_numbers if number > 1]
        assert sorted(heavy) == [6, 6, 6, 7, 8], smiles
        assert all(total == VALENCE[number] for number, total in bond_orders(smiles).values()), smiles


def test_sampling_finds_every_graph_of_a_composition_and_ends_there():
    two_carbons_and_an_oxygen = {
        smiles
        for smiles in molecules.enumerate_graphs(3)
        if sorted(n for n in molecules.molecule(smiles).atomic_numbers if n > 1) == [6, 6, 8]
    }
    drawn = molecules.sample_graphs("CCO", 40, np.random.default_rng(1))
    assert set(drawn) == two_carbons_and_an_oxygen
    assert molecules.sample_graphs("FFF", 10, np.random.default_rng(1)) == []


def test_sampling_repeats_with_its_seed():
    first, second = (molecules.sample_graphs("CCNOF", 5, np.random.default_rng(3)) for _ in range(2))
    assert first == second


def test_compositions_share_the_number_by_the_odds_of_their_elements():
    shares = dict(molecules.compositions(5, 100_000))
    assert sum(shares.values()) == pytest.approx(100_000, abs=30)  # each is rounded
    assert shares["CCCCC"] == round(100_000 * 0.5**5)
    assert shares["CCCNO"] == round(100_000 * 20 * 0.5**3 * 0.22 * 0.2)


def test_a_molecule_lists_every_bond_once_with_its_hydrogens():
    water = molecules.molecule("O")
    assert water.atomic_numbers == (8, 1, 1)
    assert water.bonds == ((0, 1), (0, 2))
    assert (water.charge, water.spin_multiplicity) == (0, 1)
    assert molecules.molecule("O=O").spin_multiplicity == 3


@pytest.mark.parametrize(("smiles", "kinds"), [("CC", 2), ("C#N", 2), ("N", 1), ("CO", 3), ("CN=O", 3)])
def test_bonds_that_symmetry_exchanges_are_one_kind(smiles, kinds):
    found = molecules.distinct_bonds(smiles)
    assert len(found) == kinds
    assert set(found) <= set(molecules.molecule(smiles).bonds)


def test_an_embedding_keeps_the_bonds_and_repeats_with_its_seed():
    ethanol = molecules.molecule("CCO")
    first, second = (molecules.embed("CCO", 1, 5)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert bonding.bonded_pairs(ethanol.atomic_numbers, first) == ethanol.bonds


def test_a_broken_smiles_is_named():
    with pytest.raises(ValueError, match=r"SMILES that RDKit reads; got 'C\(\('"):
        molecules.molecule("C((")


def test_a_force_field_moves_a_start_towards_a_minimum_and_keeps_its_bonds():
    ethanol = molecules.molecule("CCO")
    start = molecules.embed("CCO", 1, 5)[0]
    relaxed = molecules.relax_by_force_field("CCO", start)
    assert np.abs(relaxed - start).max() > 0.01
    assert bonding.bonded_pairs(ethanol.atomic_numbers, relaxed) == ethanol.bonds
    helium = np.zeros((1, 3))
    np.testing.assert_array_equal(molecules.relax_by_force_field("[He]", helium), helium)
