"""The ladder's result in words, from its tables alone."""

from collections.abc import Sequence

import numpy as np

from h2scale.remedies import library
from h2scale.report import remedy_numbers as numbers
from h2scale.runtime import tables
from h2scale.scaling import trend

_DIRECTIONS = {
    trend.FALLS: "falls in {}",
    trend.FLAT: f"is flat (exponent within {trend.EXPONENT_BOUND:g} of 0) in {{}}",
    trend.DOES_NOT_FALL: "does not fall in {}",
    trend.RISES: "rises in {}",
    trend.UNRESOLVED: "is unresolved in {}",
}


def sentence(members: tables.Table, regions: tables.Table, exponents: tables.Table, learned: Sequence[str]) -> str:
    """Return the rungs that reach the goal on every curve, the methods that do, and what more data does to each rung.

    Args:
        members, regions, exponents: tables of the ladder.
        learned: names of its rungs, in order.
    """
    parts = [_goal(members, regions, learned), _without_learning(regions), _trends(members, exponents, learned)]
    parts += [_spoils(regions, learned), _not_asked(regions, learned)]
    return " ".join(part for part in parts if part)


def _goal(members: tables.Table, regions: tables.Table, learned: Sequence[str]) -> str:
    most = int(members["num_train"].max())
    judged = [name for name in learned if numbers.asked(regions, name)]
    right = [name for name in judged if numbers.reaches_goal(regions, name)]
    goal = f"within {numbers.MEAN_KCAL:g} kcal/mol on average and {numbers.LARGEST_KCAL:g} at most on every curve asked"
    begin = f"Trained on {most} equilibrium molecules, {len(right) or 'none'} of {len(judged)} rungs"
    if right:
        held = ", ".join(
            f"{name} ({numbers.held_out(members, name):.2g} on held-out molecules, at most "
            f"{numbers.worst(regions, name)[1]:.2g} on a curve)"
            for name in right
        )
        return f"{begin} {'is' if len(right) == 1 else 'are'} {goal}: {held}."
    if not judged:
        return f"{begin} is {goal}."
    nearest = min(judged, key=lambda name: numbers.worst(regions, name)[0])
    mean, largest = numbers.worst(regions, nearest)
    return (
        f"{begin} is {goal}; the nearest, {nearest}, misses one curve by {mean:.2g} on average, one by {largest:.2g}."
    )


def _without_learning(regions: tables.Table) -> str:
    right = [name for name in library.METHODS if numbers.reaches_goal(regions, name)]
    return f"Without learning, {_listed(right) or 'none'} {'are' if len(right) > 1 else 'is'}."


def _trends(members: tables.Table, exponents: tables.Table, learned: Sequence[str]) -> str:
    sizes = np.unique(members["num_train"][np.isin(members["rung"], list(learned))])
    said = []
    for metric, what in (("test_kcal", "the error on held-out molecules"), ("broken_kcal", "that on broken bonds")):
        own = (exponents["metric"] == metric) & (exponents["variable"] == "num_train")
        direction = dict(zip(exponents["rung"][own].tolist(), exponents["direction"][own].tolist(), strict=True))
        by_word = {word: [name for name in learned if direction.get(name) == word] for word in _DIRECTIONS}
        said.append(
            f"{what} " + ", ".join(_DIRECTIONS[word].format(_listed(own)) for word, own in by_word.items() if own)
        )
    return f"From {int(sizes.min())} to {int(sizes.max())} molecules {said[0]}; {said[1]}."


def _spoils(regions: tables.Table, learned: Sequence[str]) -> str:
    spoiled = {name: numbers.spoiled(regions, name) for name in learned}
    told = "; ".join(f"{name} on {_listed(curves)}" for name, curves in spoiled.items() if curves)
    return f"Worse than the base: {told}." if told else ""


def _not_asked(regions: tables.Table, learned: Sequence[str]) -> str:
    return " ".join(f"{name} has no number on any curve." for name in learned if not numbers.asked(regions, name))


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
