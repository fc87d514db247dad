"""Molecular graphs: all of them, each once, valences right."""

import numpy as np
import pytest

molecules = pytest.importorskip("h2scale.labels.molecules")
pytest.importorskip("rdkit")

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


def test_sampled_graphs_have_the_size_asked_for_and_satisfied_valences():
    rng = np.random.default_rng(0)
    drawn = [molecules.sample_graph(n, rng) for n in (5, 6, 7) for _ in range(20)]
    assert [molecules.heavy_atoms(s) for s in drawn] == [n for n in (5, 6, 7) for _ in range(20)]
    for smiles in drawn:
        assert all(total == VALENCE[number] for number, total in bond_orders(smiles).values()), smiles


def test_sampling_repeats_with_its_seed():
    assert molecules.sample_graph(6, np.random.default_rng(3)) == molecules.sample_graph(6, np.random.default_rng(3))


def test_a_molecule_lists_every_bond_once_with_its_hydrogens():
    water = molecules.molecule("O")
    assert water.atomic_numbers == (8, 1, 1)
    assert water.bonds == ((0, 1), (0, 2))
    assert (water.charge, water.spin_multiplicity) == (0, 1)
    assert molecules.molecule("O=O").spin_multiplicity == 3


def test_an_embedding_keeps_the_bonds_and_repeats_with_its_seed():
    from h2scale.labels import geometries

    ethanol = molecules.molecule("CCO")
    first, second = (molecules.embed("CCO", 1, 5)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert geometries.bonded_pairs(first, molecules.covalent_radii(ethanol.atomic_numbers)) == ethanol.bonds


def test_a_broken_smiles_is_named():
    with pytest.raises(ValueError, match=r"SMILES that RDKit reads; got 'C\(\('"):
        molecules.molecule("C((")
