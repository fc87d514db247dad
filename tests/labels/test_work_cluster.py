"""Coupled-cluster labels: equilibrium molecules, none of them a judge's, with the features that go with them."""

import dataclasses

import numpy as np
import pytest

from h2scale import units
from h2scale.judge import systems
from h2scale.labels import assembly, cluster_features, molecules, recipe, repeated, store, work_cluster, worker

RECIPE = recipe.Recipe(
    teacher="ccsd(t)", functional="pbe0", basis="def2-svp", grid_level=0, seed=0, smiles=(), max_heavy_atoms=1,
    conformers=(), thermal=(), scans=(), scaled=(), ions=(), frequencies_up_to=0, curve_points=0, sampled=(),
    batch_size=1, displaced_share=0.0, displacements=0, minima="pbe0_def2svp", cluster_basis="6-31g",
)  # fmt: skip


def test_radicals_are_closed_shells_with_a_hydrogen_less():
    found = molecules.radicals(2)
    assert {"[OH]", "[CH3]", "[NH2]", "[CH2]", "[NH]", "[CH2]C", "C[O]", "[CH]=O"} <= set(found)
    assert not {"[F]", "[O]", "[C]=O"} & set(found), "atoms and closed shells are no radicals"
    multiplicities = {smiles: molecules.molecule(smiles).spin_multiplicity for smiles in found}
    assert multiplicities["[OH]"] == 2
    assert multiplicities["[CH2]"] == 3
    for smiles, multiplicity in multiplicities.items():
        electrons = sum(molecules.molecule(smiles).atomic_numbers)
        assert (electrons + multiplicity) % 2 == 1, smiles
    assert [molecules.molecule(s).spin_multiplicity for s in ("[BH]", "[C-]#[O+]", "O=O", "O")] == [1, 1, 3, 1]


def test_campaign_of_equilibrium_molecules_is_large_enough_and_in_a_fair_order():
    tasks = recipe.plan(dataclasses.replace(RECIPE, max_heavy_atoms=3))
    labels = [task for task in tasks if task.kind in ("cluster_minimum", "cluster_radical")]
    assert len(labels) > 330
    sizes = [molecules.heavy_atoms(task.arguments["smiles"]) for task in labels]
    assert np.mean(sizes[:60]) == pytest.approx(np.mean(sizes), abs=0.25)
    assert len({task.key for task in tasks}) == len(tasks)


@pytest.mark.parametrize("smiles", ["O", "C", "F"])
def test_systems_of_the_judge_are_never_labelled(smiles):
    arguments = next(
        task.arguments
        for task in recipe.plan(RECIPE)
        if task.kind == "cluster_minimum" and task.arguments["smiles"] == smiles
    )
    result = work_cluster.WORK["cluster_minimum"](RECIPE, arguments, store.Result(), np.random.default_rng(0))
    assert not result.structures
    assert result.failures[0].cause == "a judge's system"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Atoms, ammonia and the hydroxyl radical, done by a worker."""
    folder = tmp_path_factory.mktemp("campaign")
    (folder / "logs").mkdir()
    worker.save_recipe(folder, RECIPE)
    wanted = {"N", "[OH]", "H", "O"}
    for task in recipe.plan(RECIPE):
        named = task.arguments.get("smiles", task.arguments.get("symbol"))
        if named in wanted and task.kind != "cluster_functionals":
            store.save(folder, task.key, worker.run_task(folder, RECIPE, task))
    return folder


def test_labels_and_features_are_of_the_same_structures(finished):
    dataset = assembly.assemble(finished, RECIPE, {}).dataset
    features = cluster_features.assemble(finished, RECIPE)
    assert features.name.tolist() == dataset.molecule.tolist()
    assert {"[OH]", "N", "[H]", "[N]", "[O]"} == set(features.name.tolist())
    assert not dataset.has_forces
    zero = dataset.manifest["isolated_atom_energies_ev"]
    for index, structure in enumerate(dataset):
        number = int(features.n_atoms[index])
        np.testing.assert_array_equal(features.atomic_numbers[index, :number], structure.atomic_numbers)
        atoms = sum(zero[{1: "H", 7: "N", 8: "O"}[int(z)]] for z in structure.atomic_numbers)
        total = features.energies["ccsd(t)"][index] * units.HARTREE_EV
        assert structure.energy + atoms == pytest.approx(total, abs=1e-6)
        assert "T1 " in structure.convergence
    hydroxyl = dataset.molecule.tolist().index("[OH]")
    assert dataset.spin_multiplicity[hydroxyl] == 2
    assert dataset.spin_squared[hydroxyl] == pytest.approx(0.75)
    assert dataset.energy[hydroxyl] < -2.0


def test_resonance_forms_are_one_minimum_and_isomers_are_not():
    from h2scale.types import Structure

    def made(name, positions, energy, multiplicity=2):
        numbers = np.array([6, 7, 1], np.int32)
        return Structure(
            numbers, np.array(positions), energy, np.zeros((3, 3)), 0, multiplicity, "equilibrium", "equilibrium",
            name, "ccsd(t)/6-31g", 0.75,
        )  # fmt: skip

    bent = [[0.0, 0.0, 0.0], [1.2, 0.0, 0.0], [-0.6, 0.9, 0.0]]
    other = [[0.0, 0.0, 0.0], [0.0, 1.201, 0.0], [-0.9, -0.6, 0.0]]
    isomer = [[0.0, 0.0, 0.0], [1.2, 0.0, 0.0], [1.8, 0.9, 0.0]]
    found = [
        made("one", bent, -9.0),
        made("its other form", other, -9.001),
        made("isomer at this energy", isomer, -9.001),
        made("another state", bent, -9.0, 4),
        made("a conformer", bent, -8.9),
    ]
    assert repeated.first_of_each(found) == [0, 2, 3, 4]


def test_composition_of_every_judge_is_known_to_the_campaign():
    for smiles, name in (
        ("[H][H]", "H2"),
        ("N#N", "N2"),
        ("FF", "F2"),
        ("[LiH]", "LiH"),
        ("[BH]", "BH"),
        ("C", "CH4 cut"),
    ):
        assert name in systems.SYSTEMS
        assert work_cluster._is_judged(molecules.molecule(smiles))
    assert not work_cluster._is_judged(molecules.molecule("CC"))
