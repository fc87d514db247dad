"""One exam: every model is loaded, asked and graded; what is known of it is written before the next one starts."""

import contextlib
import dataclasses
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from h2scale import progress, tables
from h2scale.errors import InputError
from h2scale.evaluation import replica as replica_lib
from h2scale.evaluation.exam import (
    diatomics,
    grading,
    hydrogen,
    models,
    nuclei,
    registry,
    replica_model,
    shapes,
    witness,
    workload,
)

SECTIONS = ("nuclei", "hydrogen", "diatomics", "shapes")
EXAM_JSON, EXAM_CSV, MODELS_FOLDER = "exam.json", "exam.csv", "models"
FORMAT = 1
COLUMNS = ("model", *grading.Finding._fields)


@dataclasses.dataclass(frozen=True)
class ExamSettings:
    """What is asked of whom; see `config.default` for the meaning of every field."""

    calculators: tuple[str, ...]
    python: str
    registry: str
    charge: str
    spin: str
    sections: tuple[str, ...]
    limits: models.TimeLimits


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A model that can be examined: how it is called, and how it is opened."""

    entry: models.Entry
    open: Callable[[], contextlib.AbstractContextManager[models.Examinee]]


def candidates(settings: ExamSettings) -> list[Candidate]:
    """Who is examined, in order; nothing has been loaded but replicas.

    Raises:
        InputError: a name means nothing, or a run has no such replica.
    """
    if not settings.calculators:
        raise InputError(
            "config.calculator names no model: give a name of the registry "
            f"({', '.join(registry.load(settings.registry))}), MODULE:FACTORY, or WORKDIR#REPLICA_ID."
        )
    entries = registry.load(settings.registry)
    found: list[Candidate] = []
    for name in settings.calculators:
        folder, _, replica_id = name.partition("#")
        if Path(folder).is_dir():
            found += _replicas(folder, replica_id)
            continue
        entry = registry.find(name, entries, charge=settings.charge, spin=settings.spin, python=settings.python)
        found.append(Candidate(entry, lambda entry=entry: models.WorkerModel(entry, settings.limits)))
    names = [candidate.entry.name for candidate in found]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"config.calculator names {repeated[0]} twice.")
    return found


def run_exam(found: Sequence[Candidate], sections: tuple[str, ...], folder: Path, stream: TextIO | None = None) -> bool:
    """Examines every model that is not yet finished in the folder, and writes exam.json and exam.csv.

    A model is finished once its file in models/ is written; an incomplete one is examined again by the next run.

    Args:
        found: whom to examine.
        sections: of `SECTIONS`, what to ask after the witness.
        folder: workdir.
        stream: where progress is shown; None for standard error.

    Returns:
        Whether every question was answered or refused.
    """
    (folder / MODELS_FOLDER).mkdir(exist_ok=True)
    records = {candidate.entry.name: _finished(folder, candidate) for candidate in found}
    missing = [candidate for candidate in found if records[candidate.entry.name] is None]
    work = _work(missing[0].entry, sections) if missing else 0.0
    total = max(work * len(missing), 1.0)
    with progress.Progress(total, len(found), stream, things="models", rate="structures") as shown:
        shown.finish_replicas(len(found) - len(missing))
        for candidate in missing:
            record = examine(candidate, sections, _Watch(shown, candidate.entry.name, work))
            _write_json(_record_path(folder, candidate), record)
            records[candidate.entry.name] = record
    complete = all(record["complete"] for record in records.values())
    _write_json(folder / EXAM_JSON, {"format": FORMAT, "complete": complete, "models": list(records.values())})
    (folder / EXAM_CSV).unlink(missing_ok=True)
    rows = [{"model": record["name"], **finding} for record in records.values() for finding in record["findings"]]
    tables.append_rows(folder / EXAM_CSV, COLUMNS, rows)
    return complete


def _record_path(folder: Path, candidate: Candidate) -> Path:
    return folder / MODELS_FOLDER / f"{slug(candidate.entry.name)}.json"


def _finished(folder: Path, candidate: Candidate) -> dict[str, Any] | None:
    """The record of a model whose exam is complete, if there is one."""
    path = _record_path(folder, candidate)
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return record if record is not None and record["complete"] else None


def _work(entry: models.Entry, sections: tuple[str, ...]) -> float:
    """About how much one model is asked, in the units of `workload.work`."""
    silent = workload.Silent()
    for _ in _sections(silent, entry, sections, lambda section: None):
        pass
    return sum(workload.work(ask) for ask in silent.asked)


class _Watch:
    """Shows how far the exam of one model is."""

    def __init__(self, shown: progress.Progress, name: str, work: float) -> None:
        self._shown, self._name, self._left = shown, name, work

    def begin(self, section: str) -> None:
        self._shown.note(asking=f"{self._name}: {section}")

    def answered(self, ask: models.Ask) -> None:
        done = min(workload.work(ask), self._left)  # a model may be asked a little more than was foreseen
        self._left -= done
        self._shown.advance(done, 1)

    def end(self, summary: str) -> None:
        """What was foreseen and not asked counts as done."""
        self._shown.advance(self._left, 0)
        self._shown.finish_replicas(1)
        self._shown.say(f"{self._name}: {summary}")


def examine(candidate: Candidate, sections: tuple[str, ...], watch: _Watch) -> dict[str, Any]:
    """Asks and grades one model; returns its record as JSON values."""
    entry = candidate.entry
    start = time.monotonic()
    environment: dict[str, Any] = {}
    watch.begin("loading")
    with candidate.open() as model:
        model.answered = watch.answered
        if model.failure:
            place = ("loading", entry.name)
            parts = [grading.Part([grading.without_number(place, "loads", "", models.NOT_RUN, model.failure)], [])]
        else:
            parts = list(_sections(model, entry, sections, watch.begin))
            environment = model.environment
    findings = [finding for part in parts for finding in part.findings]
    seconds = time.monotonic() - start
    counts = {status: sum(finding.status == status for finding in findings) for status in grading.STATUSES}
    watch.end(f"{', '.join(f'{n} {status}' for status, n in counts.items() if n)}; {seconds:.1f} s")
    return {
        "name": entry.name,
        "entry": _portable(entry.entry),
        "kwargs": entry.kwargs,
        "charge": entry.charge,
        "spin": entry.spin,
        "facts": entry.facts,
        "environment": environment,
        "seconds": round(seconds, 2),
        "sections": list(sections),
        "complete": not any(finding.status in grading.INCOMPLETE for finding in findings),
        "findings": [grading.to_json(finding) for finding in findings],
        "curves": [
            grading.to_json(curve) for part in parts for curve in part.curves if np.isfinite(curve.energies).any()
        ],
    }


def slug(name: str) -> str:
    """A file name for a model's name."""
    return re.sub(r"[^A-Za-z0-9.()_-]+", "_", name).strip("_")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    tables.write_text(path, json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n")


def _sections(
    model: models.Examinee, entry: models.Entry, sections: tuple[str, ...], begin: Callable[[str], None]
) -> Iterator[grading.Part]:
    begin("witness")
    conditioning, part = witness.examine(model, entry)
    yield part
    level = entry.facts.get("closest_level") or entry.facts.get("level_of_theory", "")
    asked: dict[str, Callable[[], grading.Part]] = {
        "nuclei": lambda: nuclei.examine(model, conditioning),
        "hydrogen": lambda: hydrogen.examine(model, conditioning, level),
        "diatomics": lambda: diatomics.examine(model, conditioning),
        "shapes": lambda: shapes.examine(model),
    }
    for name in sections:
        begin(name)
        yield asked[name]()


def _replicas(folder: str, replica_id: str) -> list[Candidate]:
    path = Path(folder) / "replicas.csv"
    if not path.exists():
        raise InputError(f"config.calculator={folder} is a folder without replicas.csv; name the folder of a run.")
    table = tables.read_table(path)
    known = table["replica_id"].tolist()
    if replica_id and replica_id not in known:
        raise InputError(f"{folder} has no replica {replica_id!r}; it has {', '.join(known[:8])}.")
    found = []
    for name, teacher in zip(known, table["teacher"].tolist(), strict=True):
        if replica_id in ("", name):
            replica = replica_lib.load_replica(folder, name)
            entry = replica_model.entry(folder, name, replica, _spelled(teacher))
            found.append(Candidate(entry, lambda r=replica: contextlib.nullcontext(replica_model.ReplicaModel(r))))
    return found


def _spelled(teacher: str) -> str:
    """A teacher's name as the shipped curves spell it."""
    return {"pbe0/def2-svp": "PBE0/def2-SVP"}.get(teacher, teacher)


def _portable(entry: str) -> str:
    """The entry without the folder of this checkout."""
    return entry.replace(str(Path(__file__).parent) + "/", "")
