"""The H2 curve stays out of training: shown from the shipped arrays, with leaks planted that must be found."""

import dataclasses

import h5py
import numpy as np
import pytest

from h2scale import data
from h2scale.data import dataset as dataset_lib
from h2scale.data import leaks, partition, rungs, splits, storage, training_sets
from h2scale.physics import curves
from h2scale.types import Structure

BELOW_H2 = rungs.RUNGS[:-1]
FILES = {"gfn2xtb": (0.7773, 40_000), "pbe0_def2svp": (0.761, 4000)}
"""Each shipped file: H2's bond length at its level (0.741 exact), and pairs of hydrogens that it holds at least."""


@pytest.fixture(scope="module", params=sorted(FILES))
def shipped(request):
    return data.load_dataset(request.param)


@pytest.fixture(scope="module", params=sorted(FILES))
def file(request):
    return request.param, arrays_of_the_file(request.param)


def hydrogens(distance, spectator=None, rung="equilibrium", molecule="C", charge=0) -> Structure:
    """Two hydrogens under a label of someone's choice, with a helium at `spectator` angstrom from the nearer one."""
    positions = [[0.0, 0.0, 0.0], [0.0, 0.0, distance]]
    numbers = [1, 1]
    if spectator is not None:
        positions.append([0.0, 0.0, -spectator])
        numbers.append(2)
    return Structure(
        atomic_numbers=np.array(numbers, np.int32),
        positions=np.array(positions),
        energy=-1.0,
        forces=np.zeros((len(numbers), 3)),
        charge=charge,
        spin_multiplicity=1 if charge % 2 == 0 else 2,
        rung=rung,
        regime="thermal",
        molecule=molecule,
        teacher="pbe0/def2-svp",
        spin_squared=0.0,
    )


def guard(structure, rung="equilibrium"):
    dataset = dataset_lib.from_structures([structure], {})
    leaks.assert_no_h2_leak(dataset, np.array([0]), rung)


def arrays_of_the_file(name):
    """Read without the package: counts, elements, positions and rungs as they lie in the file."""
    with h5py.File(storage.dataset_path(name), "r") as file:
        n_atoms = file["structures/n_atoms"][...]
        rung = np.array([v.decode() for v in file["text/rung_values"][...]])[file["text/rung"][...]]
        bounds = np.cumsum(n_atoms)[:-1]
        elements = np.split(file["atoms/atomic_numbers"][...], bounds)
        positions = np.split(file["atoms/positions"][...], bounds)
    return elements, positions, rung


def test_the_file_holds_one_h2_below_rung_h2_and_it_is_the_minimum(file):
    name, (elements, positions, rung) = file
    found = [
        np.linalg.norm(x[1] - x[0])
        for z, x, r in zip(elements, positions, rung, strict=True)
        if z.tolist() == [1, 1] and r in BELOW_H2
    ]
    assert len(found) == 1
    assert found[0] == pytest.approx(FILES[name][0], abs=5e-4)


def test_isolated_atoms_of_the_file_are_the_zero_of_energy(shipped):
    atoms = shipped.rung == rungs.ATOM
    assert atoms.sum() == 9
    np.testing.assert_allclose(shipped.energy[atoms], 0, atol=1e-12)
    assert (shipped.n_atoms[atoms] == 1).all()


def test_the_files_training_distances_are_many_and_apart_from_the_test_distances(file):
    _, (elements, positions, rung) = file
    training = np.array([np.linalg.norm(x[1] - x[0]) for x, r in zip(positions, rung, strict=True) if r == "h2"])
    testing = np.array([np.linalg.norm(x[1] - x[0]) for x, r in zip(positions, rung, strict=True) if r == "test_curve"])
    assert all(z.tolist() == [1, 1] for z, r in zip(elements, rung, strict=True) if r in ("h2", "test_curve"))
    assert len(training) >= 48
    assert training.min() < 0.3
    assert training.max() > 6.5
    assert len(testing) == 128
    assert np.abs(training[:, None] / testing - 1.0).min() > 0.005


def test_no_larger_frame_of_the_file_holds_an_h2_of_its_own(file):
    """Every pair of hydrogens in a larger structure has a third atom within 2.5 angstrom of one of the two."""
    name, (elements, positions, rung) = file
    larger = [i for i, z in enumerate(elements) if len(z) > 2 and rung[i] in rungs.RUNGS]
    checked = 0
    for size in {len(elements[i]) for i in larger}:
        alike = [i for i in larger if len(elements[i]) == size]
        for start in range(0, len(alike), 1000):
            x = np.stack([positions[i] for i in alike[start : start + 1000]])
            hydrogen = np.stack([elements[i] == 1 for i in alike[start : start + 1000]])
            near = np.linalg.norm(x[:, :, None] - x[:, None], axis=-1) < 2.5
            near &= ~np.eye(size, dtype=bool)
            others = near.sum(axis=2)[:, :, None] - near  # atoms near the first of a pair, apart from the second
            pairs = np.triu(hydrogen[:, :, None] & hydrogen[:, None], k=1)
            assert not np.any(pairs & (others == 0) & (others.transpose(0, 2, 1) == 0))
            checked += np.count_nonzero(pairs)
    assert checked > FILES[name][1]


