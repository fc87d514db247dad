"""Held-out molecules are made of what was trained on; names of one minimum are one molecule; the rest stands apart."""

import dataclasses

import numpy as np
import pytest

from h2scale import data
from h2scale.data import coverage, partition, rungs, splits
from h2scale.errors import InputError

SETTINGS = splits.SplitSettings()


@pytest.fixture(scope="module")
def shipped():
    return data.load_dataset("pbe0_def2svp")


@pytest.fixture(scope="module")
def divided(shipped):
    return partition.divide(shipped, SETTINGS)


def assert_covered(divided):
    """Elements and bonded pairs of every held-out molecule occur in five training molecules of every rung."""
    ladder = np.flatnonzero((divided.side != "") & np.isin(divided.dataset.rung, rungs.RUNGS))
    parts = coverage.molecule_parts(divided.dataset, ladder)
    for rung in rungs.RUNGS:
        train = set(divided.dataset.molecule[divided.indices(rung, "train")].tolist())
        for side in ("validation", "test"):
            for name in set(divided.dataset.molecule[divided.indices(rung, side)].tolist()):
                for kind in ("elements", "pairs"):
                    for part in getattr(parts[name], kind):
                        holding = sum(part in getattr(parts[other], kind) for other in train)
                        assert holding >= coverage.MIN_MOLECULES, (
                            f"{part} of {name} is in {holding} molecules of {rung}"
                        )


def assert_one_molecule_for_each_minimum(divided):
    """No two equilibrium structures on different sides are the same minimum."""
    leader = coverage.unify(divided.dataset)
    for name, first in leader.items():
        sides = {str(divided.side[divided.dataset.molecule == one][0]) for one in (name, first)}
        assert len(sides - {""}) <= 1, f"{name} and {first} are one minimum on sides {sides}"


def test_held_out_molecules_are_covered(divided):
    assert_covered(divided)


def test_a_split_by_name_alone_is_caught(shipped, divided):
    """The control: with every molecule left where its name puts it, fluorine is held out and was never trained on."""
    by_name = np.array([splits.side_of_molecule(name, SETTINGS) for name in shipped.molecule.tolist()])
    broken = dataclasses.replace(divided, side=np.where(divided.side == "", "", by_name))
    with pytest.raises(AssertionError, match="of FF is in 0 molecules"):
        assert_covered(broken)
    with pytest.raises(AssertionError, match="are one minimum on sides"):
        assert_one_molecule_for_each_minimum(broken)


def test_names_of_one_minimum_are_one_molecule(shipped, divided):
    assert_one_molecule_for_each_minimum(divided)
    same = {name: first for name, first in coverage.unify(shipped).items() if name != first}
    assert same == {"C1=NN=C1": "C1=CN=N1"}
    numbers = [divided.molecule[shipped.molecule == name][0] for pair in same.items() for name in pair]
    assert numbers[0] == numbers[1]


def test_a_minimum_moved_by_more_than_the_tolerance_is_another(shipped):
    pair = np.flatnonzero(np.isin(shipped.molecule, ["C1=NN=C1", "C1=CN=N1"]) & (shipped.rung == "equilibrium"))
    both = shipped.select(pair)
    assert len(set(coverage.unify(both).values())) == 1
    last = both.atom_offset[-1]
    moved = dataclasses.replace(
        both, positions=both.positions + 0.05 * (np.arange(len(both.positions)) == last)[:, None]
    )
    assert len(set(coverage.unify(moved).values())) == 2


def test_what_is_not_covered_is_unseen_and_says_what_it_lacks(divided):
    assert divided.missing == {"FF": coverage.Missing("F-F", 0, "equilibrium")}
    assert set(divided.dataset.molecule[divided.indices("stretched", "unseen")].tolist()) == {"FF"}


