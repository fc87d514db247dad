"""Ions, spin states and bare nuclei: what may be trained on, shown from the shipped file, with leaks planted."""

import dataclasses

import h5py
import numpy as np
import pytest

from h2scale import data, elements, units
from h2scale.data import bare_nuclei, charged, leaks, partition, rungs, splits, storage, training_sets, vertical
from h2scale.data import dataset as dataset_lib
from h2scale.types import Structure

NAME = "pbe0_def2svp"
SPLIT = splits.SplitSettings(elements=("H", "He", "Li", "C", "N", "O", "F"), ions=True, spin_states=True)
EVERYTHING = training_sets.TrainingSetSettings(include_isolated_atoms=True, include_bare_nuclei=True)
CONTROL = dataclasses.replace(EVERYTHING, include_helium_with_proton=True)


def structure(numbers, distance, charge, rung="ion", molecule="C", level="pbe0/def2-svp") -> Structure:
    """Two atoms under a label of someone's choice."""
    return Structure(
        atomic_numbers=np.array(numbers, np.int32),
        positions=np.array([[0.0, 0.0, 0.0], [0.0, 0.0, distance]])[: len(numbers)],
        energy=1.0,
        forces=np.zeros((len(numbers), 3)),
        charge=charge,
        spin_multiplicity=1 + (sum(numbers) - charge) % 2,
        rung=rung,
        regime="thermal",
        molecule=molecule,
        teacher=level,
        spin_squared=0.0,
    )


@pytest.fixture(scope="module")
def shipped():
    return data.load_dataset(NAME)


@pytest.fixture(scope="module")
def divided(shipped):
    with_nuclei = bare_nuclei.with_bare_nuclei(shipped)
    return partition.divide(
        with_nuclei.select(np.flatnonzero(partition.of_elements(with_nuclei, SPLIT.elements))), SPLIT
    )


def planted(shipped, *structures):
    return dataset_lib.join(shipped, dataset_lib.from_structures(structures, shipped.manifest))


@pytest.mark.parametrize("name", sorted(path.stem for path in storage.dataset_path(NAME).parent.glob("*.h5")))
def test_no_shipped_file_holds_two_nuclei_without_electrons(name):
    """Read without the package, as the numbers lie in the file."""
    with h5py.File(storage.dataset_path(name), "r") as file:
        n_atoms = file["structures/n_atoms"][...]
        charge = file["structures/charge"][...]
        nuclear = np.add.reduceat(file["atoms/atomic_numbers"][...], np.cumsum(n_atoms) - n_atoms)
    assert (nuclear >= charge).all()
    assert not np.any((nuclear == charge) & (n_atoms > 1))


@pytest.mark.parametrize("admitted", [EVERYTHING, CONTROL], ids=["study", "control"])
@pytest.mark.parametrize("rung", rungs.RUNGS)
def test_training_sets_hold_h2_cations_at_their_minimum_alone_and_no_nuclei_but_the_control_s(divided, rung, admitted):
    chosen = divided.dataset.select(training_sets.training_order(divided, rung, 0, admitted).indices)
    numbers = np.split(chosen.atomic_numbers, chosen.atom_offset[1:])
    distance = np.linalg.norm(np.diff(chosen.positions, axis=0, append=0), axis=1)[chosen.atom_offset]
    pair = np.array([len(one) == 2 for one in numbers])
    hydrogens = pair & np.array([(one == 1).all() for one in numbers])
    cations = hydrogens & (chosen.charge == 1)
    assert cations.sum() == 1
    assert abs(distance[cations][0] - 1.103) < 0.002
    assert not np.any(hydrogens & (chosen.charge == 2))
    electrons = np.array([one.sum() for one in numbers]) - chosen.charge
    bare = np.flatnonzero((electrons == 0) & (chosen.n_atoms > 1))
    found = {tuple(sorted(numbers[index].tolist())) for index in bare}
    assert found == ({(1, 2)} if admitted is CONTROL else set())
    isolated = np.flatnonzero((electrons == 0) & (chosen.n_atoms == 1))
    assert sorted(numbers[index][0] for index in isolated) == [1, 2]


