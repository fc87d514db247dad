"""Numbers of the ladder's page, from its tables alone."""

from collections.abc import Sequence

import numpy as np

from h2scale.judge import systems
from h2scale.remedies import shipping
from h2scale.runtime import tables

MEAN_KCAL, LARGEST_KCAL = 2.0, 5.0
"""Goal on every curve: of the mean and of the largest error."""
_EXACT_PAIRS = 2


def compared(regions: tables.Table) -> list[str]:
    """Curves that means are over: of trained elements, with more correlated electrons than any rung is exact for."""
    known = set(regions["system"].tolist())
    return [
        name
        for name, own in systems.SYSTEMS.items()
        if name in known and own.correlated_electrons > _EXACT_PAIRS and set(own.symbols) <= set(shipping.TRAINED)
    ]


def mean_kcal(regions: tables.Table, rung: str, among: Sequence[str], part: str = "whole") -> tuple[float, int]:
    """Mean over curves of each one's mean error, kcal/mol, and over how many; NaN where none has a number."""
    own = (regions["rung"] == rung) & (regions["region"] == part) & np.isin(regions["system"], list(among))
    return (float(regions["mean_kcal"][own].mean()) if own.any() else float("nan")), int(own.sum())


def asked(regions: tables.Table, rung: str) -> int:
    """Number of curves that a rung has a number of."""
    return int(np.sum((regions["rung"] == rung) & (regions["region"] == "whole")))


def worst(regions: tables.Table, rung: str) -> tuple[float, float]:
    """Largest mean error of a curve and largest error of all, kcal/mol, over all curves asked; NaN where none was."""
    own = (regions["rung"] == rung) & (regions["region"] == "whole")
    if not own.any():
        return float("nan"), float("nan")
    return float(regions["mean_kcal"][own].max()), float(regions["largest_kcal"][own].max())


def reaches_goal(regions: tables.Table, rung: str) -> bool:
    """True if every curve asked is within the goal; false for a rung that was asked none."""
    mean, largest = worst(regions, rung)
    return mean <= MEAN_KCAL and largest <= LARGEST_KCAL


def spoiled(regions: tables.Table, rung: str) -> list[str]:
    """Curves on which a rung is worse than its base."""
    own = (regions["rung"] == rung) & (regions["region"] == "whole") & (regions["worse_than_base"] > 0)
    return regions["system"][own].tolist()


def held_out(members: tables.Table, rung: str) -> float:
    """Mean error on held-out molecules of a rung's members at the most data and the width that was chosen, kcal/mol."""
    own = tables.select(members, members["rung"] == rung)
    most = own["num_train"] == own["num_train"].max()
    widths = np.unique(own["width"][most])
    if len(widths) == 1:
        return float(own["test_kcal"][most].mean())
    means = [own["validation_kcal"][most & (own["width"] == width)].mean() for width in widths]
    return float(own["test_kcal"][most & (own["width"] == widths[int(np.argmin(means))])].mean())