@pytest.mark.parametrize("rung", rungs.RUNGS)
def test_sides_divide_the_structures_of_the_admitted_elements(shipped, divided, rung):
    numbers = np.logical_and.reduceat(np.isin(shipped.atomic_numbers, [1, 6, 7, 8, 9]), shipped.atom_offset)
    together = np.sort(np.concatenate([divided.indices(rung, side) for side in partition.SIDES]))
    np.testing.assert_array_equal(together, np.flatnonzero(numbers & rungs.in_rung(shipped, rung)))
    assert (shipped.molecule[divided.indices(rung, "train")] == rungs.H2_MOLECULE).any()


def test_rare_elements_are_admitted_on_request_and_stand_apart(shipped):
    every = partition.divide(shipped, splits.SplitSettings(elements=()))
    assert_covered(every)
    assert {"[BeH2]", "O=[Be]"} & set(every.missing) or any("Be" in one.part for one in every.missing.values())


def test_bonds_are_those_of_the_lowest_structure(shipped):
    water = np.flatnonzero(shipped.molecule == "O")
    assert {"scaled", "stretched"} <= set(shipped.regime[water].tolist())
    assert coverage.molecule_parts(shipped, water)["O"] == coverage.Parts(frozenset({1, 8}), frozenset({(1, 8)}))


def test_public_sides_are_those_of_the_partition(divided):
    found = data.sides("pbe0_def2svp", "thermal")
    assert tuple(found) == partition.SIDES
    for side, indices in found.items():
        np.testing.assert_array_equal(indices, divided.indices("thermal", side))


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        (("H", "Xx"), r"data\.elements must be symbols such as H or C, or \(\) for all elements; got \('H', 'Xx'\)"),
        (("C", "O"), r"data\.elements must be a list with H, whose curve judges every model; got \('C', 'O'\)"),
    ],
)
def test_elements_that_leave_nothing_are_refused(elements, message):
    with pytest.raises(InputError, match=message):
        data.sides("pbe0_def2svp", "thermal", elements=elements)


def test_an_unknown_side_is_refused(divided):
    with pytest.raises(InputError, match="side must be one of train, validation, test, unseen; got 'hold-out'"):
        divided.indices("thermal", "hold-out")


def test_elements_that_no_structure_holds_alone_are_refused(shipped):
    with pytest.raises(InputError, match=r"data\.elements must name .*, which holds H, He, .* of Ne alone\."):
        partition.of_elements(shipped, ("Ne",))


def test_sides_of_a_molecule_are_the_same_at_every_rung(divided):
    for side in splits.SIDES:
        found = [set(divided.dataset.molecule[divided.indices(rung, side)].tolist()) for rung in rungs.RUNGS]
        # Diatomic radicals have curves and no minima, so that they enter above the first rung.
        assert found[0] <= found[1] <= found[2] <= found[3]
        assert len(found[0]) > 0.9 * len(found[3])


def test_a_curve_is_on_the_side_of_its_molecule(shipped):
    curves = set(shipped.molecule[shipped.regime == "curve"].tolist())
    assert {"F", "N#N", "O=O", "FF", "[C-]#[O+]", "[LiH]"} <= curves
    for index in np.flatnonzero(shipped.regime == "curve"):
        same = shipped.n_atoms[(shipped.molecule == shipped.molecule[index]) & (shipped.rung != rungs.ION)]
        assert (same == 2).all()


def test_a_dataset_that_grows_moves_no_molecule_to_another_side(shipped, divided):
    """But for those that become covered, and names that turn out to be those of one minimum."""
    half = np.flatnonzero(np.isin(shipped.molecule, np.unique(shipped.molecule)[::2]))
    earlier = partition.divide(shipped.select(half), SETTINGS)
    before, after = earlier.side, divided.side[half]
    of_one_minimum = np.isin(shipped.molecule[half], ["C1=NN=C1", "C1=CN=N1"])
    same = (before == after) | (before == "unseen") | (after == "unseen") | of_one_minimum
    assert same.all()
    assert np.mean(before == after) > 0.95


HELD_OUT = {"stretched": (100, 300), "thermal": (60, 150)}


def turns(limited, indices):
    """Number of structures that each molecule of the rung gave."""
    return np.unique(limited.molecule[indices], return_counts=True)[1]


