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
    return partition.divide(shipped, partition.ORGANIC, SETTINGS)


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
    every = partition.divide(shipped, (), SETTINGS)
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
    [(("H", "Xx"), "elements must be symbols such as H or C; got 'Xx'"), (("Ne",), "no structure is made of Ne alone")],
)
def test_elements_that_leave_nothing_are_refused(elements, message):
    with pytest.raises(InputError, match=message):
        data.sides("pbe0_def2svp", "thermal", elements=elements)


def test_an_unknown_side_is_refused(divided):
    with pytest.raises(InputError, match="side must be one of train, validation, test, unseen; got 'hold-out'"):
        divided.indices("thermal", "hold-out")
