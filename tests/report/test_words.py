"""Numbers read the same everywhere, and a missing one is never written as a number."""

import pytest

from h2scale.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1234.6, "1,200"),
        (12.0, "12"),
        (-0.04567, "−0.046"),
        (9.96, "10"),
        (0.00001234, "1.2e−05"),
        (2.5e7, "2.5e+07"),
        (float("nan"), "–"),
        (float("inf"), "–"),
        (None, "–"),
    ],
)
def test_numbers_have_two_significant_digits(value, text):
    assert words.number(value) == text


def test_an_interval_without_bounds_says_so():
    assert words.interval({"estimate": 0.4, "low": 0.3, "high": 0.5}) == "0.40 [0.30, 0.50]"
    assert words.interval({"estimate": 0.4, "low": None, "high": None}) == "0.40 (no interval)"
    assert words.interval({"estimate": None, "low": None, "high": None}) == "–"


def test_counts_and_plurals():
    assert words.count(74240) == "74,240"
    assert [words.short_count(value) for value in (740, 7400, 1.2e6)] == ["740", "7.4k", "1.2M"]
    assert (words.plural(1, "curve"), words.plural(2, "curve")) == ("1 curve", "2 curves")


def test_unknown_rungs_and_arms_keep_their_own_name():
    assert words.rung("solvated") == "solvated"
    assert words.arm("nequip, l_max 2") == "NequIP, l_max 2"
    assert words.arm("mace") == "mace"