def assert_taken_in_turn(limited, rung, side):
    """No molecule gives two structures more than another that has more to give."""
    chosen, available = limited.held_out(rung, side), limited.indices(rung, side)
    given = {number: np.sum(limited.molecule[chosen] == number) for number in np.unique(limited.molecule[available])}
    most = max(given.values())
    for number, count in given.items():
        left = np.sum(limited.molecule[available] == number) - count
        assert left == 0 or count >= most - 1, "one molecule gave many structures while another waited"


def limited(divided, most):
    return dataclasses.replace(divided, settings=dataclasses.replace(SETTINGS, max_held_out=most))


@pytest.mark.parametrize("side", ["validation", "test"])
@pytest.mark.parametrize("rung", sorted(HELD_OUT))
def test_held_out_structures_are_taken_in_turn_and_nest(divided, rung, side):
    small, large = (limited(divided, most) for most in HELD_OUT[rung])
    one, other = small.held_out(rung, side), large.held_out(rung, side)
    assert (len(one), len(other)) == HELD_OUT[rung]
    assert set(one) < set(other) < set(divided.indices(rung, side))
    assert (np.diff(one) > 0).all()
    for part in (small, large):
        assert_taken_in_turn(part, rung, side)
    np.testing.assert_array_equal(one, small.held_out(rung, side))


def test_held_out_structures_drawn_at_random_are_caught(divided):
    """The control: the first structures of the rung, or a random share of them, are not taken in turn."""

    class Broken(partition.Partition):
        def held_out(self, rung, side):
            return self.indices(rung, side)[:100]

    fields = {field.name: getattr(divided, field.name) for field in dataclasses.fields(divided)}
    with pytest.raises(AssertionError, match="while another waited"):
        assert_taken_in_turn(Broken(**fields), "stretched", "test")


def test_all_held_out_structures_are_taken_without_a_limit(divided):
    for side in ("validation", "test"):
        for most in (0, 10**6):
            np.testing.assert_array_equal(
                limited(divided, most).held_out("stretched", side), divided.indices("stretched", side)
            )


def test_a_molecule_with_a_long_curve_weighs_as_much_as_any_other(divided):
    """The control: a mean over structures would be one of the curve of FF, and is not this one."""
    molecule, dataset = divided.dataset.molecule, divided.dataset
    curve = np.flatnonzero((molecule == "FF") & (dataset.regime == "curve"))
    other = np.flatnonzero((molecule == "C") & (dataset.rung == "equilibrium"))
    assert len(curve) > 30
    assert len(other) == 1
    indices = np.concatenate([curve, other])
    weights = divided.molecule_weights(indices)
    np.testing.assert_allclose(weights[:-1], 0.5 / len(curve), rtol=1e-12)
    np.testing.assert_allclose(weights[-1], 0.5, rtol=1e-12)
    errors = np.where(np.arange(len(indices)) < len(curve), 1.0, 4.0)
    np.testing.assert_allclose(weights @ errors, 2.5, rtol=1e-12)
    assert np.mean(errors) < 1.2


def test_weights_add_up_to_one_and_know_names_of_one_minimum(divided):
    indices = divided.indices("stretched", "validation")
    weights = divided.molecule_weights(indices)
    np.testing.assert_allclose(weights.sum(), 1.0, rtol=1e-12)
    of_molecule = np.bincount(np.unique(divided.molecule[indices], return_inverse=True)[1], weights)
    np.testing.assert_allclose(of_molecule, of_molecule[0], rtol=1e-12)
    pair = np.flatnonzero(np.isin(divided.dataset.molecule, ["C1=NN=C1", "C1=CN=N1"]))
    np.testing.assert_allclose(divided.molecule_weights(pair), 1 / len(pair), rtol=1e-12)
    assert divided.molecule_weights(np.zeros(0, int)).shape == (0,)


def test_description_counts_structures_and_molecules_of_every_side(divided):
    line = divided.describe("equilibrium")
    for side in partition.SIDES:
        indices = divided.indices("equilibrium", side)
        assert f"{side} {len(indices):,} of {len(np.unique(divided.molecule[indices]))} molecules" in line
    assert line.startswith("equilibrium: train ")
