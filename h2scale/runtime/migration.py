"""Names of earlier versions in files on disk: the only module that knows them, with one section per subject.

Every function takes what a file holds and returns it as this version writes it; what is new already stays as it is.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from h2scale.errors import InputError

# Settings ------------------------------------------------------------------------------------------------------------

_SETTINGS = {"exam.answer_seconds": "exam.prediction_seconds"}


def settings(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a config.json under their present names."""
    return {_SETTINGS.get(key, key): value for key, value in stored.items()}


# Exam ----------------------------------------------------------------------------------------------------------------

_EXAM_SECTIONS = {"witness": "conditioning checks"}
_EXAM_CHECKS = {
    "same answers in reversed order": "same predictions in reversed order",
    "no cached answer for a changed charge": "no cached prediction for a changed charge",
    "no cached answer for a changed spin": "no cached prediction for a changed spin",
    "a lone atom is answered like a separated pair": "an isolated atom has half the energy of a separated pair",
}
_EXAM_REASONS = {
    "distances were not answered": "distances have no energy",
    "a lone atom comes from": "an isolated atom comes from",
    "a cached answer is returned": "a cached prediction is returned",
    "the answer depends on the calls": "the prediction depends on the calls",
    "answered once and refused once": "predicted once and refused once",
    "no answer within": "no prediction within",
}
_EXAM_ENTRIES = {
    "h2scale.evaluation.exam.pyscf_calculator:": "h2scale.exam.calculators.pyscf_calculator:",
    "h2scale.evaluation.exam.answer_key:": "h2scale.exam.calculators.exact_calculators:",
}


def exam_results(content: dict[str, Any]) -> dict[str, Any]:
    """Return an exam.json of format 1 in format 2, and a newer one as it is."""
    if content.get("format", 1) != 1:
        return content
    return {**content, "format": 2, "models": [_exam_model(model) for model in content["models"]]}


def exam_record(record: dict[str, Any]) -> dict[str, Any]:
    """Return a model's record, a file in models/ of an exam's workdir, under present names."""
    if not _EXAM_SECTIONS.keys() & record.get("parts", {}).keys():
        return record
    parts = {
        _EXAM_SECTIONS.get(name, name): {**part, "findings": [_exam_finding(one) for one in part["findings"]]}
        for name, part in record["parts"].items()
    }
    return {**record, "entry": _replaced(record["entry"], _EXAM_ENTRIES), "parts": parts}


def exam_log_line(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of an unfinished section's log under present names."""
    names = {"ask": "query", "answer": "prediction"}
    return {names.get(key, key): value for key, value in line.items()}


def _exam_model(model: dict[str, Any]) -> dict[str, Any]:
    findings = [_exam_finding(finding) for finding in model["findings"]]
    return {**model, "entry": _replaced(model["entry"], _EXAM_ENTRIES), "findings": findings}


def _exam_finding(finding: dict[str, Any]) -> dict[str, Any]:
    return {
        **finding,
        "section": _EXAM_SECTIONS.get(finding["section"], finding["section"]),
        "check": _EXAM_CHECKS.get(finding["check"], finding["check"]),
        "reason": _replaced(finding["reason"], _EXAM_REASONS),
    }


def _replaced(text: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


# Checkpoints ---------------------------------------------------------------------------------------------------------

_CHECKPOINT_FILES = {"checksums.json": "seal.json"}


def checkpoint_file(path: Path) -> Path:
    """Return the path of a checkpoint's file, or its path under an earlier name if that is the one that exists."""
    earlier = path.with_name(_CHECKPOINT_FILES.get(path.name, path.name))
    return earlier if earlier.exists() and not path.exists() else path


# Labels --------------------------------------------------------------------------------------------------------------

_TASK_ARGUMENTS = {"isolated_open_p_shells": "lone_lobes"}
LABEL_FOLDERS = {"units": "tasks", "claims": "locks"}
MANIFEST_KEYS = {"units_finished": "tasks_finished", "units_planned": "tasks_planned"}
_MANIFEST_LIMITS = {
    "which way the lobes of a lone atom point is": "the orientation of the open p shell of an isolated atom is"
}


def hashed_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's arguments under the names from which its key and its random stream have always been made."""
    return {_TASK_ARGUMENTS.get(name, name): value for name, value in arguments.items()}


def rename_label_folders(folder: Path) -> None:
    """Give the folders of a labelling campaign that an earlier version began their present names.

    Raises:
        InputError: results lie under both names, so a worker of the earlier version is still at work.
    """
    for old, new in LABEL_FOLDERS.items():
        if not (folder / old).exists():
            continue
        if (folder / new).exists():
            raise InputError(
                f"{folder} holds {old}/ of an earlier version beside {new}/; end its workers, then move what is in "
                f"{old}/ to {new}/ and remove {old}/."
            )
        with contextlib.suppress(FileNotFoundError):  # another worker was faster
            (folder / old).rename(folder / new)


def manifest(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of a dataset under present names."""
    renamed = {MANIFEST_KEYS.get(key, key): value for key, value in stored.items()}
    if isinstance(renamed.get("limits"), str):
        renamed["limits"] = _replaced(renamed["limits"], _MANIFEST_LIMITS)
    return renamed
