"""One exam: every model is loaded, asked and graded; answers are kept as they come, findings section by section."""

import contextlib
import dataclasses
import functools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from h2scale.errors import InputError
from h2scale.evaluation import replica as replica_lib
from h2scale.exam import conditioning_checks, grading, models, prediction_log, registry, worker_pool, workload
from h2scale.exam.calculators import replica_model
from h2scale.exam.sections import diatomics, hydrogen, nuclei, shapes
from h2scale.runtime import progress, tables

WITNESS, LOADING = "witness", "loading"
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
    workers: int = 1


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A model that can be examined: how it is called, and how it is opened."""

    entry: models.Entry
    open: Callable[[models.Watch], contextlib.AbstractContextManager[models.Examinee]]


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
        found.append(Candidate(entry, functools.partial(_open_workers, entry, settings.limits, settings.workers)))
    names = [candidate.entry.name for candidate in found]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"config.calculator names {repeated[0]} twice.")
    return found


def run_exam(found: Sequence[Candidate], sections: tuple[str, ...], folder: Path, stream: TextIO | None = None) -> bool:
    """Asks every model what the folder has no complete answer to, and writes exam.json and exam.csv.

    The file of a model in models/ grows by every section that is finished, and one beside it holds the answers to
    a section that is not. The next run asks for the sections that are missing or left questions unanswered, also
    where it was not told to ask them, from the structure on where it was stopped, and keeps the others.

    Args:
        found: whom to examine.
        sections: of `SECTIONS`, what to ask after the witness.
        folder: workdir.
        stream: where progress is shown; None for standard error.

    Returns:
        Whether every question was answered or refused.
    """
    (folder / MODELS_FOLDER).mkdir(exist_ok=True)
    records = [_started(folder, candidate) for candidate in found]
    todo = [_unfinished(record, sections) for record in records]
    work = {missing: _work(found[0].entry, missing) for missing in set(filter(None, todo))}
    total = max(sum(work[missing] for missing in todo if missing), 1.0)
    with progress.Progress(total, len(found), stream, things="models", rate="structures") as shown:
        shown.finish_replicas(todo.count(()))
        for candidate, record, missing in zip(found, records, todo, strict=True):
            if missing:
                watch = _Watch(shown, candidate.entry.name, work[missing])
                examine(candidate, missing, record, watch, _record_path(folder, candidate))
    summaries = [_summary(record) for record in records]
    complete = all(summary["complete"] for summary in summaries)
    _write_json(folder / EXAM_JSON, {"format": FORMAT, "complete": complete, "models": summaries})
    (folder / EXAM_CSV).unlink(missing_ok=True)
    rows = [{"model": summary["name"], **finding} for summary in summaries for finding in summary["findings"]]
    tables.append_rows(folder / EXAM_CSV, COLUMNS, rows)
    return complete


def _record_path(folder: Path, candidate: Candidate) -> Path:
    return folder / MODELS_FOLDER / f"{slug(candidate.entry.name)}.json"


def _started(folder: Path, candidate: Candidate) -> dict[str, Any]:
    """The record of a model as far as it goes: what it is, and the finished parts by name."""
    path = _record_path(folder, candidate)
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if "parts" in record and "environment" not in record:  # else of a version that kept one for the whole model
        return record
    entry = candidate.entry
    return {
        "name": entry.name,
        "entry": _portable(entry.entry),
        "kwargs": entry.kwargs,
        "charge": entry.charge,
        "spin": entry.spin,
        "facts": entry.facts,
        "parts": {},
    }


def _unfinished(record: dict[str, Any], sections: tuple[str, ...]) -> tuple[str, ...]:
    """Parts to ask for, the witness always among them; none if those wanted and those begun are complete."""
    parts = record["parts"]
    missing = {name for name in (WITNESS, *sections, *parts) if not _is_complete(parts.get(name))}
    return (WITNESS, *(name for name in SECTIONS if name in missing)) if missing else ()


def _is_complete(part: dict[str, Any] | None) -> bool:
    return part is not None and not any(finding["status"] in grading.INCOMPLETE for finding in part["findings"])


def _work(entry: models.Entry, names: tuple[str, ...]) -> float:
    """About how much one model is asked, in the units of `workload.work`."""
    silent = workload.Silent()
    for _ in _parts(silent, entry, names, lambda name: None):
        pass
    return sum(workload.work(ask) for ask in silent.asked)


class _Watch:
    """Shows how far the exam of one model is."""

    def __init__(self, shown: progress.Progress, name: str, work: float) -> None:
        self._shown, self._name, self._left = shown, name, work

    def begin(self, section: str) -> None:
        self._shown.note(asking=f"{self._name}: {section}")

    def answered(self, ask: models.Ask, answer: models.Answer) -> None:
        del answer
        self._shown.advance(self._take(ask), 1)

    def skipped(self, ask: models.Ask) -> None:
        """An earlier run has its answer."""
        self._shown.skip(self._take(ask))

    def _take(self, ask: models.Ask) -> float:
        done = min(workload.work(ask), self._left)  # a model may be asked a little more than was foreseen
        self._left -= done
        return done

    def end(self, summary: str) -> None:
        """What was foreseen and not asked counts as done."""
        self._shown.advance(self._left, 0)
        self._shown.finish_replicas(1)
        self._shown.say(f"{self._name}: {summary}")


def examine(candidate: Candidate, names: tuple[str, ...], record: dict[str, Any], watch: _Watch, path: Path) -> None:
    """Asks a model for parts of its exam; the record gets each as it is finished, and so does the file."""
    entry, counts, seconds = candidate.entry, Counter[str](), 0.0
    watch.begin(LOADING)

    def begin(name: str) -> None:
        watch.begin(name)
        # The witness asks the same question more than once.
        log.begin(None if name == WITNESS else path.with_suffix(f".{name}.jsonl"))

    with prediction_log.AnswerLog(watch.answered, watch.skipped) as log, candidate.open(log.answered) as model:
        log.listen(model)
        if model.failure:
            lost = grading.without_number((LOADING, entry.name), "loads", "", models.NOT_RUN, model.failure)
            parts = iter([(LOADING, grading.Part([lost], []))])
        else:
            record["parts"].pop(LOADING, None)
            parts = _parts(log, entry, names, begin)
        for name, part in parts:
            counts.update(finding.status for finding in part.findings)
            seconds += log.seconds
            record["parts"][name] = _as_json(part, model.environment, log.seconds)
            _write_json(path, record)
            log.end(complete=_is_complete(record["parts"][name]))
    told = ", ".join(f"{counts[status]} {status}" for status in grading.STATUSES if counts[status])
    watch.end(f"{told}; {seconds:.1f} s")


def _as_json(part: grading.Part, environment: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {
        "environment": environment,
        "seconds": round(seconds, 2),
        "findings": [grading.to_json(finding) for finding in part.findings],
        "curves": [grading.to_json(curve) for curve in part.curves if np.isfinite(curve.energies).any()],
    }


def _summary(record: dict[str, Any]) -> dict[str, Any]:
    """A model's record as exam.json has it: all parts in a row, and where one was asked with other packages than the
    witness, which every run asks."""
    parts = {name: record["parts"][name] for name in (LOADING, WITNESS, *SECTIONS) if name in record["parts"]}
    environment = parts[WITNESS]["environment"] if WITNESS in parts else {}
    earlier = {name: parts[name]["environment"] for name in SECTIONS if name in parts}
    return {
        **{key: value for key, value in record.items() if key != "parts"},
        "environment": environment,
        "earlier_environments": {name: other for name, other in earlier.items() if other != environment},
        "seconds": round(sum(part["seconds"] for part in parts.values()), 2),
        "sections": [name for name in SECTIONS if name in parts],
        "complete": all(_is_complete(part) for part in parts.values()),
        "findings": [finding for part in parts.values() for finding in part["findings"]],
        "curves": [curve for part in parts.values() for curve in part["curves"]],
    }


def slug(name: str) -> str:
    """A file name for a model's name."""
    return re.sub(r"[^A-Za-z0-9.()_-]+", "_", name).strip("_")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    tables.write_text(path, json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n")


def _parts(
    model: models.Examinee, entry: models.Entry, names: tuple[str, ...], begin: Callable[[str], None]
) -> Iterator[tuple[str, grading.Part]]:
    """The parts named, the witness first, each with its name."""
    begin(WITNESS)
    conditioning, part = conditioning_checks.examine(model, entry)
    yield WITNESS, part
    level = entry.facts.get("closest_level") or entry.facts.get("level_of_theory", "")
    asked: dict[str, Callable[[], grading.Part]] = {
        "nuclei": lambda: nuclei.examine(model, conditioning),
        "hydrogen": lambda: hydrogen.examine(model, conditioning, level),
        "diatomics": lambda: diatomics.examine(model, conditioning),
        "shapes": lambda: shapes.examine(model),
    }
    for name in names:
        if name != WITNESS:
            begin(name)
            yield name, asked[name]()


def _open_workers(
    entry: models.Entry, limits: models.TimeLimits, num_workers: int, answered: models.Watch
) -> contextlib.AbstractContextManager[models.Examinee]:
    if num_workers == 1:
        return models.WorkerModel(entry, limits, answered)
    return worker_pool.WorkerPool(entry, limits, num_workers, answered)


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
            found.append(
                Candidate(
                    entry, lambda answered, r=replica: contextlib.nullcontext(replica_model.ReplicaModel(r, answered))
                )
            )
    return found


def _spelled(teacher: str) -> str:
    """A teacher's name as the shipped curves spell it."""
    return {"pbe0/def2-svp": "PBE0/def2-SVP"}.get(teacher, teacher)


def _portable(entry: str) -> str:
    """The entry without the folder of this checkout."""
    return entry.replace(str(Path(__file__).parent / "calculators") + "/", "")
