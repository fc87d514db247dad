"""A dataset is its structures, whichever way they are reached."""

import dataclasses

import numpy as np
import pytest

from h2scale import data
from h2scale.data import dataset as dataset_lib
from h2scale.types import Structure


@pytest.fixture(scope="module")
def shipped():
    return data.load_dataset("pbe0_def2svp")


def water(**changes) -> Structure:
    structure = Structure(
        atomic_numbers=np.array([8, 1, 1], np.int32),
        positions=np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]]),
        energy=-9.5,
        forces=np.zeros((3, 3)),
        charge=0,
        spin_multiplicity=1,
        rung="equilibrium",
        regime="equilibrium",
        molecule="O",
        teacher="pbe0/def2-svp",
        spin_squared=0.0,
    )
    return structure._replace(**changes)


def test_joining_and_indexing_are_inverse(shipped):
    chosen = [shipped[i] for i in (0, 500, len(shipped) - 1)]
    joined = dataset_lib.from_structures(chosen, {})
    for before, after in zip(chosen, joined, strict=True):
        for name, x, y in zip(Structure._fields, before, after, strict=True):
            np.testing.assert_array_equal(x, y, err_msg=name)


def test_select_gives_the_structures_asked_for_in_order(shipped):
    indices = np.array([700, 3, 3, 1000])
    selected = shipped.select(indices)
    assert len(selected) == 4
    for i, index in enumerate(indices):
        np.testing.assert_array_equal(selected[i].positions, shipped[index].positions)
        np.testing.assert_array_equal(selected[i].forces, shipped[index].forces)
        assert selected[i].molecule == shipped[index].molecule
        assert selected[i].energy == shipped[index].energy


def test_offsets_follow_the_counts(shipped):
    np.testing.assert_array_equal(shipped.atom_offset[1:], np.cumsum(shipped.n_atoms)[:-1])
    assert shipped.atom_offset[-1] + shipped.n_atoms[-1] == len(shipped.positions)


def test_indices_outside_are_refused(shipped):
    with pytest.raises(IndexError, match=f"structure {len(shipped)} of a dataset of {len(shipped)}"):
        shipped[len(shipped)]
    with pytest.raises(ValueError, match=r"indices must lie in \[0, .*got values from -1 to 2"):
        shipped.select(np.array([-1, 2]))
    assert shipped[-1].molecule == shipped[len(shipped) - 1].molecule


@pytest.mark.parametrize("field", ["charge", "spin_multiplicity", "energy", "forces", "spin_squared"])
def test_a_missing_label_names_the_structure(field):
    with pytest.raises(ValueError, match=rf"structure 1 \(O, equilibrium\) has no {field}"):
        dataset_lib.from_structures([water(), water(**{field: None})], {})


def test_misshapen_forces_and_empty_structures_are_refused():
    with pytest.raises(
        ValueError, match=r"structure 0 \(O, equilibrium\): forces must have shape \(3, 3\); got \(2, 3\)"
    ):
        dataset_lib.from_structures([water(forces=np.zeros((2, 3)))], {})
    nothing = water(atomic_numbers=np.zeros(0, np.int32), positions=np.zeros((0, 3)), forces=np.zeros((0, 3)))
    with pytest.raises(ValueError, match="has no atoms"):
        dataset_lib.from_structures([nothing], {})
    with pytest.raises(ValueError, match="at least one structure"):
        dataset_lib.from_structures([], {})


def test_a_dataset_cannot_be_reassigned(shipped):
    with pytest.raises(dataclasses.FrozenInstanceError):
        shipped.energy = np.zeros(3)
