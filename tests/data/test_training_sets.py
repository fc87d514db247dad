"""Training sets nest, hold every element and what the switches promise, and refuse sizes that cannot keep that."""

import numpy as np
import pytest

from h2scale import data
from h2scale.data import partition, rungs, splits, training_sets
from h2scale.errors import InputError

SWITCHES = training_sets.TrainingSetSettings
NONE = SWITCHES(include_h2_equilibrium=False)


@pytest.fixture(scope="module")
def shipped():
    return data.load_dataset("pbe0_def2svp")


@pytest.fixture(scope="module")
def divided(shipped):
    return partition.divide(shipped, splits.SplitSettings())


def molecules(divided, indices):
    return set(divided.dataset.molecule[indices].tolist())


def elements(divided, indices):
    return {int(number) for index in indices for number in divided.dataset[int(index)].atomic_numbers}


def smallest_size(divided, order, rung):
    """Number of structures of the smallest training set that is admitted."""
    for size in range(len(order.indices) + 1):
        try:
            training_sets.check_num_train(divided, order, size, rung)
        except InputError:
            continue
        return size
    raise AssertionError("no size is admitted")


def assert_every_prefix_holds_all_elements(divided, order, rung):
    """From the smallest admitted size on; the law of a broken order fails here too."""
    least = order.num_pinned + 5
    for size in (least, least + 1, 2 * least, len(order.indices)):
        assert elements(divided, order.indices[:size]) == elements(divided, order.indices), (
            f"an element is missing among {size} structures of rung {rung}"
        )


@pytest.mark.parametrize("rung", rungs.RUNGS)
def test_order_is_the_training_side_once_each(divided, rung):
    order = training_sets.training_order(divided, rung, 3)
    np.testing.assert_array_equal(np.sort(order.indices), divided.indices(rung, "train"))


def test_same_seed_same_order_other_seed_other_order(divided):
    first = training_sets.training_order(divided, "stretched", 5).indices
    np.testing.assert_array_equal(first, training_sets.training_order(divided, "stretched", 5).indices)
    assert (first != training_sets.training_order(divided, "stretched", 6).indices).any()


def test_training_sets_nest(divided):
    order = training_sets.training_order(divided, "thermal", 0).indices
    assert len(set(order)) == len(order)  # so that each prefix is a subset of every longer one
    counts = [training_sets.num_unique_molecules(divided, order[:n]) for n in (1, 16, 64, len(order))]
    assert counts[0] == 1
    assert counts == sorted(counts)
    assert counts[-1] == len(np.unique(divided.molecule[order])) <= len(molecules(divided, order))


def test_rungs_meet_their_common_structures_in_the_same_order(divided):
    """But for those at the front: each rung's own first structures with each element."""
    below, above = (training_sets.training_order(divided, rung, 2) for rung in ("equilibrium", "h2"))
    front = 20
    common = np.isin(above.indices, below.indices[front:]) & ~np.isin(above.indices, above.indices[:100])
    np.testing.assert_array_equal(
        above.indices[common], below.indices[front:][np.isin(below.indices[front:], above.indices[common])]
    )
    assert common.sum() > 0.9 * len(below.indices)


@pytest.mark.parametrize("rung", ["equilibrium", "stretched"])
def test_dataset_that_grows_keeps_the_order_of_what_was_there(shipped, divided, rung):
    names = np.unique(shipped.molecule)
    kept = np.isin(shipped.molecule, np.delete(names, np.arange(5, len(names), 40)))
    # Of every molecule that stays, another label of a rung comes last.
    last = [np.flatnonzero((shipped.molecule == name) & (shipped.rung == "thermal"))[-1:] for name in names[::30]]
    kept[np.concatenate(last).astype(int)] = False
    before = np.flatnonzero(kept)
    earlier = partition.divide(shipped.select(before), splits.SplitSettings())
    small = before[training_sets.training_order(earlier, rung, 1).indices]
    large = training_sets.training_order(divided, rung, 1).indices
    assert len(small) < len(large)
    # Structures at the front bring the first of each element, which new molecules may be.
    small, large = (order[~np.isin(order, [*small[:10], *large[:10]])] for order in (small, large))
    np.testing.assert_array_equal(large[np.isin(large, small)], small[np.isin(small, large)])
    assert np.isin(small, large).mean() > 0.99


def test_training_sets_hold_the_rungs_in_their_proportions(divided):
    order = training_sets.training_order(divided, "stretched", 0).indices[10:]
    of_rung = divided.dataset.rung[order]
    for name in rungs.RUNGS[:3]:
        share = np.mean(of_rung == name)
        for part in np.array_split(of_rung, 8):
            # Four and a half standard deviations of a binomial.
            assert abs(np.mean(part == name) - share) < 4.5 * np.sqrt(share * (1 - share) / len(part))


def test_switches_hold_at_every_size(divided):
    with_all = SWITCHES(include_isolated_atoms=True)
    for seed in range(3):
        order = training_sets.training_order(divided, "stretched", seed, with_all)
        pinned = order.indices[: order.num_pinned]
        expected = ["[H][H]", *(f"[{symbol}]" for symbol in splits.ORGANIC)]
        assert sorted(divided.dataset.molecule[pinned]) == sorted(expected)
        without = training_sets.training_order(divided, "stretched", seed, NONE)
        assert without.num_pinned == 0
        assert not molecules(divided, without.indices) & molecules(divided, pinned)
        alone = training_sets.training_order(divided, "stretched", seed)
        assert (alone.num_pinned, divided.dataset.molecule[alone.indices[0]]) == (1, "[H][H]")


