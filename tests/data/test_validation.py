"""Every kind of unsound label is refused by name, and sound ones pass."""

import dataclasses

import numpy as np
import pytest

from h2scale import data
from h2scale.data import validation

BAD = 2  # which structure the cases below spoil


@pytest.fixture
def sound():
    shipped = data.load_dataset("pbe0_def2svp")
    return shipped.select(np.flatnonzero((shipped.molecule == "C") & (shipped.regime == "thermal"))[:4])


def spoil(dataset, column, value, row=None):
    array = getattr(dataset, column).copy()
    array[BAD if row is None else row] = value
    return dataclasses.replace(dataset, **{column: array})


def test_the_shipped_labels_are_sound(sound):
    validation.validate(sound)  # raises at the first flaw
    assert len(sound) == 4


@pytest.mark.parametrize(
    ("column", "value", "per_atom", "message"),
    [
        ("energy", np.nan, False, "has a missing or non-finite energy"),
        ("energy", np.inf, False, "has a missing or non-finite energy"),
        ("spin_squared", np.nan, False, "has a missing or non-finite <S\\^2>"),
        ("positions", np.nan, True, "has a position that is not finite, atom 1"),
        ("forces", np.nan, True, "has missing or non-finite forces, atom 1"),
        ("atomic_numbers", 0, True, "has an unknown element, atomic number 0, atom 1"),
        ("atomic_numbers", 119, True, "has an unknown element, atomic number 119, atom 1"),
        ("charge", 11, False, "has a charge above that of its nuclei: 11"),
        ("charge", 1, False, "has impossible charge and spin_multiplicity: 1 and 1 for 9 electrons"),
        ("spin_multiplicity", 2, False, "has impossible charge and spin_multiplicity: 0 and 2 for 10 electrons"),
        ("spin_multiplicity", 13, False, "has impossible charge and spin_multiplicity: 0 and 13 for 10 electrons"),
        ("spin_multiplicity", 0, False, "has spin_multiplicity below 1: 0"),
    ],
)
def test_each_flaw_names_the_structure(sound, column, value, per_atom, message):
    row = sound.atom_offset[BAD] + 1 if per_atom else BAD
    with pytest.raises(ValueError, match=rf"structure {BAD} \(C, thermal\) {message}\."):
        validation.validate(spoil(sound, column, value, row))


def test_atoms_closer_than_a_tenth_of_an_angstrom_are_refused(sound):
    row = sound.atom_offset[BAD]
    touching = spoil(sound, "positions", sound.positions[row] + np.array([0.0, 0.0, 0.0999]), row + 3)
    with pytest.raises(ValueError, match=rf"structure {BAD} \(C, thermal\) has two atoms 0\.0999 angstrom apart"):
        validation.validate(touching)
    validation.validate(spoil(sound, "positions", sound.positions[row] + np.array([0.0, 0.0, 0.1001]), row + 3))


def test_atoms_of_different_structures_may_coincide(sound):
    assert np.allclose(sound.positions[0], sound.positions[0])
    validation.validate(sound.select(np.array([0, 0])))


def test_lengths_that_disagree_are_refused(sound):
    with pytest.raises(ValueError, match=r"forces must have shape \(20, 3\) for these n_atoms; got \(19, 3\)"):
        validation.validate(dataclasses.replace(sound, forces=sound.forces[:-1]))
    with pytest.raises(ValueError, match=r"charge must have shape \(4,\); got \(3,\)"):
        validation.validate(dataclasses.replace(sound, charge=sound.charge[:-1]))
    with pytest.raises(ValueError, match=r"structure 3 \(.*\) has no atoms"):
        validation.validate(dataclasses.replace(sound, n_atoms=np.array([5, 5, 10, 0], np.int32)))


def test_pair_distances_cover_each_pair_once(sound):
    owner, first, second, distance = validation.pair_distances(sound)
    assert len(owner) == 4 * 10  # methane has ten pairs
    assert len(set(zip(first.tolist(), second.tolist(), strict=True))) == len(owner)
    assert (first < second).all()
    for s, i, j, d in zip(owner, first, second, distance, strict=True):
        assert s == i // 5 == j // 5
        assert d == pytest.approx(np.linalg.norm(sound.positions[i] - sound.positions[j]), abs=1e-14)


def test_a_set_without_forces_says_so_and_has_none(sound):
    says_none = dataclasses.replace(sound, manifest={**sound.manifest, "has_forces": False})
    validation.validate(dataclasses.replace(says_none, forces=np.full_like(sound.forces, np.nan)))
    with pytest.raises(ValueError, match="has forces although the manifest says has_forces: false, atom 0"):
        validation.validate(says_none)
    half = np.full_like(sound.forces, np.nan)
    half[1] = 0.0  # zero in the place of a missing label is the mistake that must not pass
    with pytest.raises(ValueError, match="has forces although the manifest says has_forces: false, atom 1"):
        validation.validate(dataclasses.replace(says_none, forces=half))