def test_a_pair_of_bare_nuclei_put_into_a_copy_is_refused_whatever_its_label(shipped):
    for numbers, charge in (((1, 1), 2), ((2, 1), 3), ((2, 2), 4)):
        copy = planted(shipped, structure(numbers, 1.4, charge, rung="stretched", molecule="[H][H]"))
        divided = partition.divide(copy, dataclasses.replace(SPLIT, elements=()))
        with pytest.raises(ValueError, match="two or more nuclei without electrons"):
            training_sets.training_order(divided, "stretched", 0, EVERYTHING)
    for numbers, charge in (((1, 1), 2), ((2, 2), 4)):  # the control admits one pair and no other
        dataset = dataset_lib.from_structures([structure(numbers, 1.4, charge)], {})
        with pytest.raises(ValueError, match="two or more nuclei without electrons"):
            leaks.assert_no_charged_leak(dataset, np.array([0]), helium_with_proton=True)


def test_bare_nuclei_are_never_admitted_as_ions(shipped):
    copy = planted(shipped, structure((1, 1), 1.4, 2), structure((1,), 0.0, 1))
    assert not charged.admitted_ions(copy)[-2:].any()
    assert not charged.admitted_ions(copy)[copy.molecule == "[H+]"].any()


@pytest.mark.parametrize("distance", [0.3, 0.76, 1.0, 1.2, 8.0])
def test_an_h2_cation_off_its_minimum_is_found_whatever_its_label(shipped, distance):
    copy = planted(shipped, structure((1, 1), distance, 1))
    assert not charged.admitted_ions(copy)[-1]
    copy = planted(shipped, structure((1, 1), distance, 1, rung="stretched", molecule="[H][H]"))
    divided = partition.divide(copy, dataclasses.replace(SPLIT, elements=()))
    with pytest.raises(ValueError, match=r"holds an H2\+ away from its minimum"):
        training_sets.training_order(divided, "stretched", 0)


def test_the_file_holds_the_curve_of_the_h2_cation_so_that_the_guard_has_something_to_keep_out(shipped):
    cations = shipped.molecule == "[H][H+]"
    assert cations.sum() > 40
    assert leaks.h2_cations_off_minimum(shipped)[cations].sum() == cations.sum() - 1


def test_a_molecule_and_its_ions_and_spin_states_are_on_one_side(divided):
    dataset = divided.dataset
    of_charge = {}
    for index in np.flatnonzero(np.isin(dataset.rung, (*rungs.RUNGS, "ion", "spin_state")) & (dataset.n_atoms > 1)):
        name = charged.neutral_name(str(dataset.molecule[index]))
        of_charge.setdefault(name, {}).setdefault(int(dataset.charge[index]), set()).add(str(divided.side[index]))
    both = [sides for sides in of_charge.values() if len(sides) > 1]
    assert len(both) > 25
    assert all(len(set.union(*sides.values())) == 1 for sides in both)
    assert sum(sides[0] == {"test"} for sides in both) >= 4


def test_an_ion_of_another_name_goes_where_its_molecule_goes(shipped):
    """Without the rule the hash of the ion's own name would decide, which here is another side."""

    def side(name, seed):
        return splits.side_of_molecule(name, dataclasses.replace(SPLIT, split_seed=seed))

    seed = next(seed for seed in range(100) if (side("[Li]F", seed), side("[Li+]F", seed)) == ("validation", "train"))
    copy = planted(shipped, structure((3, 9), 1.6, 1, molecule="[Li+]F"))
    divided = partition.divide(copy, dataclasses.replace(SPLIT, split_seed=seed))
    own = divided.side[np.isin(copy.molecule, ("[Li]F", "[Li+]F"))]
    assert len(own) > 25
    assert set(own.tolist()) <= {"validation", "unseen"}


def test_names_of_ions_lose_the_charges_that_do_not_add_up_to_zero():
    names = {
        "[H][H+]": "[H][H]",
        "[C-]#[O+]": "[C-]#[O+]",
        "[O-2]": "[O]",
        "C[NH3+]": "C[NH3]",
        "CC": "CC",
        "[N--]": "[N]",
    }
    assert {name: charged.neutral_name(name) for name in names} == names