def test_isolated_atoms_are_in_every_training_set_whatever_the_split(shipped):
    """Their names could be on any side."""
    switches = SWITCHES(include_isolated_atoms=True)
    for seed in range(1, 5):
        other = partition.divide(shipped, splits.SplitSettings(split_seed=seed))
        chosen = training_sets.available(other, "equilibrium", switches)
        assert np.sum(shipped.rung[chosen] == rungs.ATOM) == len(splits.ORGANIC)


def test_every_h2_of_its_rung_is_pinned(divided):
    order = training_sets.training_order(divided, "h2", 0)
    own = divided.dataset.molecule[order.indices] == rungs.H2_MOLECULE
    assert order.num_pinned == own.sum() > 40
    assert own[: order.num_pinned].all()


def test_switches_admit_no_held_out_structure(divided):
    indices = training_sets.available(divided, "h2", SWITCHES(include_isolated_atoms=True))
    atoms = divided.dataset.rung[indices] == rungs.ATOM
    assert (divided.side[indices[~atoms]] == "train").all()
    assert atoms.sum() == len(splits.ORGANIC)
    for side in ("validation", "test", "unseen"):
        assert not np.intersect1d(indices, divided.indices("h2", side)).size


@pytest.mark.parametrize("rung", rungs.RUNGS)
@pytest.mark.parametrize("settings", [NONE, SWITCHES(), SWITCHES(include_isolated_atoms=True)])
def test_every_prefix_from_the_smallest_size_holds_every_element(divided, rung, settings):
    for seed in range(3):
        order = training_sets.training_order(divided, rung, seed, settings)
        least = smallest_size(divided, order, rung)
        # The first structures behind the pinned ones bring one element each, or several.
        assert order.num_pinned < least <= order.num_pinned + len(splits.ORGANIC)
        assert_every_prefix_holds_all_elements(divided, order, rung)


def test_isolated_atoms_do_not_count_as_covering_their_elements(divided):
    """An isolated atom teaches nothing of a bond, so molecules with each element come behind it all the same."""
    order = training_sets.training_order(divided, "equilibrium", 0, SWITCHES(include_isolated_atoms=True))
    behind = order.indices[order.num_pinned :]
    assert elements(divided, behind[: len(splits.ORGANIC)]) == elements(divided, order.indices)


def test_order_without_its_front_lacks_an_element(divided):
    """The control: with fluorine moved behind everything else, the law fails and the size is refused by name."""
    order = training_sets.training_order(divided, "equilibrium", 0)
    fluorine = np.array([9 in elements(divided, [index]) for index in order.indices])
    broken = order._replace(indices=np.concatenate([order.indices[~fluorine], order.indices[fluorine]]))
    with pytest.raises(AssertionError, match="an element is missing among"):
        assert_every_prefix_holds_all_elements(divided, broken, "equilibrium")
    message = r"grid\.num_train must be large .*; 30 structures of rung equilibrium hold no F\. Take more structures"
    with pytest.raises(InputError, match=message):
        training_sets.check_num_train(divided, broken, 30, "equilibrium")
    training_sets.check_num_train(divided, order, 30, "equilibrium")  # the order itself passes


def test_missing_elements_of_a_small_training_set_are_named(divided):
    order = training_sets.training_order(divided, "equilibrium", 0)
    lacking = elements(divided, order.indices) - elements(divided, order.indices[:2])
    assert lacking
    with pytest.raises(InputError, match="2 structures of rung equilibrium hold no") as caught:
        training_sets.check_num_train(divided, order, 2, "equilibrium")
    named = str(caught.value).split("hold no ")[1].split(".")[0].split(", ")
    symbols = dict(zip((1, 6, 7, 8, 9), splits.ORGANIC, strict=True))
    assert named == [symbols[number] for number in sorted(lacking)]


@pytest.mark.parametrize("num_train", [0, -3, 1, 10_000])
def test_size_that_is_not_there_names_setting_and_available(divided, num_train):
    order = training_sets.training_order(divided, "equilibrium", 0)
    message = (
        rf"grid\.num_train must be between 2 and the {len(order.indices)} training structures available at rung "
        rf"equilibrium; got {num_train}\."
    )
    with pytest.raises(InputError, match=message):
        training_sets.check_num_train(divided, order, num_train, "equilibrium")


def test_hydrogen_pairs_are_refused_where_there_are_none(shipped):
    without = partition.divide(
        shipped.select(np.flatnonzero(shipped.rung != rungs.HYDROGEN_PAIR)), splits.SplitSettings()
    )
    with pytest.raises(InputError, match=r"data\.include_hydrogen_pairs must be false for a dataset without"):
        training_sets.training_order(without, "stretched", 0, SWITCHES(include_hydrogen_pairs=True))


@pytest.mark.parametrize("rung", ["equilibrium", "stretched"])
def test_hydrogen_pairs_of_training_molecules_are_admitted_on_request_alone(divided, rung):
    pairs = divided.dataset.rung == rungs.HYDROGEN_PAIR
    held_out = pairs & np.isin(divided.side, ("validation", "test"))
    assert held_out.any()
    wanted = np.flatnonzero(pairs & (divided.side == "train"))
    order = training_sets.training_order(divided, rung, 0, SWITCHES(include_hydrogen_pairs=True))
    assert set(wanted) <= set(order.indices[order.num_pinned :])
    assert not held_out[order.indices].any()
    without = training_sets.training_order(divided, rung, 0)
    np.testing.assert_array_equal(np.sort(np.concatenate([without.indices, wanted])), np.sort(order.indices))


def test_impossible_settings_are_refused(divided):
    for share in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match=rf"data\.pinned_share must be between 0 and 1; got {share}"):
            SWITCHES(pinned_share=share)
    with pytest.raises(ValueError, match=r"data\.rung must be one of equilibrium, thermal, stretched, h2; got 'all'"):
        training_sets.training_order(divided, "all", 0)
