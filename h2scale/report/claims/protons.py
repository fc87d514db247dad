"""Claim 4: no model gets two bare protons right."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from h2scale.report import summary, words
from h2scale.report.claims import foundation, record
from h2scale.runtime import tables
from h2scale.scaling import decisions

NUMBER = 4
CLAIM = "No model gets two bare protons right"
TOLERANCE_EV = 0.5
MIN_SCORED = 9
"""Replicas below which `none does` says nothing: three sizes of three seeds."""
_SYSTEM = "H+ H+"
_CHECK = "R E / (Z Z 14.4 eV Å)"


def rule() -> str:
    """The rule, with the bounds that it uses."""
    return (
        f"A replica is right if its mean error against 1/R on 0.2 to 8 Å is at most {TOLERANCE_EV:g} eV, an examined "
        "model if R E is within the exam's limits at all distances. Only models that take the charge as input are "
        f"asked. Refuted if one is right; confirmed if none of at least {MIN_SCORED} replicas, or of at least one "
        "examined foundation model, is; otherwise inconclusive."
    )


def judge(run: summary.Run, arm: str) -> record.Verdict:
    """Judge the claim for one arm of the study."""
    reason = record.missing_columns(run.replicas, ("protons_mae_ev", "protons_status"))
    if reason:
        return record.not_tested(NUMBER, CLAIM, arm, "", reason, rule())
    rows = tables.select(run.replicas, run.arms == arm)
    scored = rows["protons_mae_ev"][rows["protons_status"] == "scored"]
    errors = scored[np.isfinite(scored)]
    if len(errors) == 0:
        reason = "every scored replica diverged" if len(scored) else "this model has no charge input"
        return record.not_tested(NUMBER, CLAIM, arm, "", reason, rule())
    right = int(np.sum(errors <= TOLERANCE_EV))
    if right:
        verdict = decisions.REFUTED
    else:
        verdict = decisions.CONFIRMED if len(errors) >= MIN_SCORED else decisions.INCONCLUSIVE
    finding = f"{right} of {words.plural(len(errors), 'replica')} come within {TOLERANCE_EV:g} eV of 1/R"
    numbers = (
        f"two-proton error, lowest to highest: {words.number(float(errors.min()))} to "
        f"{words.number(float(errors.max()))} eV, median {words.number(float(np.median(errors)))}",
    )
    return record.Verdict(NUMBER, CLAIM, arm, "", record.sentence(finding), numbers, verdict, rule())


def judge_exams(exams: Sequence[Mapping[str, Any]]) -> record.Verdict:
    """Judge the claim for foundation models, from examined models as `foundation.read_exams` gives them."""
    learned = [model for model in exams if foundation.card(model).is_large or _is_foundation(model)]
    by_model = {model["name"]: _statuses(model) for model in learned}
    numbers = tuple(f"{name}: {', '.join(sorted(set(found)))}" for name, found in by_model.items() if found)
    asked = {
        name: found for name, found in by_model.items() if found and not set(found) & {"not conditioned", "not run"}
    }
    scope = "foundation models"
    if not asked:
        reason = "no examined foundation model takes the charge as input"
        return record.not_tested(NUMBER, CLAIM, "", scope, reason, rule())._replace(numbers=numbers)
    right = [name for name, found in asked.items() if set(found) == {"pass"}]
    finding = f"{len(right)} of {words.plural(len(asked), 'foundation model')} get R E right at all distances"
    verdict = decisions.REFUTED if right else decisions.CONFIRMED
    return record.Verdict(NUMBER, CLAIM, "", scope, record.sentence(finding), numbers, verdict, rule())


def _is_foundation(model: Mapping[str, Any]) -> bool:
    return model["facts"].get("package", "").split(" ")[0] not in foundation.NOT_LEARNED


def _statuses(model: Mapping[str, Any]) -> list[str]:
    return [
        finding["status"]
        for finding in model["findings"]
        if finding["section"] == "bare nuclei" and finding["system"] == _SYSTEM and finding["check"].startswith(_CHECK)
    ]
