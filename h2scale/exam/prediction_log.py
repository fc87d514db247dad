"""Predictions on disk as they come, so that a stopped exam continues at the structure where it was.

The file holds the predictions of one unfinished section: a line for what made them (versions of its packages and a
digest of its source), then a line for each structure. Lines of other versions are skipped, and so is a line that was
cut off when the process was killed.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from h2scale.exam import models
from h2scale.runtime import migration

KEPT = (models.OK, models.REFUSED)
"""A structure that crashed the model, hung it or gave NaN is queried again."""


class PredictionLog:
    """A model that passes on to another one what its file does not hold; use as a context manager.

    The other model is opened with `record` as its watch and then given to `attach`. Between `begin` and `end`
    predictions are kept; queries outside, or of one reused Atoms object, are always passed on.

    Args:
        watch: called after every prediction that the model makes.
        skipped: called with every query whose prediction is in the file.
    """

    def __init__(self, watch: models.Watch, skipped: Callable[[models.Query], None]) -> None:
        self._watch, self._skipped = watch, skipped
        self._attached: models.Model | None = None
        self._path: Path | None = None
        self._known: dict[models.Query, models.Prediction] = {}
        self._file: TextIO | None = None
        self._start, self._seconds_before = time.monotonic(), 0.0

    def __enter__(self) -> "PredictionLog":
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
        """Time since the section began, earlier runs included."""
        return self._seconds_before + time.monotonic() - self._start

    def attach(self, model: models.Model) -> None:
        """Pass queries on to this model from now on."""
        self._attached = model

    def begin(self, path: Path | None) -> None:
        """Begin a section; those of its predictions that an earlier run left in the file are read.

        Args:
            path: the file, which exists only while predictions of the section are missing; None to keep nothing.
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
            self._write(self._file, {"environment": self.environment})

    def end(self, *, complete: bool) -> None:
        """End a section whose findings are written; if none is missing, the file is removed."""
        self._close()
        if self._path is not None and complete:
            self._path.unlink()

    def predict(self, queries: Sequence[models.Query], *, reuse: bool = False) -> list[models.Prediction]:
        """Return one prediction per query, in order."""
        if reuse:
            return self._model.predict(queries, reuse=True)
        known = [self._known.get(query) for query in queries]
        for query, prediction in zip(queries, known, strict=True):
            if prediction is not None:
                self._skipped(query)
        missing = [query for query, prediction in zip(queries, known, strict=True) if prediction is None]
        fresh = iter(self._model.predict(missing) if missing else [])
        return [next(fresh) if prediction is None else prediction for prediction in known]

    def record(self, query: models.Query, prediction: models.Prediction) -> None:
        """Keep a prediction that the model has just made, and tell the watch."""
        if self._file is not None and prediction.status in KEPT:
            self._known[query] = prediction
            energy = prediction.energy if prediction.status == models.OK else None
            forces = None if prediction.forces is None else prediction.forces.tolist()
            line = {
                "query": query,
                "prediction": [energy, forces, prediction.status, prediction.reason],
                "seconds": self.seconds,
            }
            self._write(self._file, line)
        self._watch(query, prediction)

    @property
    def _model(self) -> models.Model:
        if self._attached is None:
            raise RuntimeError("a prediction log needs a model: call attach() first.")
        return self._attached

    def _close(self) -> None:
        self._known.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    @staticmethod
    def _write(file: TextIO, line: dict[str, Any]) -> None:
        file.write(json.dumps(line) + "\n")
        file.flush()

    def _read(self, text: str) -> None:
        ours = False
        for line in text.splitlines():
            try:
                entry = migration.exam_log_line(json.loads(line))
            except json.JSONDecodeError:
                continue
            if "environment" in entry:
                ours = entry["environment"] == self.environment
            elif ours:
                numbers, positions, charge, spin = entry["query"]
                energy, forces, status, reason = entry["prediction"]
                query = models.Query(tuple(numbers), tuple(tuple(place) for place in positions), charge, spin)
                energy = np.nan if energy is None else energy
                forces = None if forces is None else np.array(forces, float)
                self._known[query] = models.Prediction(energy, forces, status, reason)
                self._seconds_before = entry["seconds"]
