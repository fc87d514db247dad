"""The row of the table of verdicts, and what all claims share."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from h2scale.report import words
from h2scale.runtime import tables
from h2scale.scaling import decisions


class Verdict(NamedTuple):
    """A claim judged for one arm and, where it speaks of the H2 curve, one region of it."""

    number: int  # of the claim; 0 for the control
    claim: str
    arm: str  # a model of the study; empty where the claim is about published models
    scope: str  # region and reference; empty where there is none
    finding: str
    numbers: tuple[str, ...]
    verdict: str  # one of those of `scaling.decisions`
    rule: str


def missing_columns(table: tables.Table, names: Sequence[str]) -> str:
    """Reason why a table cannot answer, or an empty string."""
    absent = [name for name in names if name not in table]
    return f"replicas.csv has no column {', '.join(absent)}" if absent else ""


def log_of(values: np.ndarray) -> np.ndarray:
    """Logarithm of positive numbers, NaN elsewhere."""
    return np.log(np.where(np.isfinite(values) & (values > 0), values, np.nan))


def not_tested(number: int, claim: str, arm: str, scope: str, reason: str, rule: str) -> Verdict:
    """Row of a claim that this run does not test."""
    return Verdict(number, claim, arm, scope, f"Not tested: {reason}.", (), decisions.NOT_TESTED, rule)


def with_interval(estimate: float, low: float, high: float) -> str:
    """An estimate and its interval as `0.4 [0.3, 0.5]`."""
    return words.interval({"estimate": estimate, "low": low, "high": high})


def sentence(text: str) -> str:
    """Text with a capital and a full stop."""
    return f"{text[0].upper()}{text[1:]}."
