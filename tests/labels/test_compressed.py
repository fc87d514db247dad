"""Short bonds and hydrogens pushed together: geometries, plans, and a tiny campaign from known minima."""

import dataclasses
import itertools

import numpy as np
import pytest

pytest.importorskip("rdkit")
pytest.importorskip("tblite")
from h2scale import electronic_structure
from h2scale.data import leaks, rungs, storage
from h2scale.labels import assembly, compression, geometries, known_minima, molecules, store, worker
from h2scale.labels import recipe as recipe_lib

RECIPE = recipe_lib.Recipe(
    teacher="dft",
    functional="pbe0",
    basis="def2-svp",
    grid_level=2,
    seed=0,
    smiles=("O",),
    max_heavy_atoms=1,
    conformers=(1,),
    thermal=(),
    scans=(),
    scaled=(),
    ions=(),
    frequencies_up_to=1,
    curve_points=0,
    sampled=(),
    batch_size=1,
    displaced_share=0.0,
    displacements=0,
    compressed=(1,),
    hydrogen_pairs=(1,),
    minima="pbe0_def2svp",
)


def minimum(smiles):
    return molecules.molecule(smiles), known_minima.of_molecule("pbe0_def2svp", smiles)[0].positions


def length(positions, pair):
    return np.linalg.norm(positions[pair[1]] - positions[pair[0]])


@pytest.mark.parametrize("smiles", ["CO", "C1CO1", "N#N"])
def test_a_compressed_bond_has_its_length_and_the_rest_of_a_molecule_stays_or_moves_as_one(smiles):
    mol, positions = minimum(smiles)
    for bond in compression.bonds_to_compress(mol):
        moved = compression.compress(positions, mol, bond, 0.3)
        assert length(moved, bond) == pytest.approx(0.3 * length(positions, bond))
        side = geometries.fragment(len(positions), mol.bonds, bond)
        still = np.delete(np.arange(len(positions)), bond if side is None else side)
        np.testing.assert_array_equal(moved[still], positions[still])


def test_bonds_of_both_kinds_come_in_turn_each_kind_once():
    mol = molecules.molecule("CCO")
    bonds = compression.bonds_to_compress(mol)
    holds_hydrogen = [1 in (mol.atomic_numbers[i], mol.atomic_numbers[j]) for i, j in bonds]
    assert holds_hydrogen == [False, True, False, True, True]  # C-C and C-O; H on three different atoms
    assert sorted(bonds) == sorted(molecules.distinct_bonds("CCO"))


def test_two_atoms_brought_together_keep_their_middle():
    _, positions = minimum("CC")
    moved = compression.bring_together(positions, (2, 5), 0.25)
    assert length(moved, (2, 5)) == pytest.approx(0.25)
    np.testing.assert_allclose(moved[2] + moved[5], positions[2] + positions[5])


def test_hydrogens_of_one_atom_and_of_two_are_paired_if_near():
    mol, positions = minimum("CC")
    pairs = compression.hydrogen_pairs(positions, mol)
    same = [compression.neighbor(mol, i) == compression.neighbor(mol, j) for i, j in pairs]
    assert same[:2] == [True, False]
    assert max(length(positions, pair) for pair in pairs) < compression.MAX_HYDROGEN_DISTANCE_ANGSTROM
    assert compression.hydrogen_pairs(*minimum("C#C")[::-1]) == ()  # 3.3 angstrom apart
    assert compression.hydrogen_pairs(*minimum("[H][H]")[::-1]) == ()


def test_no_pair_becomes_an_h2_apart_from_all_else():
    shipped = storage.load_dataset("pbe0_def2svp")
    for smiles in ("O", "CC", "NN", "OO", "CCC"):
        mol, positions = minimum(smiles)
        row = int(np.flatnonzero((shipped.molecule == smiles) & (shipped.rung == "equilibrium"))[0])
        one = shipped.select(np.array([row]))
        for pair in compression.hydrogen_pairs(positions, mol):
            moved = dataclasses.replace(one, positions=compression.bring_together(positions, pair, 0.5))
            assert not len(leaks.h2_pairs(moved)[0])


def test_the_digest_of_minima_knows_their_geometry_and_no_rounding():
    minima = known_minima.of_molecule("pbe0_def2svp", "O")
    noisy = [minima[0]._replace(positions=minima[0].positions + 1e-9)]
    other = [minima[0]._replace(positions=minima[0].positions + 1e-4)]
    assert known_minima.digest(noisy) == known_minima.digest(minima) != known_minima.digest(other)


def test_neither_h2_nor_other_elements_are_compressed_and_nothing_is_relaxed():
    tasks = recipe_lib.plan(dataclasses.replace(RECIPE, smiles=("[H][H]", "[LiH]", "B", "O")))
    assert {task.kind for task in tasks} == {"atom", "known_minimum", "compressed", "hydrogen_pairs"}
    assert {task.arguments["smiles"] for task in tasks if task.kind in ("compressed", "hydrogen_pairs")} == {"O"}


def test_the_new_kinds_leave_the_keys_of_the_others():
    old = dataclasses.replace(RECIPE, compressed=(), hydrogen_pairs=(), minima="", thermal=(5,), scans=(2,))
    new = dataclasses.replace(old, compressed=(2,), hydrogen_pairs=(2,))
    assert {task.key for task in recipe_lib.plan(old)} < {task.key for task in recipe_lib.plan(new)}


@pytest.fixture(scope="module")
def water(tmp_path_factory):
    folder = tmp_path_factory.mktemp("water")
    worker.save_recipe(folder, RECIPE)
    needed = [u for u in recipe_lib.plan(RECIPE) if u.kind != "atom" or u.arguments["symbol"] in "HO"]
    with electronic_structure.one_thread():
        for task in needed:
            store.save(folder, task.key, worker.run_task(folder, RECIPE, task))
    return assembly.assemble(folder, RECIPE, {})


def test_a_tiny_campaign_labels_both_kinds_and_no_minimum_again(water):
    dataset = water.dataset
    assert not water.failures
    assert not dataset.manifest["dropped"]
    regimes, number = np.unique(dataset.regime, return_counts=True)
    assert dict(zip(regimes.tolist(), number.tolist(), strict=True)) == {"atom": 2, "compressed": 4, "hydrogen_pair": 4}
    assert set(dataset.rung[dataset.regime == "compressed"]) == {"stretched"}
    assert not any(rungs.in_rung(dataset, rung)[dataset.regime == "hydrogen_pair"].any() for rung in rungs.RUNGS)


def test_energies_rise_inward_with_the_work_of_the_forces_and_share_the_shipped_zero(water):
    dataset = water.dataset
    shipped = storage.load_dataset("pbe0_def2svp")
    atoms = dataset.manifest["isolated_atom_energies_ev"]
    for symbol, energy in atoms.items():
        assert energy == pytest.approx(shipped.manifest["isolated_atom_energies_ev"][symbol], abs=1e-4)  # grid
    for regime, span in (("compressed", (0.24, 0.52)), ("hydrogen_pair", (0.2, 0.7))):
        path = [dataset[k] for k in np.flatnonzero(dataset.regime == regime).tolist()]
        distances = [geometries.shortest_distance(structure.positions) for structure in path]
        assert span[0] < distances[-1] < distances[0] < span[1]
        for outer, inner in itertools.pairwise(path):
            step = inner.positions - outer.positions
            works = [-float(np.sum(structure.forces * step)) for structure in (outer, inner)]
            assert 0 < works[0] < inner.energy - outer.energy < works[1]
