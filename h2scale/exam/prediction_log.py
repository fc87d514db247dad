"""Answers kept as they come, so that an exam that was stopped goes on at the structure where it was.

The file holds what one unfinished section was told so far: a line for what answers (versions of its packages and a
digest of its source), then a line for each structure. What anything else answered is passed over, and so is a line that
was cut off when the process was killed.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from h2scale.exam import models

KEPT = (models.OK, models.REFUSED)
"""A structure that crashed the model, hung it or gave NaN is asked again."""


class AnswerLog:
    """An examinee that passes on to another one what its file cannot answer; use as a context manager.

    The model is opened with `answered` as its watch and then handed to `listen`. Between `begin` and `end` answers are
    kept; what is asked outside, or of one reused Atoms object, is always passed on.

    Args:
        watch: told of every answer that the model gives.
        skipped: told of every structure that the file answers.
    """

    def __init__(self, watch: models.Watch, skipped: Callable[[models.Ask], None]) -> None:
        self._watch, self._skipped = watch, skipped
        self._model: models.Examinee | None = None
        self._path: Path | None = None
        self._known: dict[models.Ask, models.Answer] = {}
        self._file: TextIO | None = None
        self._start, self._seconds_before = time.monotonic(), 0.0

    def __enter__(self) -> "AnswerLog":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @property
    def failure(self) -> str:
        """As the model's."""
        return self._model.failure

    @property
    def environment(self) -> dict[str, Any]:
        """As the model's."""
        return self._model.environment

    @property
    def seconds(self) -> float:
        """Since the section began, earlier runs included."""
        return self._seconds_before + time.monotonic() - self._start

    def listen(self, model: models.Examinee) -> None:
        """The model that is asked from now on."""
        self._model = model

    def begin(self, path: Path | None) -> None:
        """A section begins; those of its answers that an earlier run left in the file are read.

        Args:
            path: the file, which exists only while answers of the section are missing; None to keep nothing.
        """
        self._close()
        self._path = path
        self._start, self._seconds_before = time.monotonic(), 0.0
        if path is not None:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            self._read(text)
            self._file = path.open("a", encoding="utf-8")
            if text and not text.endswith("\n"):
                self._file.write("\n")
            self._write({"environment": self.environment})

    def end(self, *, complete: bool) -> None:
        """A section's findings are written; if none is missing, its answers are not needed any more."""
        self._close()
        if self._path is not None and complete:
            self._path.unlink()

    def ask(self, asks: Sequence[models.Ask], *, reuse: bool = False) -> list[models.Answer]:
        """One answer per structure, in order."""
        if reuse:
            return self._model.ask(asks, reuse=True)
        answers = [self._known.get(ask) for ask in asks]
        for ask, answer in zip(asks, answers, strict=True):
            if answer is not None:
                self._skipped(ask)
        missing = [ask for ask, answer in zip(asks, answers, strict=True) if answer is None]
        fresh = iter(self._model.ask(missing) if missing else [])
        return [next(fresh) if answer is None else answer for answer in answers]

    def answered(self, ask: models.Ask, answer: models.Answer) -> None:
        """The model has answered."""
        if self._file is not None and answer.status in KEPT:
            self._known[ask] = answer
            energy = answer.energy if answer.status == models.OK else None
            forces = None if answer.forces is None else answer.forces.tolist()
            self._write({"ask": ask, "answer": answer._replace(energy=energy, forces=forces), "seconds": self.seconds})
        self._watch(ask, answer)

    def _close(self) -> None:
        self._known.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def _read(self, text: str) -> None:
        ours = False
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            if "environment" in entry:
                ours = entry["environment"] == self.environment
            elif ours:
                numbers, positions, charge, spin = entry["ask"]
                energy, forces, status, reason = entry["answer"]
                ask = models.Ask(tuple(numbers), tuple(tuple(place) for place in positions), charge, spin)
                energy = np.nan if energy is None else energy
                forces = None if forces is None else np.array(forces, float)
                self._known[ask] = models.Answer(energy, forces, status, reason)
                self._seconds_before = entry["seconds"]
