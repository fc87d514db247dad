"""One exam: every model is loaded, examined and graded; predictions are kept one by one, findings part by part."""

import importlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from h2scale.exam import capabilities, conditioning_checks, grading, models, prediction_log, records, workload
from h2scale.exam.candidates import Candidate
from h2scale.exam.records import CONDITIONING, LOADING
from h2scale.exam.sections import SECTIONS
from h2scale.runtime import progress


def run_exam(found: Sequence[Candidate], sections: tuple[str, ...], folder: Path, stream: TextIO | None = None) -> bool:
    """Examine every model where the folder has no complete result of it, and write exam.json and exam.csv.

    The file of a model in models/ grows by every section that is finished, and one beside it holds the predictions of
    a section that is not. The next run examines the sections that are missing or incomplete, also those that it was
    not told to examine, from the structure on where it was stopped, and keeps the others.

    Args:
        found: the models.
        sections: of `SECTIONS`, what to examine after the conditioning checks.
        folder: workdir.
        stream: where progress is shown; None for standard error.

    Returns:
        Whether every query has a prediction or a refusal.
    """
    (folder / records.MODELS_FOLDER).mkdir(exist_ok=True)
    known = [records.load_or_start(folder, candidate.entry) for candidate in found]
    todo = [records.unfinished(record, sections) for record in known]
    work = {missing: _work(found[0].entry, missing) for missing in set(filter(None, todo))}
    total = max(sum(work[missing] for missing in todo if missing), 1.0)
    with progress.Progress(total, len(found), stream, things="models", rate="structures") as shown:
        shown.finish_replicas(todo.count(()))
        for candidate, record, missing in zip(found, known, todo, strict=True):
            if missing:
                bar = _Bar(shown, candidate.entry.name, work[missing])
                _examine(candidate, missing, record, folder, bar)
    return records.write_results(folder, known)


def _examine(candidate: Candidate, names: tuple[str, ...], record: dict[str, Any], folder: Path, bar: "_Bar") -> None:
    """Examine a model in parts of its exam; the record gets each as it is finished, and so does its file."""
    entry, counts, seconds = candidate.entry, Counter[str](), 0.0
    bar.begin(LOADING)

    def begin(name: str) -> None:
        bar.begin(name)
        # The conditioning checks send the same query more than once.
        log.begin(None if name == CONDITIONING else records.log_path(folder, entry, name))

    with prediction_log.PredictionLog(bar.predicted, bar.skipped) as log, candidate.open(log.record) as model:
        log.attach(model)
        if model.failure:
            lost = grading.without_number((LOADING, entry.name), "loads", "", models.NOT_RUN, model.failure)
            parts = iter([(LOADING, grading.Part([lost], []))])
        else:
            record["parts"].pop(LOADING, None)
            parts = _parts(log, entry, names, begin, record)
        for name, part in parts:
            counts.update(finding.status for finding in part.findings)
            seconds += log.seconds
            # Every run repeats these checks; the seconds of other parts that were begun before stand in their logs.
            earlier = record["parts"].get(name, {}).get("seconds", 0.0) if name == CONDITIONING else 0.0
            record["parts"][name] = records.part_as_json(part, model.environment, earlier + log.seconds)
            records.save(folder, entry, record)
            log.end(complete=records.is_complete(record["parts"][name]))
    told = ", ".join(f"{counts[status]} {status}" for status in grading.STATUSES if counts[status])
    bar.end(f"{told}; {seconds:.1f} s")


def examine_parts(
    model: models.Model, entry: models.Entry, names: tuple[str, ...], record: records.Record
) -> records.Record:
    """Put the parts named of a model's exam into its record, in one go and without a file; return the record."""
    parts = _parts(model, entry, names, lambda name: None, record)
    while True:
        begun = time.monotonic()
        found = next(parts, None)
        if found is None:
            return record
        name, part = found
        record["parts"][name] = records.part_as_json(part, model.environment, time.monotonic() - begun)


def _parts(
    model: models.Model,
    entry: models.Entry,
    names: tuple[str, ...],
    begin: Callable[[str], None],
    record: records.Record | None,
) -> Iterator[tuple[str, grading.Part]]:
    """Yield the parts named, the conditioning checks first, each with its name.

    Args:
        model, entry: to be asked.
        names: of the parts.
        begin: called before each part with its name.
        record: gets the flags of the model, and a model that refuses H2 is not asked on; None foresees all questions.
    """
    begin(CONDITIONING)
    conditioning, part = conditioning_checks.examine(model, entry)
    flags = capabilities.measure(model, part.findings)
    if record is not None:
        record["capabilities"] = flags.as_dict()
    yield CONDITIONING, part
    if record is not None and not conditioning_checks.could_be_asked(part.findings):
        return
    level = entry.facts.get("closest_level") or entry.facts.get("level_of_theory", "")
    for name in names:
        if name != CONDITIONING:
            begin(name)
            section = importlib.import_module(SECTIONS[name].module)
            yield name, section.examine(model, conditioning, level)


def _work(entry: models.Entry, names: tuple[str, ...]) -> float:
    """Amount of work in parts of an exam, roughly, in the units of `workload.work`."""
    silent = workload.SilentModel()
    for _ in _parts(silent, entry, names, lambda name: None, None):
        pass
    return sum(workload.work(query) for query in silent.queries)


class _Bar:
    """Progress of the exam of one model."""

    def __init__(self, shown: progress.Progress, name: str, work: float) -> None:
        self._shown, self._name, self._left = shown, name, work

    def begin(self, part: str) -> None:
        self._shown.note(examining=f"{self._name}: {part}")

    def predicted(self, query: models.Query, prediction: models.Prediction) -> None:
        del prediction
        self._shown.advance(self._take(query), 1)

    def skipped(self, query: models.Query) -> None:
        """Count a query that an earlier run has sent."""
        self._shown.skip(self._take(query))

    def end(self, summary: str) -> None:
        """Count as done what was foreseen and not sent."""
        self._shown.advance(self._left, 0)
        self._shown.finish_replicas(1)
        self._shown.say(f"{self._name}: {summary}")

    def _take(self, query: models.Query) -> float:
        done = min(workload.work(query), self._left)  # a model may be sent a little more than was foreseen
        self._left -= done
        return done
