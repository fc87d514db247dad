"""A catalog of shards, without their atoms, divides and orders structures like the dataset itself."""

import dataclasses

import numpy as np
import pytest

from h2scale import data
from h2scale.data import coverage, leaks, opening, partition, rungs, shards, splits, training_sets
from h2scale.graphs import counting, neighbors
from h2scale.runtime import files


@pytest.fixture(scope="module")
def shipped():
    return data.load_dataset("pbe0_def2svp")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, shipped):
    folder = tmp_path_factory.mktemp("catalog") / "shipped.shards"
    shards.write_shards(folder, shipped, shipped.manifest, structures_per_shard=4000)
    return folder


@pytest.fixture(scope="module")
def catalog(folder):
    return opening.open_dataset(folder)


@pytest.mark.parametrize("elements", [splits.ORGANIC, ()], ids=["organic", "all"])
def test_a_catalog_is_divided_like_its_dataset(shipped, catalog, elements):
    settings = splits.SplitSettings(elements=elements, max_held_out=50)
    one, other = partition.divide(shipped, settings), partition.divide(catalog, settings)
    np.testing.assert_array_equal(one.side, other.side)
    np.testing.assert_array_equal(one.molecule, other.molecule)
    assert one.missing == other.missing
    for rung in rungs.RUNGS:
        assert one.describe(rung) == other.describe(rung)
        for side in ("validation", "test", "unseen"):
            np.testing.assert_array_equal(one.held_out(rung, side), other.held_out(rung, side))


def test_training_orders_of_a_catalog_are_those_of_its_dataset(shipped, catalog):
    one, other = (partition.divide(dataset, splits.SplitSettings()) for dataset in (shipped, catalog))
    for rung in ("equilibrium", "stretched"):
        first, second = (training_sets.training_order(divided, rung, 3) for divided in (one, other))
        np.testing.assert_array_equal(first.indices, second.indices)
        assert first.num_pinned == second.num_pinned
        assert training_sets.smallest(one, first) == training_sets.smallest(other, second)


def test_some_structures_of_a_catalog_are_those_of_the_dataset(shipped, catalog):
    indices = np.flatnonzero(partition.of_elements(shipped, ("H", "C", "O")))[::3]
    one, other = shipped.select(indices), catalog.select(indices)
    assert coverage.unify(one) == coverage.unify(other)
    assert coverage.molecule_parts(one, np.arange(0, len(one), 2)) == coverage.molecule_parts(
        other, np.arange(0, len(one), 2)
    )
    chosen = np.arange(0, len(one), 97)[::-1]
    read = opening.gather(other, chosen)
    np.testing.assert_array_equal(read.positions, one.select(chosen).positions)
    np.testing.assert_array_equal(counting.edge_counts(other, 4.0), counting.edge_counts(one, 4.0))


def test_a_leak_is_refused_from_the_index(shipped, catalog):
    everything = np.flatnonzero(rungs.in_rung(shipped, "h2"))
    curve = np.flatnonzero(shipped.rungs.isin(["h2"]))
    for dataset in (shipped, catalog):
        leaks.assert_no_h2_leak(dataset, everything, "h2")
        with pytest.raises(ValueError, match=r"holds an H2 at .* away from its bond length"):
            leaks.assert_no_h2_leak(dataset, everything, "stretched")
        leaks.assert_no_h2_leak(dataset, np.setdiff1d(everything, curve), "stretched")
    owner, distance = leaks.h2_pairs(shipped.select(curve))
    found, same = catalog.h2_pairs(curve)
    np.testing.assert_array_equal(found, owner)
    np.testing.assert_array_equal(same, distance)


def test_edges_are_counted_once_a_cutoff(folder, shipped, catalog, monkeypatch):
    expected = neighbors.find_edges(shipped.positions, shipped.n_atoms, 3.0).n_edges
    np.testing.assert_array_equal(counting.edge_counts(catalog, 3.0), expected)
    again = dataclasses.replace(catalog)  # another one of the same folder, as in the next study
    with monkeypatch.context() as patch:
        patch.setattr(neighbors, "count_edges", None)
        np.testing.assert_array_equal(counting.edge_counts(again, 3.0), expected)
        with pytest.raises(TypeError):
            counting.edge_counts(again, 3.5)
    # A stored count of another dataset is not believed.
    stored = folder / "edges-3.npz"
    stored.write_bytes(files.npz_bytes({"identity": np.array("other"), "counts": expected[::-1]}))
    np.testing.assert_array_equal(counting.edge_counts(dataclasses.replace(catalog), 3.0), expected)


def test_sides_are_told_of_shards(folder):
    for side, indices in data.sides(folder, "equilibrium").items():
        np.testing.assert_array_equal(indices, data.sides("pbe0_def2svp", "equilibrium")[side])
