"""The claims of arXiv:2509.26397, each judged for each arm by a rule that is stated beside its verdict.

A verdict is `confirmed`, `refuted` or `not tested`, and always of this run: these models, data and ranges. Sentences
and numbers are generated from the tables.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from h2scale.report import summary, words
from h2scale.runtime import tables

CONFIRMED, REFUTED, NOT_TESTED = "confirmed", "refuted", "not tested"
FAILURE_LEVEL_EV = 1.0
WELL_DEPTH_TOLERANCE_EV = 0.5
PROTONS_TOLERANCE_EV = 0.5
MIN_CURVES = 4


class Verdict(NamedTuple):
    """One row of the table that opens the report."""

    claim: str
    arm: str
    finding: str
    numbers: tuple[str, ...]
    verdict: str
    rule: str


def judge(run: summary.Run) -> list[Verdict]:
    """Judge every claim for every arm, claims first."""
    claims = (equilibrium_fails, stretched_shape, two_protons)
    return [claim(run, arm) for claim in claims for arm in summary.arms_of(run)]


def equilibrium_fails(run: summary.Run, arm: str) -> Verdict:
    """Judge whether models of equilibrium structures fail on H2 whatever their size and data."""
    claim = "Trained on equilibrium structures only, models fail on H₂ whatever their size and data"
    rule = (
        f"Confirmed if the mean H₂ error over seeds is above {FAILURE_LEVEL_EV:g} eV in every cell of size and data "
        "and neither 95 % interval of the slopes against log N and log D lies below 0; refuted if a cell is at or "
        "below that level or an interval lies below 0; not tested if nothing contradicts the claim but a slope has no "
        "interval."
    )
    cells = summary.cells_of(run, arm, "equilibrium")
    levels = [cell.mean["h2_mae_ev"] for cell in cells if np.isfinite(cell.mean["h2_mae_ev"])]
    if not levels:
        reason = "every replica diverged" if cells else "no replica was trained on rung equilibrium"
        return Verdict(claim, arm, f"Not tested: {reason}.", (), NOT_TESTED, rule)
    record = summary.fit_of(run, arm, "equilibrium", "h2_mae_ev")
    slopes = record["slopes"]
    directions = [slopes[name]["direction"] for name in ("num_params", "num_train")]
    numbers = (
        f"H₂ error, lowest to highest cell: {words.number(min(levels))} to {words.number(max(levels))} eV "
        f"({words.plural(len(levels), 'cell')}, {words.plural(record['num_points'], 'replica')})",
        f"exponent in N: {words.interval(slopes['num_params'])}",
        f"exponent in D: {words.interval(slopes['num_train'])}",
    )
    low_level = min(levels) <= FAILURE_LEVEL_EV
    if low_level or "falls" in directions:
        verdict = REFUTED
    elif "unknown" in directions:
        verdict = NOT_TESTED
    else:
        verdict = CONFIRMED
    level = (
        f"the H₂ error reaches {words.number(min(levels))} eV"
        if low_level
        else f"the H₂ error stays at or above {words.number(min(levels))} eV"
    )
    tail = f" ({slopes['reason']})" if slopes["reason"] else ""
    finding = f"{_sentence(level)}; it {_trend_words(*directions)}{tail}."
    return Verdict(claim, arm, finding, numbers, verdict, rule)


def stretched_shape(run: summary.Run, arm: str) -> Verdict:
    """Judge whether stretched and compressed molecules bring the shape of the H2 curve roughly right."""
    claim = "With stretched and compressed geometries, the shape of the H₂ curve comes out roughly right"
    rule = (
        "Judged on all sizes and seeds at the largest training set of rung stretched. A curve is roughly right if it "
        f"has one minimum, a repulsive wall and a well depth within {WELL_DEPTH_TOLERANCE_EV:g} eV of the exact one; a "
        "diverged replica is not. Confirmed if at least half of the curves are, refuted if fewer; the interval of the "
        f"share (Wilson, 95 %) says how firm that is. Not tested with fewer than {MIN_CURVES} curves."
    )
    rows = summary.at_largest(summary.rows_of(run, arm, "stretched"), "num_train")
    total = len(rows["finite"])
    exact_depth = _exact_depth(run)
    if total == 0 or exact_depth is None:
        reason = "no replica was trained on rung stretched" if total == 0 else "curves.csv holds no H₂ curve"
        return Verdict(claim, arm, f"Not tested: {reason}.", (), NOT_TESTED, rule)
    one_minimum = rows["h2_num_minima"] == 1
    repulsive = rows["h2_wall_is_repulsive"] == 1
    deep = np.abs(rows["h2_well_depth_ev"] - exact_depth) <= WELL_DEPTH_TOLERANCE_EV
    right = int(np.sum(one_minimum & repulsive & deep))
    share = stats.binomtest(right, total).proportion_ci(method="wilson")
    numbers = (
        f"share roughly right: {right} of {total} [{share.low:.0%}, {share.high:.0%}]",
        f"one minimum: {one_minimum.sum()}; repulsive wall: {repulsive.sum()}; depth within "
        f"{WELL_DEPTH_TOLERANCE_EV:g} eV: {deep.sum()}",
        f"median well depth: {words.number(_median(rows['h2_well_depth_ev']))} eV (exact {exact_depth:.2f}); "
        f"median H₂ error: {words.number(_median(rows['h2_mae_ev']))} eV",
    )
    if total < MIN_CURVES:
        few = f"Not tested: {words.plural(total, 'curve')}, of which {right} roughly right; {MIN_CURVES} are needed."
        return Verdict(claim, arm, few, numbers, NOT_TESTED, rule)
    firm = "" if share.low > 0.5 or share.high < 0.5 else "; so few curves leave one half inside the interval"
    finding = (
        f"At {words.count(rows['num_train'][0])} structures, {right} of {words.plural(total, 'curve')} "
        f"{'is' if right == 1 else 'are'} roughly right{firm}."
    )
    return Verdict(claim, arm, finding, numbers, CONFIRMED if 2 * right >= total else REFUTED, rule)


def two_protons(run: summary.Run, arm: str) -> Verdict:
    """Judge whether any model has two bare protons repel as 1/R."""
    claim = "No model gets two bare protons right"
    rule = (
        f"Only replicas that take the charge as input are scored. Refuted if any has a mean error of at most "
        f"{PROTONS_TOLERANCE_EV:g} eV against 1/R on 0.2 to 8 Å, confirmed if none has."
    )
    rows = tables.select(run.replicas, run.arms == arm)
    scored = rows["protons_mae_ev"][rows["protons_status"] == "scored"]
    errors = scored[np.isfinite(scored)]
    if len(errors) == 0:
        reason = "every scored replica diverged" if len(scored) else "this model has no charge input"
        return Verdict(claim, arm, f"Not tested: {reason}.", (), NOT_TESTED, rule)
    best = float(errors.min())
    right = int(np.sum(errors <= PROTONS_TOLERANCE_EV))
    numbers = (f"two-proton error, lowest to highest: {words.number(best)} to {words.number(float(errors.max()))} eV",)
    finding = f"{right} of {words.plural(len(errors), 'replica')} come within {PROTONS_TOLERANCE_EV:g} eV of 1/R."
    return Verdict(claim, arm, finding, numbers, REFUTED if right else CONFIRMED, rule)


def headline(run: summary.Run, arm: str) -> str:
    """Write the effect of scale on the in-distribution and the H2 error on the narrowest rung, in one sentence."""
    rungs = summary.rungs_of(run, arm)
    rung = rungs[0]
    inside = summary.fit_of(run, arm, rung, "test_energy_mae_ev_per_atom")
    outside = summary.fit_of(run, arm, rung, "h2_mae_ev")
    first, second = _scale_words(inside), _scale_words(outside)
    if "unknown" in (first, second):
        levels = [cell.mean["h2_mae_ev"] for cell in summary.cells_of(run, arm, rung)]
        known = [level for level in levels if np.isfinite(level)]
        best = (
            f"The lowest H₂ error on rung {rung} is {words.number(min(known))} eV" if known else "No replica is finite"
        )
        return f"{best}; the grid is too small to tell a trend"
    if first == second == "does not lower":
        return f"On rung {rung}, scale lowers neither the in-distribution error nor the H₂ error"
    if first == second:
        return f"On rung {rung}, scale {first} both the in-distribution error and the H₂ error"
    if (first, second) == ("lowers", "does not lower"):
        return f"On rung {rung}, {_what_lowers(inside)} lowers the in-distribution error but not the H₂ error"
    return f"On rung {rung}, scale {first} the in-distribution error and {second} the H₂ error"


def summarise(run: summary.Run, arm: str) -> str:
    """Write the finding of an arm in one sentence, with the scope of what was trained."""
    rows = tables.select(run.replicas, run.arms == arm)
    sizes, data = rows["num_params"], rows["num_train"]
    diverged = int(np.sum(~rows["finite"]))
    lost = f" ({diverged} diverged)" if diverged else ""
    scope = (
        f"{words.plural(len(sizes), words.arm(arm) + ' replica')}{lost} of {words.count(sizes.min())} to "
        f"{words.count(sizes.max())} parameters, trained on {words.count(data.min())} to "
        f"{words.count(data.max())} structures"
    )
    rungs = summary.rungs_of(run, arm)
    levels = [
        f"{words.number(_median(summary.at_largest(summary.rows_of(run, arm, rung), 'num_train')['h2_mae_ev']))} eV "
        f"on rung {rung}"
        for rung in rungs
    ]
    return f"{scope}: {_lower(headline(run, arm))}; median H₂ error with most data: {', '.join(levels)}."


_SCALES = {"num_params": "a larger model", "num_train": "more data"}
_TREND = {
    "falls": "falls with",
    "rises": "rises with",
    "no trend": "shows no trend with",
    "unknown": "has no measurable trend with",
}


def _trend_words(with_parameters: str, with_data: str) -> str:
    if with_parameters == with_data:
        return f"{_TREND[with_parameters]} parameters or data"
    return f"{_TREND[with_parameters]} parameters and {_TREND[with_data]} data"


def _what_lowers(record: dict) -> str:
    """Name the one of parameters and data that a metric falls with, or scale if it falls with both."""
    falling = [words for name, words in _SCALES.items() if record["slopes"][name]["direction"] == "falls"]
    return falling[0] if len(falling) == 1 else "scale"


def _scale_words(record: dict) -> str:
    """Effect of more parameters and data together on a metric, as a verb."""
    directions = {record["slopes"][name]["direction"] for name in _SCALES}
    if "unknown" in directions:
        return "unknown"
    if directions <= {"falls", "no trend"}:
        return "lowers" if "falls" in directions else "does not lower"
    return "raises" if directions <= {"rises", "no trend"} else "lowers and raises"


def _exact_depth(run: summary.Run) -> float | None:
    exact = run.curves["exact_ev"][run.curves["system"] == "h2"]
    return float(-exact.min()) if len(exact) else None


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]
