"""Molecules stay on their side, training sets nest, and the switches do what they say."""

import types

import numpy as np
import pytest

from h2scale import config as config_lib
from h2scale import data
from h2scale.data import rungs, splits

DEFAULT = splits.SplitSettings()


@pytest.fixture(scope="module")
def shipped():
    return data.load_dataset("pbe0_def2svp")


def molecules(dataset, indices):
    return set(dataset.molecule[indices].tolist())


@pytest.mark.parametrize("rung", rungs.RUNGS)
def test_no_molecule_is_on_two_sides(shipped, rung):
    sides = [splits.side_indices(shipped, rung, side, DEFAULT) for side in splits.SIDES]
    found = [molecules(shipped, indices) for indices in sides]
    assert all(found)
    assert not found[0] & found[1] | found[0] & found[2] | found[1] & found[2]
    together = np.sort(np.concatenate(sides))
    np.testing.assert_array_equal(together, np.flatnonzero(rungs.in_rung(shipped, rung)))


def test_a_molecule_keeps_its_side_across_rungs(shipped):
    for side in splits.SIDES:
        found = [molecules(shipped, splits.side_indices(shipped, rung, side, DEFAULT)) for rung in rungs.RUNGS]
        # Diatomic radicals have curves and no minima, so that they enter above the first rung.
        assert found[0] <= found[1] <= found[2] <= found[3]
        assert len(found[0]) > 0.9 * len(found[3])


def test_a_curve_is_on_the_side_of_its_molecule(shipped):
    curves = set(shipped.molecule[shipped.regime == "curve"].tolist())
    assert {"F", "N#N", "O=O", "FF", "[C-]#[O+]", "[LiH]"} <= curves
    for index in np.flatnonzero(shipped.regime == "curve"):
        same = shipped.n_atoms[(shipped.molecule == shipped.molecule[index]) & (shipped.rung != rungs.ION)]
        assert (same == 2).all()


def test_a_side_does_not_depend_on_what_else_is_in_the_dataset(shipped):
    half = shipped.select(np.flatnonzero(np.arange(len(shipped)) % 2 == 0))
    for side in splits.SIDES:
        of_half = molecules(half, splits.side_indices(half, "stretched", side, DEFAULT))
        of_all = molecules(shipped, splits.side_indices(shipped, "stretched", side, DEFAULT))
        assert of_half <= of_all


def test_sides_are_pinned():
    """A change here moves molecules between training and test, so that no published error can be compared any more."""
    sides = {m: splits.side_of_molecule(m, DEFAULT) for m in ("C", "N", "O", "F", "C#C", "CF", "FF", "N#N", "O=O")}
    assert {m: side for m, side in sides.items() if side != "train"} == {"C": "test", "CF": "test", "FF": "validation"}


def test_fractions_are_kept_and_the_seed_matters():
    names = [f"molecule {i}" for i in range(20000)]
    settings = splits.SplitSettings(validation_fraction=0.1, test_fraction=0.2)
    sides = np.array([splits.side_of_molecule(name, settings) for name in names])
    # Four standard deviations of a binomial of 20000.
    assert abs(np.mean(sides == "test") - 0.2) < 0.012
    assert abs(np.mean(sides == "validation") - 0.1) < 0.009
    other = splits.SplitSettings(validation_fraction=0.1, test_fraction=0.2, split_seed=1)
    assert np.mean(sides == np.array([splits.side_of_molecule(name, other) for name in names])) < 0.6


def test_h2_is_trained_on_or_absent_but_never_tested_on(shipped):
    for seed in range(50):
        settings = splits.SplitSettings(split_seed=seed, test_fraction=0.45, validation_fraction=0.45)
        assert splits.side_of_molecule(rungs.H2_MOLECULE, settings) == "train"


@pytest.mark.parametrize("rung", rungs.RUNGS)
def test_the_order_is_the_training_side_once_each(shipped, rung):
    order = splits.training_order(shipped, rung, 3, DEFAULT)
    np.testing.assert_array_equal(np.sort(order), splits.side_indices(shipped, rung, "train", DEFAULT))


def test_same_seed_same_order_other_seed_other_order(shipped):
    first = splits.training_order(shipped, "stretched", 5, DEFAULT)
    np.testing.assert_array_equal(first, splits.training_order(shipped, "stretched", 5, DEFAULT))
    assert (first != splits.training_order(shipped, "stretched", 6, DEFAULT)).any()


def test_training_sets_nest(shipped):
    order = splits.training_order(shipped, "thermal", 0, DEFAULT)
    assert len(set(order)) == len(order)  # so that each prefix is a subset of every longer one
    counts = [splits.num_unique_molecules(shipped, order[:n]) for n in (1, 16, 64, len(order))]
    assert counts[0] == 1
    assert counts == sorted(counts)
    assert counts[-1] == len(molecules(shipped, order))


def test_rungs_meet_their_common_structures_in_the_same_order(shipped):
    below = splits.training_order(shipped, "equilibrium", 2, DEFAULT)
    above = splits.training_order(shipped, "h2", 2, DEFAULT)
    np.testing.assert_array_equal(above[np.isin(above, below)], below)


