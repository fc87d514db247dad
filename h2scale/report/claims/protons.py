"""Claim 4: no model gets two bare protons right."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from h2scale.physics import charged_systems
from h2scale.report import summary, words
from h2scale.report.claims import foundation, record
from h2scale.runtime import tables
from h2scale.scaling import decisions

NUMBER = 4
CLAIM = "No model gets two bare protons right"
TOLERANCE_EV = 0.5
MIN_SCORED = 9
"""Replicas below which `none does` says nothing: three sizes of three seeds."""
_WINDOWS = tuple(f"protons_{window}_mae_ev" for window in charged_systems.WINDOWS)
_TITLES = ("below 0.62 Å", "0.62 to 6 Å", "beyond 6 Å")
_OFFSET = "proton_offset_ev"
_SYSTEM = "H+ H+"
_CHECK = "R E / (Z Z 14.4 eV Å)"


def rule() -> str:
    """The rule, with the bounds that it uses."""
    low, high = charged_systems.NUCLEI_DISTANCES_ANGSTROM[[0, -1]]
    return (
        f"A replica is right if, from its own two isolated protons on, its mean error against 1/R is at most "
        f"{TOLERANCE_EV:g} eV in each of three windows of {low:g} to {high:g} Å, parted at "
        f"{charged_systems.NEAR_BELOW_ANGSTROM:g} and {charged_systems.FAR_FROM_ANGSTROM:g} Å; an examined model if "
        "R E is within the exam's limits at all distances. Only models that are told the charge are asked. Refuted if "
        f"one is right; confirmed if none of at least {MIN_SCORED} replicas, or of at least one examined foundation "
        "model, is; otherwise inconclusive. Where the repulsion of bare nuclei is put in by hand, being right is no "
        "feat of learning, and the finding says so."
    )


def judge(run: summary.Run, arm: str) -> record.Verdict:
    """Judge the claim for one arm of the study."""
    reason = record.missing_columns(run.replicas, ("protons_mae_ev", "protons_status"))
    if reason:
        return record.not_tested(NUMBER, CLAIM, arm, "", reason, rule())
    rows = tables.select(run.replicas, run.arms == arm)
    scored = tables.select(rows, rows["protons_status"] == "scored")
    if not len(scored["finite"]):
        return record.not_tested(NUMBER, CLAIM, arm, "", "this model has no charge input", rule())
    reason = record.missing_columns(run.replicas, _WINDOWS)
    if reason:
        return record.not_tested(NUMBER, CLAIM, arm, "", reason, rule())
    scored = tables.select(scored, np.isfinite(scored["protons_mae_ev"]))
    if not len(scored["finite"]):
        return record.not_tested(NUMBER, CLAIM, arm, "", "every scored replica diverged", rule())
    errors = np.stack([scored[name] for name in _WINDOWS])
    right = int(np.sum(np.all(errors <= TOLERANCE_EV, axis=0)))
    if right:
        verdict = decisions.REFUTED
    else:
        verdict = decisions.CONFIRMED if errors.shape[1] >= MIN_SCORED else decisions.INCONCLUSIVE
    finding = f"{right} of {words.plural(errors.shape[1], 'replica')} come within {TOLERANCE_EV:g} eV of 1/R"
    if right and set(scored["prior"].tolist()) == {"coulomb"}:
        finding += ", whose repulsion of bare nuclei is put in and not learned"
    numbers = [
        f"two protons {title}: error {_range(own)}, {int(np.sum(own <= TOLERANCE_EV))} within {TOLERANCE_EV:g} eV"
        for title, own in zip(_TITLES, errors, strict=True)
    ]
    if _OFFSET in scored and np.any(np.isfinite(scored[_OFFSET])):
        numbers.append(f"an isolated proton against the exact ionization energy of H: {_range(scored[_OFFSET])}")
    return record.Verdict(NUMBER, CLAIM, arm, "", record.sentence(finding), tuple(numbers), verdict, rule())


def _range(values: np.ndarray) -> str:
    """Lowest, highest and median value in eV."""
    known = values[np.isfinite(values)]
    low, middle, high = (words.number(float(one)) for one in (known.min(), np.median(known), known.max()))
    return f"{low} to {high} eV, median {middle}"


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