def test_anions_are_admitted_with_diffuse_functions_alone(shipped):
    assert (shipped.charge < 0).any()
    assert not charged.admitted_ions(shipped)[shipped.charge < 0].any()
    levels = {"pbe0/def2-svpd": True, "wb97m-v/def2-tzvpd": True, "pbe/aug-cc-pvdz": True, "hf/6-31+g*": True}
    levels |= {"pbe0/def2-svp": False, "pbe0/def2-tzvp": False, "gfn2-xtb": False, "hf/cc-pvdz": False}
    assert {level: charged.has_diffuse_functions(level) for level in levels} == levels
    for level, good in levels.items():
        copy = planted(shipped, structure((1, 8), 0.97, -1, level=level, molecule="[H][O]"))
        assert charged.admitted_ions(copy)[-1] == good


def test_dications_are_asked_and_never_trained_on(shipped):
    copy = planted(shipped, structure((6, 8), 1.2, 2), structure((6, 8), 1.2, 1))
    assert charged.admitted_ions(copy)[-2:].tolist() == [False, True]


def test_switches_that_are_off_leave_every_index_where_it_was(shipped):
    neutral = partition.divide(shipped, splits.SplitSettings())
    for rung in rungs.RUNGS:
        order = training_sets.training_order(neutral, rung, 0).indices
        assert not np.isin(shipped.rung[order], (rungs.ION, rungs.SPIN_STATE, rungs.BARE_NUCLEI)).any()
        assert (shipped.charge[order] == 0).all()
    with_nuclei = partition.divide(bare_nuclei.with_bare_nuclei(shipped), splits.SplitSettings(elements=()))
    alone = partition.divide(shipped, splits.SplitSettings(elements=()))
    np.testing.assert_array_equal(
        training_sets.training_order(with_nuclei, "stretched", 0).indices,
        training_sets.training_order(alone, "stretched", 0).indices,
    )


def test_ions_are_validated_and_tested_on_where_they_are_trained_on(divided):
    for side in ("validation", "test"):
        assert (divided.dataset.charge[divided.indices("stretched", side)] == 1).any()


def test_bare_nuclei_stand_on_the_zero_of_the_labels(shipped):
    found = bare_nuclei.with_bare_nuclei(shipped)
    atoms = shipped.manifest["isolated_atom_energies_ev"]
    added = found.select(np.arange(len(shipped), len(found)))
    assert added[0].atomic_numbers.tolist() == [2]
    assert added[0].energy == -atoms["He"]
    proton = shipped[int(np.flatnonzero(shipped.molecule == "[H+]")[0])]
    assert proton.energy == pytest.approx(-atoms["H"], abs=1e-9)
    for one in list(added)[1:]:
        distance = one.positions[1, 2] - one.positions[0, 2]
        repulsion = 2 * units.COULOMB_EV_ANGSTROM / distance
        parts = -sum(atoms[elements.SYMBOLS[number]] for number in one.atomic_numbers)
        assert one.energy == pytest.approx(parts + repulsion, rel=1e-12)
        np.testing.assert_allclose(
            one.forces, [[0, 0, -repulsion / distance], [0, 0, repulsion / distance]], rtol=1e-12
        )


def test_the_control_s_pairs_are_in_every_training_set_and_lone_nuclei_are_pinned(divided):
    order = training_sets.training_order(divided, "stretched", 0, CONTROL)
    pairs = divided.dataset.regime[order.indices] == "bare_pair"
    assert pairs.sum() == len(bare_nuclei.PAIR_DISTANCES_ANGSTROM)
    assert np.flatnonzero(pairs).max() < order.num_pinned + pairs.sum() + 7
    alone = (leaks.num_electrons(divided.dataset) == 0)[order.indices] & ~pairs
    assert np.flatnonzero(alone).max() < order.num_pinned


def test_vertical_changes_are_of_one_geometry_and_level(shipped):
    held_out = {"C", "CC"}
    found = vertical.changes(shipped, held_out, (1, 2))
    assert [(neutral.molecule, one.charge) for neutral, one in found][:2] == [("C", 1), ("CC", 1)]
    for neutral, one in found:
        np.testing.assert_allclose(neutral.positions, one.positions, atol=1e-4)
        assert neutral.charge == 0
        assert 8 < (one.energy - neutral.energy) / one.charge < 20
