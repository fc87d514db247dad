"""Findings in the order of their weight, and the data that the script of the exam's page draws and tabulates."""

import math
from collections.abc import Sequence
from typing import Any

from h2scale.exam import grading

Model = dict[str, Any]
Finding = dict[str, Any]


def severity(finding: Finding) -> float:
    """Distance of a value from its limits, in units of the limits' width; infinite without a number."""
    value, low, high = finding["value"], finding["low"], finding["high"]
    if value is None:
        return math.inf
    outside = max((low or 0.0) - value if low is not None else 0.0, value - high if high is not None else 0.0)
    width = high - low if low is not None and high is not None else abs(low or high or 1.0)
    return outside / (width or 1.0)


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings by status, then by distance from the limits."""
    return sorted(findings, key=lambda one: (grading.STATUSES.index(one["status"]), -severity(one)))


def drawn(models: list[Model]) -> dict[str, Any]:
    """Return the data of the script: per chart the references once, and every model's energies."""
    charts: dict[tuple[str, str], dict[str, Any]] = {}
    for model in models:
        for curve in model["curves"]:
            chart = charts.setdefault(
                (curve["section"], curve["system"]),
                {"section": curve["section"], "system": curve["system"], "lines": [], "references": {}},
            )
            line = {"model": model["name"], "note": curve["note"], "r": curve["distances"], "e": curve["energies"]}
            chart["lines"].append(line)
            for label, energies in curve["references"].items():
                chart["references"].setdefault(label, {"r": curve["distances"], "e": energies})
    return {
        "models": [model["name"] for model in models],
        "charts": list(charts.values()),
        "statuses": list(grading.STATUSES),
        **_tabulated(models),
    }


def _tabulated(models: list[Model]) -> dict[str, Any]:
    """Return every check and every reason once, and each model's findings, worst first, by their numbers."""
    checks: dict[tuple[str, ...], int] = {}
    reasons: dict[str, int] = {}
    findings = [
        [
            [
                checks.setdefault((one["section"], one["system"], one["check"], one["unit"]), len(checks)),
                grading.STATUSES.index(one["status"]),
                *(one[key] for key in ("value", "low", "high", "reference")),
                reasons.setdefault(one["reason"], len(reasons)),
            ]
            for one in worst_first(model["findings"])
        ]
        for model in models
    ]
    return {"checks": [list(check) for check in checks], "reasons": list(reasons), "findings": findings}
