"""Records of the exam on disk: a JSON file per model, which grows part by part, and the summary of all.

A part is the loading of the model, the conditioning checks, or a section; it holds findings, curves, seconds and the
environment of the predictions. A record holds the parts by name and what the model is.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from h2scale.exam import conditioning_checks, grading, models
from h2scale.exam.sections import SECTIONS
from h2scale.runtime import files, migration, tables

LOADING, CONDITIONING = "loading", conditioning_checks.SECTION
EXAM_JSON, EXAM_CSV, MODELS_FOLDER = "exam.json", "exam.csv", "models"
FORMAT = 2
COLUMNS = ("model", *grading.Finding._fields)

Record = dict[str, Any]


def record_path(folder: Path, entry: models.Entry) -> Path:
    """Return the path of a model's record in an exam's workdir."""
    return folder / MODELS_FOLDER / f"{_file_name(entry.name)}.json"


def log_path(folder: Path, entry: models.Entry, part: str) -> Path:
    """Return the path of the predictions of an unfinished section."""
    return record_path(folder, entry).with_suffix(f".{part}.jsonl")


def load_or_start(folder: Path, entry: models.Entry) -> Record:
    """Return the record of a model as far as an earlier run came, or one without parts.

    If only the summary of that run is there, as in a folder of published results, the record is made from it, so that
    sections can be added.
    """
    path = record_path(folder, entry)
    if not path.exists():
        results = folder / EXAM_JSON
        content = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {"models": []}
        found = [model for model in migration.exam_results(content)["models"] if model["name"] == entry.name]
        return from_summary(found[0]) if found else start(entry)
    record = migration.exam_record(json.loads(path.read_text(encoding="utf-8")))
    # Else it is of a version that kept one environment for the whole model.
    return record if "parts" in record and "environment" not in record else start(entry)


def from_summary(model: dict[str, Any]) -> Record:
    """Return the record of a model of exam.json, which has no times of parts: the first part is given all of it."""
    titles = {CONDITIONING: (CONDITIONING,)} | {name: SECTIONS[name].titles for name in model["sections"]}
    of_parts = ("environment", "earlier_environments", "seconds", "sections", "complete", "findings", "curves")
    parts = {
        name: {
            "environment": model.get("earlier_environments", {}).get(name, model["environment"]),
            "seconds": model["seconds"] if name == CONDITIONING else 0.0,
            "findings": [one for one in model["findings"] if one["section"].startswith(beginnings)],
            "curves": [one for one in model["curves"] if one["section"].startswith(beginnings)],
        }
        for name, beginnings in titles.items()
    }
    return {**{key: value for key, value in model.items() if key not in of_parts}, "parts": parts}


def start(entry: models.Entry) -> Record:
    """Return the record of a model before its exam, without parts."""
    return {
        "name": entry.name,
        "entry": _portable(entry.entry),
        "kwargs": entry.kwargs,
        "charge": entry.charge,
        "spin": entry.spin,
        "facts": entry.facts,
        "parts": {},
    }


def unfinished(record: Record, sections: tuple[str, ...]) -> tuple[str, ...]:
    """Return the parts to examine, none if those wanted and those begun are complete.

    The conditioning checks are always the first of them, because the sections depend on their result.
    """
    parts = record["parts"]
    missing = {name for name in (CONDITIONING, *sections, *parts) if not is_complete(parts.get(name))}
    return (CONDITIONING, *(name for name in SECTIONS if name in missing)) if missing else ()


def is_complete(part: dict[str, Any] | None) -> bool:
    """Return True if a part is there and every check in it has a result or a refusal."""
    return part is not None and not any(finding["status"] in grading.INCOMPLETE for finding in part["findings"])


def part_as_json(part: grading.Part, environment: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return a part as a record holds it; curves without any energy are left out."""
    return {
        "environment": environment,
        "seconds": round(seconds, 2),
        "findings": [grading.to_json(finding) for finding in part.findings],
        "curves": [grading.to_json(curve) for curve in part.curves if np.isfinite(curve.energies).any()],
    }


def save(folder: Path, entry: models.Entry, record: Record) -> None:
    """Write the record of a model."""
    _write_json(record_path(folder, entry), record)


def write_results(folder: Path, found: Sequence[Record]) -> bool:
    """Write exam.json and exam.csv from all records; return whether all of them are complete."""
    models_found = [summary(record) for record in found]
    complete = all(one["complete"] for one in models_found)
    _write_json(folder / EXAM_JSON, {"format": FORMAT, "complete": complete, "models": models_found})
    write_findings(folder / EXAM_CSV, models_found)
    return complete


def write_findings(path: Path, found: Sequence[dict[str, Any]]) -> Path:
    """Write the findings of models of exam.json as a table, a row each; return the path."""
    path.unlink(missing_ok=True)
    rows = [{"model": model["name"], **finding} for model in found for finding in model["findings"]]
    tables.append_rows(path, COLUMNS, rows)
    return path


def summary(record: Record) -> dict[str, Any]:
    """Return a record as exam.json has it, with the findings and curves of all parts together.

    `environment` is that of the conditioning checks, which every run repeats; sections that were examined with other
    packages are named beside it.
    """
    parts = {name: record["parts"][name] for name in (LOADING, CONDITIONING, *SECTIONS) if name in record["parts"]}
    environment = parts[CONDITIONING]["environment"] if CONDITIONING in parts else {}
    earlier = {name: parts[name]["environment"] for name in SECTIONS if name in parts}
    return {
        **{key: value for key, value in record.items() if key != "parts"},
        "environment": environment,
        "earlier_environments": {name: other for name, other in earlier.items() if other != environment},
        "seconds": round(sum(part["seconds"] for part in parts.values()), 2),
        "sections": [name for name in SECTIONS if name in parts],
        "complete": all(is_complete(part) for part in parts.values()),
        "findings": [finding for part in parts.values() for finding in part["findings"]],
        "curves": [curve for part in parts.values() for curve in part["curves"]],
    }


def _file_name(model_name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.()_-]+", "_", model_name).strip("_")


def _portable(entry: str) -> str:
    """Return the entry without the folder of this checkout."""
    return entry.replace(str(Path(__file__).parent / "calculators") + "/", "")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    files.write_text(path, json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n")
