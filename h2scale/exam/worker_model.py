"""A model in a process of its own: the side of the exam; the other side is `worker`."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from h2scale.exam import models
from h2scale.exam.models import Prediction, Query

_WORKER = Path(__file__).with_name("worker.py")
_PACKAGE_ROOT = Path(__file__).parents[2]
_MAX_RESTARTS = 40
_MAX_RESTARTS_PER_REQUEST = 2
_STDERR_LINES = 20


class TimeLimits(NamedTuple):
    """Seconds after which a silent worker is stopped, and after which the whole model is."""

    load: float
    prediction: float  # of one structure
    model: float


class WorkerModel:
    """A calculator in a process of its own, whose crash or hang costs one prediction; use as a context manager.

    After a crash or a time-out the calculator is loaded again for the structures that follow; the second one in a
    request ends that request, and the fortieth the exam of this model.

    Args:
        entry: of the model.
        limits: of time.
        watch: called after each prediction.
        cores: for the process's numerical libraries, unless OMP_NUM_THREADS is set; 0 to leave that to them.
    """

    def __init__(
        self, entry: models.Entry, limits: TimeLimits, watch: models.Watch = models.ignore, cores: int = 0
    ) -> None:
        self.entry = entry
        self.environment: dict[str, Any] = {}
        self.failure = ""
        self._limits = limits
        self._watch = watch
        self._cores = cores
        self._deadline = time.monotonic() + limits.model
        self._process: _Process | None = None
        self._restarts = 0

    def __enter__(self) -> "WorkerModel":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def abandon(self) -> None:
        """Kill the process, also while another thread waits for it; nothing is predicted any more."""
        self.failure = self.failure or "the exam was stopped"
        process = self._process
        if process is not None:
            process.kill()

    def predict(self, queries: Sequence[Query], *, reuse: bool = False) -> list[Prediction]:
        """Return one prediction per query, in order."""
        predictions: list[Prediction] = []
        restarts = self._restarts
        while len(predictions) < len(queries) and not self.failure:
            if self._restarts - restarts == _MAX_RESTARTS_PER_REQUEST:
                left = Prediction(np.nan, None, models.ERROR, f"not tried after {predictions[-1].reason}")
                return predictions + [left] * (len(queries) - len(predictions))
            predictions += self._predict_until_lost(queries[len(predictions) :], reuse)
        missing = Prediction(np.nan, None, models.NOT_RUN, self.failure)
        return predictions + [missing] * (len(queries) - len(predictions))

    def _predict_until_lost(self, queries: Sequence[Query], reuse: bool) -> list[Prediction]:
        """Predictions up to and including the first one at which the process is lost."""
        predictions: list[Prediction] = []
        try:
            self._send({"structures": [query._asdict() for query in queries], "reuse": reuse})
            for query in queries:
                predictions.append(read_prediction(self._receive(self._limits.prediction), len(query.numbers)))
                self._watch(query, predictions[-1])
        except _WorkerLostError as lost:
            predictions.append(Prediction(np.nan, None, models.ERROR, str(lost)))
            self._restart(str(lost))
        return predictions

    def _restart(self, reason: str) -> None:
        self._stop()
        self._restarts += 1
        if self.failure:
            return
        if time.monotonic() > self._deadline:
            self.failure = f"the time for this model, {self._limits.model:g} s, is used up"
        elif self._restarts > _MAX_RESTARTS:
            self.failure = f"given up after {self._restarts} failures of the process; the last: {reason}"
        else:
            self._start()

    def _start(self) -> None:
        python = self.entry.python or sys.executable
        environment = dict(os.environ)
        if not self.entry.python:  # the same packages, found the same way
            found_now = os.environ.get("PYTHONPATH", "")
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_PACKAGE_ROOT), found_now]))
        if self._cores:
            environment.setdefault("OMP_NUM_THREADS", str(self._cores))
        try:
            self._process = _Process(python, environment)
        except OSError as error:
            self.failure = f"config.python={python} cannot be started: {error.strerror or error}"
            return
        try:
            self._send(
                {
                    "entry": self.entry.entry,
                    "kwargs": self.entry.kwargs,
                    "charge": self.entry.charge,
                    "spin": self.entry.spin,
                    "packages": self.entry.facts.get("package", "").split()[:1],
                }
            )
            reply = self._receive(self._limits.load)
        except _WorkerLostError as lost:
            self.failure = f"loading the calculator: {lost}"
            self._stop()
            return
        if not reply.pop("loaded"):
            self.failure = reply["reason"]
            self._stop()
            return
        self.environment = reply

    def _send(self, request: dict[str, Any]) -> None:
        if self._process is None:
            raise _WorkerLostError("the process has been stopped")
        self._process.send(request)

    def _receive(self, seconds: float) -> dict[str, Any]:
        if self._process is None:
            raise _WorkerLostError("the process has been stopped")
        left = self._deadline - time.monotonic()
        try:
            return self._process.receive(max(min(seconds, left), 0.01))
        except queue.Empty as error:
            text = f"no prediction within {seconds:g} s" if seconds < left else "the time for this model is used up"
            raise _WorkerLostError(text) from error

    def _stop(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


class _WorkerLostError(Exception):
    """The worker died or fell silent; the message says how."""


class _Process:
    """A running `worker`: JSON lines in and out, and the end of what it writes to stderr."""

    def __init__(self, python: str, environment: dict[str, str]) -> None:
        self._popen = subprocess.Popen(
            [python, str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
        stdin, stdout, stderr = self._popen.stdin, self._popen.stdout, self._popen.stderr
        if stdin is None or stdout is None or stderr is None:
            raise RuntimeError("a process started with pipes has none")
        self._stdin, self._streams = stdin, (stdin, stdout, stderr)
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._errors: list[str] = []
        readers = ((stdout, self._lines.put, True), (stderr, self._keep_error, False))
        self._threads = [threading.Thread(target=_pump, args=reader, daemon=True) for reader in readers]
        for thread in self._threads:
            thread.start()

    def send(self, request: dict[str, Any]) -> None:
        try:
            self._stdin.write(json.dumps(request) + "\n")
            self._stdin.flush()
        except BrokenPipeError as error:
            raise _WorkerLostError(self._describe_death()) from error

    def receive(self, seconds: float) -> dict[str, Any]:
        """Return the next reply; raises queue.Empty if there is none in time."""
        line = self._lines.get(timeout=seconds)
        if line is None:
            raise _WorkerLostError(self._describe_death())
        return json.loads(line)

    def kill(self) -> None:
        self._popen.kill()

    def close(self) -> None:
        self._popen.kill()
        self._popen.wait()
        for thread in self._threads:
            thread.join(timeout=1.0)
        for stream in self._streams:
            try:
                stream.close()
            except BrokenPipeError:
                continue  # a request that the process never read

    def _keep_error(self, line: str) -> None:
        self._errors = [*self._errors[1 - _STDERR_LINES :], line]

    def _describe_death(self) -> str:
        code = self._popen.wait()
        self._threads[1].join(timeout=1.0)
        words = next((line.strip() for line in reversed(self._errors) if line.strip()), "")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"the process died with {how}" + (f": {words[:200]}" if words else "")


def _pump(stream: IO[str], put: Callable[[str | None], None], mark_end: bool) -> None:
    for line in stream:
        put(line)
    if mark_end:
        put(None)


def read_prediction(message: dict[str, Any], n_atoms: int) -> Prediction:
    """Return the prediction that a worker's reply to one structure stands for, checked."""
    if "refused" in message:
        return Prediction(np.nan, None, models.REFUSED, message["refused"])
    if "fault" in message:
        return Prediction(np.nan, None, models.ERROR, message["fault"])
    energy = message["energy"]
    if not np.isfinite(energy):
        return Prediction(np.nan, None, models.ERROR, f"the energy is {energy}")
    if "no_forces" in message:
        return Prediction(energy, None, models.OK, message["no_forces"])
    forces = np.array(message["forces"], float)
    if forces.shape != (n_atoms, 3) or not np.isfinite(forces).all():
        return Prediction(energy, None, models.OK, f"{models.BAD_FORCES} {n_atoms} x 3 finite numbers")
    return Prediction(energy, forces, models.OK, "")