@pytest.fixture(scope="module")
def divided(shipped):
    return partition.divide(shipped, splits.SplitSettings(elements=()))


@pytest.mark.parametrize("rung", rungs.RUNGS)
@pytest.mark.parametrize("include_atoms", [False, True])
def test_every_training_set_of_the_shipped_data_passes(shipped, divided, rung, include_atoms):
    settings = training_sets.TrainingSetSettings(include_isolated_atoms=include_atoms)
    # Refuses a leak itself, as is shown below.
    order = training_sets.training_order(divided, rung, 0, settings).indices
    away = (shipped.molecule[order] == "[H][H]") & (shipped.rung[order] != "equilibrium")
    assert np.count_nonzero(away) == (55 if rung == "h2" else 0)


@pytest.mark.parametrize("rung", BELOW_H2)
@pytest.mark.parametrize("distance", [0.3, 0.71, 0.8, 1.5, 7.0])
def test_a_mislabelled_h2_is_found_below_rung_h2(rung, distance):
    with pytest.raises(ValueError, match=rf"structure 0 \(C, thermal\) holds an H2 at {distance:.4f} .*rung '{rung}'"):
        guard(hydrogens(distance), rung)


def test_the_bond_length_itself_is_allowed():
    for distance in (0.7414, 0.7609, 0.77):
        guard(hydrogens(distance))  # raises nothing
    with pytest.raises(ValueError, match="holds an H2"):
        guard(hydrogens(0.8))


@pytest.mark.parametrize("place", [0, 30, 60, 127])
def test_a_test_distance_is_found_in_rung_h2_whatever_its_label(place):
    test_distance = curves.H2_TEST_DISTANCES_ANGSTROM[place]
    for factor in (1.0, 1.004, 0.996):
        with pytest.raises(ValueError, match=r"within 0\.5% of a test distance"):
            guard(hydrogens(test_distance * factor, rung="h2"), "h2")
    guard(hydrogens(test_distance * 1.0147, rung="h2"), "h2")  # the middle between two test distances


def test_a_fragment_far_from_the_rest_counts_and_a_bonded_one_does_not():
    with pytest.raises(ValueError, match=r"holds an H2 at 1\.5000"):
        guard(hydrogens(1.5, spectator=2.6))
    guard(hydrogens(1.5, spectator=2.4))


def test_a_charged_pair_is_a_leak_too():
    with pytest.raises(ValueError, match="holds an H2"):
        guard(hydrogens(1.5, charge=1))


def test_the_test_curve_is_refused_by_label_at_every_rung(shipped):
    index = np.flatnonzero(shipped.rung == rungs.TEST_CURVE)[50]
    for rung in rungs.RUNGS:
        with pytest.raises(ValueError, match="is of the H2 test curve and may never be trained on"):
            leaks.assert_no_h2_leak(shipped, np.array([0, index]), rung)


def test_relabelling_the_test_curve_does_not_help(shipped):
    relabelled = dataclasses.replace(shipped, rung=np.where(shipped.rung == "test_curve", "equilibrium", shipped.rung))
    divided = partition.divide(relabelled, splits.SplitSettings())
    for rung in rungs.RUNGS:
        with pytest.raises(ValueError, match="holds an H2"):
            training_sets.training_order(divided, rung, 0)


def test_only_the_chosen_structures_are_judged(shipped):
    leaks.assert_no_h2_leak(shipped, np.flatnonzero(shipped.rung == "thermal"), "thermal")
    leaks.assert_no_h2_leak(shipped, np.zeros(0, int), "equilibrium")


def test_the_histogram_counts_pairs_of_hydrogens(shipped):
    edges = np.array([0.0, 0.7, 0.8, 1.4, 20.0])
    minima = shipped.select(np.flatnonzero(shipped.rung == "equilibrium"))
    pairs = sum(n * (n - 1) // 2 for n in (np.sum(s.atomic_numbers == 1) for s in minima))
    histogram = leaks.h_h_distance_histogram(shipped, "equilibrium", edges)
    assert histogram.sum() == pairs
    assert histogram[:2].tolist() == [0, 1]  # H2's own minimum and nothing else so close
    above = leaks.h_h_distance_histogram(shipped, "h2", edges)
    assert (above >= histogram).all()
    assert above[0] > 0
