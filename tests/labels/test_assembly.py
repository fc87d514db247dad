"""Assembly: energies relative to atoms, nothing twice, nothing that leaks, every failure kept."""

import numpy as np
import pytest

pytest.importorskip("rdkit")
from h2scale.data import rungs, validation
from h2scale.errors import InputError
from h2scale.labels import assembly, card, store
from h2scale.labels import recipe as recipe_lib
from h2scale.types import Structure

RECIPE = recipe_lib.Recipe(
    teacher="dft",
    functional="pbe0",
    basis="def2-svp",
    grid_level=2,
    seed=0,
    smiles=("O", "C"),
    max_heavy_atoms=1,
    conformers=(2,),
    thermal=(1,),
    scans=(1,),
    scaled=(0,),
    ions=(2,),
    frequencies_up_to=1,
    curve_points=0,
    sampled=(),
    batch_size=1,
    displaced_share=0.0,
    displacements=0,
)
ATOM_EV = {1: -13.0, 8: -2040.0, 6: -1028.0}
WATER = np.array([[0.0, 0, 0], [0, 0.76, 0.59], [0, -0.76, 0.59]])


def structure(numbers, positions, energy, regime, molecule, charge=0, multiplicity=1):
    return Structure(
        np.array(numbers, np.int32),
        np.asarray(positions, float),
        energy,
        np.zeros((len(numbers), 3)),
        charge,
        multiplicity,
        rungs.RUNG_OF_REGIME[regime],
        regime,
        molecule,
        "pbe0/def2-svp",
        0.0,
        "restricted, stable",
    )


def task(kind, **wanted):
    return next(
        u
        for u in recipe_lib.plan(RECIPE)
        if u.kind == kind and all(u.arguments.get(name) == value for name, value in wanted.items())
    )


@pytest.fixture
def folder(tmp_path):
    for symbol, number in (("H", 1), ("O", 8), ("C", 6)):
        multiplicity = dict(recipe_lib.NEUTRAL_ATOMS)[symbol]
        atom = structure([number], [[0, 0, 0]], ATOM_EV[number], "atom", f"[{symbol}]", multiplicity=multiplicity)
        store.save(tmp_path, task("atom", symbol=symbol, charge=0).key, store.Result([atom]))
    minima = [structure([8, 1, 1], WATER, -2075.0, "equilibrium", "O")]
    minima.append(structure([8, 1, 1], 1.02 * WATER, -2074.5, "equilibrium", "O"))
    store.save(tmp_path, task("minimum", smiles="O").key, store.Result(minima))
    return tmp_path


def test_energies_are_relative_to_the_atoms_of_the_same_level(folder):
    dataset = assembly.assemble(folder, RECIPE, {}).dataset
    water = dataset.energy[dataset.molecule == "O"]
    np.testing.assert_allclose(water, [-2075.0 - (-2040.0 - 26.0), -2074.5 - (-2040.0 - 26.0)])
    np.testing.assert_allclose(dataset.energy[dataset.rung == rungs.ATOM], 0)
    validation.validate(dataset)


def test_a_bare_proton_costs_the_atoms_electron(folder):
    dataset = assembly.assemble(folder, RECIPE, {}).dataset
    proton = dataset[int(np.flatnonzero(dataset.molecule == "[H+]")[0])]
    assert (proton.charge, proton.spin_multiplicity, proton.rung) == (1, 1, rungs.ION)
    assert proton.energy == pytest.approx(13.0)


def test_a_structure_with_an_imaginary_mode_is_no_minimum(folder):
    key = task("lowest_mode", smiles="O").key
    quanta = {"lowest_quantum_ev_0": np.array(0.2), "lowest_quantum_ev_1": np.array(-0.05)}
    store.save(folder, key, store.Result((), (), quanta))
    assembled = assembly.assemble(folder, RECIPE, {})
    assert (assembled.dataset.regime == "equilibrium").sum() == 1
    assert store.Failure("imaginary mode", "O", "not a minimum at the label level") in assembled.failures
    assert assembled.dataset.manifest["failures"] == {"imaginary mode": 1}


def test_a_hidden_h2_below_its_rung_is_left_out_and_counted(folder):
    apart = np.array([[0.0, 0, 0], [0, 0, 9.0], [0, 0, 10.1]])
    scanned = [structure([8, 1, 1], apart, -2068.0, "stretched", "O")]
    scanned.append(structure([8, 1, 1], 1.5 * WATER, -2068.0, "stretched", "O"))
    store.save(folder, task("scan", smiles="O").key, store.Result(scanned))
    assembled = assembly.assemble(folder, RECIPE, {})
    assert (assembled.dataset.regime == "stretched").sum() == 1
    assert assembled.dropped["would leak the H2 curve"] == 1
    assert assembled.dataset.manifest["dropped"] == {"would leak the H2 curve": 1}


def test_a_missing_atom_is_named(folder):
    methane = [[0, 0, 0], [0.63, 0.63, 0.63], [-0.63, -0.63, 0.63], [0.63, -0.63, -0.63], [-0.63, 0.63, -0.63]]
    minimum = structure([6, 1, 1, 1, 1], methane, -1100.0, "equilibrium", "C")
    store.save(folder, task("minimum", smiles="C").key, store.Result([minimum]))
    store.result_path(folder, task("atom", symbol="C", charge=0).key).unlink()
    with pytest.raises(InputError, match="isolated atoms of C are not labelled yet"):
        assembly.assemble(folder, RECIPE, {})


def test_the_card_counts_what_the_dataset_holds(folder):
    store.save(
        folder, task("scan", smiles="O").key, store.Result((), [store.Failure("scan dropped", "O", "not settled")])
    )
    text = card.data_card(assembly.assemble(folder, RECIPE, {}).dataset, "some")
    assert "| equilibrium | equilibrium | 2 | 1 |" in text
    assert "| H | 6 | 4 | 3 |" in text  # two in each water, an atom, a proton
    assert "- 1 x scan dropped" in text
    assert "unfinished: 5 of" in text
    assert "| equilibrium | 0 | 0 | 0 | 0 | 0 | 0 | 2 |" in text  # H-H at 1.52 and 1.55 angstrom
