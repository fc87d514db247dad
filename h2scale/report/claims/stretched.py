"""Claim 2: stretched and compressed geometries bring the shape of the H2 curve roughly right."""

import numpy as np
from scipy import stats

from h2scale.report import summary, words
from h2scale.report.claims import record
from h2scale.runtime import tables
from h2scale.scaling import decisions, trend

NUMBER = 2
CLAIM = "With stretched and compressed geometries, the shape of the H₂ curve comes out roughly right"
RUNG = "stretched"
WELL_DEPTH_TOLERANCE_EV = 0.5
REFERENCES = ("exact", "teacher")
_COLUMNS = ("h2_num_minima", "h2_wall_is_repulsive", "h2_well_depth_ev")


def rule() -> str:
    """The rule, with the bounds that it uses."""
    return (
        "A curve is roughly right if it has one minimum, a repulsive wall and a well depth within "
        f"{WELL_DEPTH_TOLERANCE_EV:g} eV of the reference's, exact and teacher judged apart; a diverged replica is "
        "not. Judged at the largest training set on the larger half of the model sizes: confirmed if the 95 % interval "
        "(Wilson) of the share of right curves lies above one half, refuted if it lies below. Otherwise inconclusive, "
        f"as with fewer than {trend.MIN_SEEDS} seeds."
    )


def judge(run: summary.Run, arm: str, reference: str) -> record.Verdict:
    """Judge the claim for one arm against the depth of `exact` or `teacher`."""
    scope = f"shape, depth against the {'exact curve' if reference == 'exact' else 'teacher'}"
    reason = record.missing_columns(run.replicas, _COLUMNS)
    rows = summary.at_largest(summary.rows_of(run, arm, RUNG), "num_train")
    depth = _reference_depth(run, reference)
    if not reason and len(rows["seed"]) == 0:
        reason = f"no replica was trained on rung {RUNG}"
    if not reason and not np.isfinite(depth):
        reason = f"curves.csv holds no {reference} H₂ curve"
    if reason:
        return record.not_tested(NUMBER, CLAIM, arm, scope, reason, rule())
    right = is_roughly_right(rows, depth)
    sizes = np.unique(rows["num_params"])
    large = np.isin(rows["num_params"], sizes[len(sizes) // 2 :])
    share = stats.binomtest(int(right[large].sum()), int(large.sum())).proportion_ci(method="wilson")
    num_seeds = len(np.unique(rows["seed"]))
    if num_seeds < trend.MIN_SEEDS or share.low <= 0.5 <= share.high:
        verdict = decisions.INCONCLUSIVE
    else:
        verdict = decisions.CONFIRMED if share.low > 0.5 else decisions.REFUTED
    finding = (
        f"at {words.count(rows['num_train'][0])} structures, {right[large].sum()} of "
        f"{words.plural(int(large.sum()), 'curve')} of the larger models are roughly right"
    )
    if num_seeds < trend.MIN_SEEDS:
        finding += f"; {words.plural(num_seeds, 'seed')}, and a verdict needs {trend.MIN_SEEDS}"
    elif verdict == decisions.INCONCLUSIVE:
        finding += f"; one half is inside the interval, and about {_curves_needed(right[large].mean())} curves decide"
    by_size = ", ".join(
        f"{words.short_count(size)}: {right[rows['num_params'] == size].sum()} of {np.sum(rows['num_params'] == size)}"
        for size in sizes
    )
    known = rows["h2_well_depth_ev"][np.isfinite(rows["h2_well_depth_ev"])]
    numbers = (
        f"right by number of parameters: {by_size}",
        f"share among the larger models: {right[large].mean():.0%} [{share.low:.0%}, {share.high:.0%}]",
        f"one minimum: {np.sum(rows['h2_num_minima'] == 1)}; repulsive wall: "
        f"{np.sum(rows['h2_wall_is_repulsive'] == 1)}; depth within {WELL_DEPTH_TOLERANCE_EV:g} eV: "
        f"{np.sum(_is_deep(rows, depth))}; of {len(right)}",
        f"median well depth: {words.number(float(np.median(known)) if len(known) else np.nan)} eV, reference "
        f"{words.number(depth, 3)}",
    )
    return record.Verdict(NUMBER, CLAIM, arm, scope, record.sentence(finding), numbers, verdict, rule())


def is_roughly_right(rows: tables.Table, depth: float) -> np.ndarray:
    """Return which curves have one minimum, a repulsive wall and about the depth, (n,), bool."""
    return (rows["h2_num_minima"] == 1) & (rows["h2_wall_is_repulsive"] == 1) & _is_deep(rows, depth)


def _is_deep(rows: tables.Table, depth: float) -> np.ndarray:
    return np.abs(rows["h2_well_depth_ev"] - depth) <= WELL_DEPTH_TOLERANCE_EV


def _reference_depth(run: summary.Run, reference: str) -> float:
    energies = run.curves[f"{reference}_ev"][run.curves["system"] == "h2"]
    known = energies[np.isfinite(energies)]
    return float(-known.min()) if len(known) else np.nan


def _curves_needed(share: float) -> int:
    """Curves whose interval would leave one half out if the share of right ones stays; at most 1000."""
    for number in range(1, 1000):
        interval = stats.binomtest(round(share * number), number).proportion_ci(method="wilson")
        if not interval.low <= 0.5 <= interval.high:
            return number
    return 1000
