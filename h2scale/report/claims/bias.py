"""Claim 5: the bias of the data matters more than scale."""

import math

from h2scale.report import summary, words
from h2scale.report.claims import record, regions
from h2scale.runtime import tables
from h2scale.scaling import decisions, variance

NUMBER = 5
CLAIM = "The bias of the data matters more than scale"
_MOST_SEEDS = 1000
_TITLES = {
    "rung": "rung",
    "num_params": "model size",
    "num_train": "training-set size",
    "cell": "their interplay",
    "seed": "seed",
    "seed and rung": "seed within a rung",
    "noise": "what is left",
}


def rule() -> str:
    """The rule."""
    return (
        "The variance of the logarithm of the error over rungs, model sizes, training sets that all rungs share, and "
        "seeds is decomposed. Confirmed if the rung explains more than model size and training-set size together and "
        "the 95 % interval of the difference excludes 0; refuted if it explains less, likewise; otherwise inconclusive."
    )


def judge(run: summary.Run, arm: str, region: regions.Region) -> record.Verdict:
    """Judge the claim for one arm in one region."""
    rows = tables.select(run.replicas, run.arms == arm)
    errors = regions.errors(run.curves, rows["replica_id"], region)
    found = variance.decompose(rows["rung"], rows["num_params"], rows["num_train"], rows["seed"], record.log_of(errors))
    decision = variance.bias_matters_more(found)
    if decision.verdict == decisions.NOT_TESTED:
        return record.not_tested(NUMBER, CLAIM, arm, region.title, decision.reason, rule())
    numbers: tuple[str, ...] = ()
    if not math.isnan(found.total):
        whole = sum(part.estimate for part in found.parts.values())
        numbers = (
            "variance of ln(error) by "
            + "; ".join(
                f"{_TITLES[name]} {record.with_interval(*part)} ({part.estimate / whole:.0%})"
                for name, part in found.parts.items()
            ),
            f"rung minus both sizes: {record.with_interval(*found.difference)}",
            f"{words.plural(found.num_points, 'replica')} at {', '.join(map(words.count, found.shared_num_train))} "
            f"structures; {words.plural(found.num_seeds, 'seed')}",
        )
    if numbers and decision.verdict == decisions.INCONCLUSIVE:
        needed = variance.seeds_needed(found)
        seeds = f"about {needed}" if needed <= _MOST_SEEDS else f"more than {words.count(_MOST_SEEDS)}"
        numbers += (f"to decide if the difference is as large as found: {seeds} seeds",)
    return record.Verdict(
        NUMBER, CLAIM, arm, region.title, record.sentence(decision.reason), numbers, decision.verdict, rule()
    )
