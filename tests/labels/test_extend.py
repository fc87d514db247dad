"""An extended dataset keeps what it had, in its order, at one zero of energy."""

import dataclasses

import numpy as np
import pytest

from h2scale import data
from h2scale.data import partition, rungs, splits, storage, training_sets
from h2scale.errors import InputError
from h2scale.labels import extend

SHIFT_EV = 2e-5


@pytest.fixture(scope="module")
def parts():
    """Some of the shipped dataset, and the compressed structures of some molecules that it lacks."""
    shipped = data.load_dataset("pbe0_def2svp")
    some = np.isin(shipped.molecule, ("O", "C", "N", "CO", "CC"))
    atoms = shipped.rung == rungs.ATOM
    compressed = some & (shipped.regime == "compressed")
    old = shipped.select(np.flatnonzero(some & ~compressed | atoms))
    new = shipped.select(np.flatnonzero(compressed | atoms))
    energies = shipped.manifest["isolated_atom_energies_ev"] | {"O": -SHIFT_EV}
    energies["O"] += shipped.manifest["isolated_atom_energies_ev"]["O"]
    manifest = {**new.manifest, "isolated_atom_energies_ev": energies, "failures": {"scan dropped": 3}}
    return old, dataclasses.replace(new, manifest=manifest)


def test_old_structures_come_first_and_atoms_once(parts, tmp_path):
    old, new = parts
    whole = extend.extend(old, new)
    first = whole.select(np.arange(len(old)))
    for name in ("positions", "energy", "forces", "molecule", "regime"):
        np.testing.assert_array_equal(getattr(first, name), getattr(old, name))
    assert len(whole) == len(old) + (new.rung != rungs.ATOM).sum()
    assert (whole.rung == rungs.ATOM).sum() == 9
    assert whole.manifest["failures"]["scan dropped"] == old.manifest["failures"].get("scan dropped", 0) + 3
    storage.save_dataset(tmp_path / "whole.h5", whole)
    assert storage.load_dataset(tmp_path / "whole.h5").manifest["num_structures"] == len(whole)


def test_energies_are_moved_to_the_zero_of_the_first(parts):
    old, new = parts
    added = extend.extend(old, new)
    added = added.select(np.arange(len(old), len(added)))
    before = new.select(np.flatnonzero(new.rung != rungs.ATOM))
    oxygens = np.add.reduceat((before.atomic_numbers == 8).astype(int), before.atom_offset)
    assert set(oxygens) == {0, 1}
    np.testing.assert_allclose(added.energy - before.energy, -SHIFT_EV * oxygens, atol=1e-12)


def test_the_old_keep_their_order_of_training(parts):
    old, new = parts
    before, after = (
        training_sets.training_order(partition.divide(dataset, splits.SplitSettings()), "stretched", 0).indices
        for dataset in (old, extend.extend(old, new))
    )
    assert len(after) > len(before) > 0
    # But for those at the front that bring the first of each element, which an added structure may do instead.
    front = set(before[:5]) | set(after[:5])
    kept = [[index for index in order if index < len(old) and index not in front] for order in (before, after)]
    assert len(kept[0]) > 200
    np.testing.assert_array_equal(*kept)


def test_the_same_addition_twice_another_level_and_another_zero_are_refused(parts):
    old, new = parts
    with pytest.raises(InputError, match=r"structures are in both datasets, the first of C\."):
        extend.extend(extend.extend(old, new), new)
    other = dataclasses.replace(new, manifest={**new.manifest, "level": "pbe/def2-svp"})
    with pytest.raises(InputError, match="must be of one level; got pbe0/def2-svp and pbe/def2-svp"):
        extend.extend(old, other)
    atoms = new.manifest["isolated_atom_energies_ev"] | {"H": 0.0}
    with pytest.raises(InputError, match=r"isolated H must have the same energy in both datasets; got -13\.6"):
        extend.extend(old, dataclasses.replace(new, manifest={**new.manifest, "isolated_atom_energies_ev": atoms}))
