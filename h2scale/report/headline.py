"""The sentences that open a report: scale's effect on the error in distribution and on H2, as far as it is resolved."""

import numpy as np

from h2scale.report import summary, words
from h2scale.report.claims import equilibrium, in_distribution, record, regions
from h2scale.runtime import tables
from h2scale.scaling import trend

REGION = regions.REGIONS[0]


def headline(run: summary.Run, arm: str) -> str:
    """Write the effect of scale on the in-distribution and the H2 error on the narrowest rung, in one sentence."""
    rung = summary.rungs_of(run, arm)[0]
    rows = summary.rows_of(run, arm, rung)
    h2 = regions.errors(run.curves, rows["replica_id"], REGION)
    inside, outside = _trend(rows, rows[in_distribution.COLUMN]), _trend(rows, h2)
    if inside.reason or outside.reason:
        known = h2[np.isfinite(h2)]
        if not len(known):
            return "No replica is finite; the grid is too small to tell a trend"
        lowest = f"The lowest H₂ error {REGION.title} on rung {rung} is {words.number(float(known.min()))} eV"
        return f"{lowest}; the grid is too small to tell a trend"
    first, second = equilibrium.direction_words(inside), equilibrium.direction_words(outside)
    if first == second:
        return f"On rung {rung}, the error in distribution and the H₂ error {REGION.title} alike: each {first}"
    return f"On rung {rung}, the error in distribution {first}; the H₂ error {REGION.title} {second}"


def summarise(run: summary.Run, arm: str) -> str:
    """Write the finding of an arm in one sentence, with the scope of what was trained."""
    rows = tables.select(run.replicas, run.arms == arm)
    sizes, data = rows["num_params"], rows["num_train"]
    diverged = int(np.sum(~rows["finite"]))
    lost = f" ({diverged} diverged)" if diverged else ""
    seeds = words.plural(len(np.unique(rows["seed"])), "seed")
    scope = (
        f"{words.plural(len(sizes), words.arm(arm) + ' replica')}{lost} of {words.count(sizes.min())} to "
        f"{words.count(sizes.max())} parameters, trained on {words.count(data.min())} to "
        f"{words.count(data.max())} structures with {seeds}"
    )
    levels = [f"{words.number(_level(run, arm, rung))} eV on rung {rung}" for rung in summary.rungs_of(run, arm)]
    zero = words.number(regions.scores(run.curves, REGION).zero)
    text = headline(run, arm)
    return (
        f"{scope}: {text[0].lower()}{text[1:]}; median H₂ error {REGION.title} with most data: {', '.join(levels)}, "
        f"where predicting zero scores {zero} eV."
    )


def _trend(rows: tables.Table, errors: np.ndarray) -> trend.Trend:
    return trend.fit_trend(rows["num_params"], rows["num_train"], rows["seed"], record.log_of(errors))


def _level(run: summary.Run, arm: str, rung: str) -> float:
    """Median H2 error of a rung's replicas with most data, eV; NaN if none is finite."""
    rows = summary.at_largest(summary.rows_of(run, arm, rung), "num_train")
    errors = regions.errors(run.curves, rows["replica_id"], REGION)
    known = errors[np.isfinite(errors)]
    return float(np.median(known)) if len(known) else np.nan