@pytest.mark.parametrize("rung", ["equilibrium", "stretched"])
def test_a_dataset_that_grows_keeps_the_order_of_what_was_there(shipped, rung):
    names = np.unique(shipped.molecule)
    kept = np.isin(shipped.molecule, np.delete(names, np.arange(5, len(names), 40)))
    # Of every molecule that stays, another label of a rung comes last.
    last = np.array(
        [np.flatnonzero((shipped.molecule == name) & (shipped.rung == "thermal"))[-1:] for name in names[::30]],
        dtype=object,
    )
    kept[np.concatenate(last).astype(int)] = False
    before = np.flatnonzero(kept)
    small = before[splits.training_order(shipped.select(before), rung, 1, DEFAULT)]
    large = splits.training_order(shipped, rung, 1, DEFAULT)
    assert len(small) < len(large)
    np.testing.assert_array_equal(large[np.isin(large, small)], small)


def test_training_sets_hold_the_rungs_in_their_proportions(shipped):
    order = splits.training_order(shipped, "stretched", 0, DEFAULT)[1:]
    of_rung = shipped.rung[order]
    for name in rungs.RUNGS[:3]:
        share = np.mean(of_rung == name)
        for part in np.array_split(of_rung, 8):
            # Four and a half standard deviations of a binomial.
            assert abs(np.mean(part == name) - share) < 4.5 * np.sqrt(share * (1 - share) / len(part))


def test_orders_are_pinned():
    """A change here draws every training set anew and moves every published number of a study."""
    made_up = types.SimpleNamespace(
        molecule=np.array(["C", "C", "N", "O", "C", "N"]), rung=np.array(["equilibrium"] * 4 + ["thermal"] * 2)
    )
    assert [np.argsort(splits._draws(made_up, seed)).tolist() for seed in range(3)] == [
        [5, 2, 0, 1, 3, 4],
        [0, 5, 2, 3, 1, 4],
        [4, 0, 2, 3, 1, 5],
    ]


def test_switches_hold_at_every_size(shipped):
    with_all = splits.SplitSettings(include_h2_equilibrium=True, include_isolated_atoms=True)
    with_none = splits.SplitSettings(include_h2_equilibrium=False, include_isolated_atoms=False)
    for seed in range(3):
        first = splits.training_order(shipped, "stretched", seed, with_all)[:10]
        symbols = ("H", "He", "Li", "Be", "B", "C", "N", "O", "F")
        assert sorted(shipped.molecule[first]) == sorted(["[H][H]", *(f"[{symbol}]" for symbol in symbols)])
        without = splits.training_order(shipped, "stretched", seed, with_none)
        assert not molecules(shipped, without) & molecules(shipped, first)
        assert shipped.molecule[splits.training_order(shipped, "stretched", seed, DEFAULT)[0]] == "[H][H]"


def test_switches_never_touch_validation_and_test(shipped):
    with_all = splits.SplitSettings(include_isolated_atoms=True)
    for side in ("validation", "test"):
        np.testing.assert_array_equal(
            splits.side_indices(shipped, "h2", side, with_all), splits.side_indices(shipped, "h2", side, DEFAULT)
        )
        assert (shipped.n_atoms[splits.side_indices(shipped, "h2", side, with_all)] > 1).all()


@pytest.mark.parametrize("num_train", [0, -3, 10_000])
def test_a_size_that_is_not_there_names_setting_and_available(shipped, num_train):
    order = splits.training_order(shipped, "equilibrium", 0, DEFAULT)
    message = rf"data\.num_train must lie between 1 and the {len(order)} training structures .* got {num_train}\."
    with pytest.raises(ValueError, match=message):
        splits.check_num_train(order, num_train)


def test_bad_settings_are_refused(shipped):
    with pytest.raises(ValueError, match=r"data\.test_fraction must be between 0 and 0\.5; got 1\.5"):
        splits.SplitSettings(test_fraction=1.5)
    with pytest.raises(ValueError, match=r"data\.rung must be one of equilibrium, thermal, stretched, h2; got 'all'"):
        splits.training_order(shipped, "all", 0, DEFAULT)
    with pytest.raises(ValueError, match="side must be one of train, validation, test; got 'dev'"):
        splits.side_indices(shipped, "h2", "dev", DEFAULT)


@pytest.mark.parametrize("side", ["validation", "test"])
def test_held_out_structures_are_limited_to_a_random_share(shipped, side):
    whole = splits.held_out_indices(shipped, "stretched", side, DEFAULT)
    np.testing.assert_array_equal(whole, splits.side_indices(shipped, "stretched", side, DEFAULT))
    small, large = (
        splits.held_out_indices(shipped, "stretched", side, splits.SplitSettings(max_held_out=number))
        for number in (100, 400)
    )
    assert len(small) == 100
    assert len(large) == 400
    assert set(small) < set(large) < set(whole)
    # Of a few molecules in a row it would be, had they not been drawn at random.
    assert len(molecules(shipped, large)) > 0.6 * len(molecules(shipped, whole))


def test_the_shipped_set_is_below_the_default_limit(shipped):
    sides = [splits.side_indices(shipped, "h2", side, DEFAULT) for side in ("validation", "test")]
    assert max(len(side) for side in sides) < config_lib.default().data.max_held_out


def test_a_negative_limit_is_refused():
    with pytest.raises(ValueError, match=r"data\.max_held_out must be 0, for all, .* got -1"):
        splits.SplitSettings(max_held_out=-1)
