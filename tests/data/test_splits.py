"""A molecule's side is a matter of its name and the seed, and settings that cannot be are refused."""

import re

import numpy as np
import pytest

from h2scale.data import rungs, splits

DEFAULT = splits.SplitSettings()


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


def test_h2_is_trained_on_or_absent_but_never_tested_on():
    for seed in range(50):
        settings = splits.SplitSettings(split_seed=seed, test_fraction=0.45, validation_fraction=0.45)
        assert splits.side_of_molecule(rungs.H2_MOLECULE, settings) == "train"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test_fraction": 1.5}, "data.test_fraction must be between 0 and 0.5; got 1.5"),
        ({"validation_fraction": 0}, "data.validation_fraction must be between 0 and 0.5; got 0"),
        ({"max_held_out": -1}, "data.max_held_out must be 0, for all, or a number of structures; got -1"),
        ({"elements": ("H", "Xx")}, "data.elements must be symbols such as H or C, or () for all elements; got"),
        ({"elements": ("C", "O")}, "data.elements must be a list with H, whose curve judges every model; got"),
    ],
)
def test_impossible_setting_is_refused(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        splits.SplitSettings(**settings)
