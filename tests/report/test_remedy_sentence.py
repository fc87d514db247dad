"""The ladder's sentence: from tables of known content, and silent about nothing that they hold."""

import re

import pytest

from h2scale.remedies.exponents import ExponentRow
from h2scale.remedies.tables import MemberRow, RegionRow
from h2scale.report import remedy_numbers, remedy_sentence
from h2scale.runtime import tables


def table(path, rows):
    tables.append_rows(path, type(rows[0])._fields, [row._asdict() for row in rows])
    return tables.read_table(path)


def member(rung, size, test, width=4):
    nothing = float("nan")
    return MemberRow(rung, f"{rung}-{size}", width, width, size, 0, 0.01, 0.01, test, test, test, *(nothing,) * 3)


def regions(rung, curves, base=""):
    """Curves by their mean and largest error and the mean of the base."""
    for system, (mean, largest, below) in curves.items():
        for region in ("whole", "broken"):
            yield RegionRow(rung, system, region, "full CI", 9, mean, largest, base, below, mean > below)


def exponent(rung, metric, direction):
    return ExponentRow(rung, metric, "num_train", -0.3, -0.5, -0.1, -0.4, -0.2, direction, 0.1, 9, 27, "")


@pytest.fixture
def ladder(tmp_path):
    known = {"H2": (0.0, 0.0, 0.0), "H3": (0.4, 1.0, 0.3), "N2": (1.5, 4.0, 9.0)}
    wide = {"H2": (0.0, 0.0, 0.0), "H3": (1.0, 5.5, 2.0), "N2": (1.9, 4.0, 2.0)}
    rows = [*regions("pairs", known, "uccsd"), *regions("practical", wide, "pbe0"), *regions("uccsd", known)]
    return (
        table(tmp_path / "m", [member("pairs", 30, 0.5), member("pairs", 200, 0.2), member("practical", 200, 0.7)]),
        table(tmp_path / "r", rows),
        table(
            tmp_path / "e",
            [
                exponent(rung, metric, direction)
                for rung, directions in (("pairs", ("falls", "unresolved")), ("practical", ("falls", "flat")))
                for metric, direction in zip(("test_kcal", "broken_kcal"), directions, strict=True)
            ],
        ),
    )


def test_sentence_says_who_reaches_the_goal_and_what_data_do(ladder):
    said = remedy_sentence.sentence(*ladder, ["pairs", "practical"])
    assert re.split(r"(?<=\D)\. ", said) == [
        "Trained on 200 equilibrium molecules, 1 of 2 rungs is within 2 kcal/mol on average and 5 at most on every "
        "curve asked: pairs (0.2 on held-out molecules, at most 4 on a curve)",
        "Without learning, uccsd is",
        "From 30 to 200 molecules the error on held-out molecules falls in pairs and practical; that on broken bonds"
        " is flat (exponent within 0.1 of 0) in practical, is unresolved in pairs",
        "Worse than the base: pairs on H3.",
    ]


def test_rung_without_curves_reaches_no_goal(ladder):
    members, own, exponents = ladder
    without = tables.select(own, own["rung"] == "uccsd")
    said = remedy_sentence.sentence(members, without, exponents, ["pairs"])
    assert "none of 0 rungs is within" in said
    assert "pairs has no number on any curve." in said


def test_means_are_of_curves_that_nothing_is_exact_for(ladder):
    _, own, _ = ladder
    assert remedy_numbers.compared(own) == ["H3", "N2"], "H2 is exact for pairs"
    assert remedy_numbers.mean_kcal(own, "pairs", ["H3", "N2"]) == (pytest.approx(0.95), 2)
    fewer = tables.select(own, (own["rung"] != "practical") | (own["system"] != "N2"))
    assert remedy_numbers.mean_kcal(fewer, "practical", ["H3", "N2"]) == (1.0, 1)
    assert remedy_numbers.worst(own, "practical") == (1.9, 5.5)
