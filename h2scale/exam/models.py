"""Who is examined: something that answers structures. Here the one behind a worker's pipes."""

import dataclasses
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

OK, REFUSED, ERROR, NOT_RUN = "ok", "refused", "error", "not run"
_WORKER = Path(__file__).with_name("worker.py")
_PACKAGE_ROOT = Path(__file__).parents[2]
_MAX_RESTARTS = 40
_MAX_RESTARTS_PER_REQUEST = 2
_STDERR_LINES = 20


class Ask(NamedTuple):
    """One structure to be answered."""

    numbers: tuple[int, ...]  # atomic numbers
    positions: tuple[tuple[float, float, float], ...]  # angstrom
    charge: int
    spin: int  # multiplicity, 2S + 1


class Answer(NamedTuple):
    """What a model said: `status` is ok, refused (it raised), error (no usable number) or not run."""

    energy: float  # eV, NaN without an answer
    forces: np.ndarray | None  # (n_atoms, 3), eV/angstrom; None if it gives none
    status: str
    reason: str  # why there is no energy or there are no forces; empty otherwise


Watch = Callable[[Ask, Answer], None]
"""Called after each structure that a model has answered, before the request as a whole is."""


class Examinee(Protocol):
    """A model under examination."""

    failure: str  # why it cannot be asked; empty otherwise
    environment: dict[str, Any]  # versions of what answers

    def ask(self, asks: Sequence[Ask], *, reuse: bool = False) -> list[Answer]:
        """One answer per structure, in order; `reuse` as in `worker`."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """How a model is reached; the fields of the registry that the machinery needs."""

    name: str
    entry: str  # MODULE:FACTORY or FILE.py:FACTORY
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
    charge: str = "info:charge"  # how the charge is passed; see `worker`
    spin: str = "info:spin"  # how the spin multiplicity is passed
    python: str = ""  # another interpreter; empty for this one
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)  # package, level_of_theory, weights, licence, ...


class TimeLimits(NamedTuple):
    """Seconds after which a silent worker is given up, and after which the whole model is."""

    load: float
    answer: float
    model: float


def pass_over(ask: Ask, answer: Answer) -> None:
    """Nobody watches."""


def dimer(first: int, second: int, distance: float, charge: int, spin: int) -> Ask:
    """Two atoms on the z axis, the second one above."""
    return Ask((first, second), ((0.0, 0.0, -distance / 2), (0.0, 0.0, distance / 2)), charge, spin)


def atom(number: int, charge: int, spin: int) -> Ask:
    """One atom or ion."""
    return Ask((number,), ((0.0, 0.0, 0.0),), charge, spin)


class WorkerModel:
    """A calculator in a process of its own: a crash or a hang costs one answer, not the exam.

    After a crash or a time-out the calculator is loaded again for the structures that follow; the second one in a
    request ends that request, and the fortieth the exam of this model.

    Args:
        entry: of the model.
        limits: of time.
        answered: called after each answer.
        cores: for the process's numerical libraries, unless OMP_NUM_THREADS is set; 0 to leave that to them.
    """

    def __init__(self, entry: Entry, limits: TimeLimits, answered: Watch = pass_over, cores: int = 0) -> None:
        self.entry = entry
        self.environment: dict[str, Any] = {}
        self.failure = ""  # why the model cannot be asked any more
        self._limits = limits
        self._answered = answered
        self._cores = cores
        self._deadline = time.monotonic() + limits.model
        self._process: subprocess.Popen | None = None
        self._restarts = 0

    def __enter__(self) -> "WorkerModel":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def abandon(self) -> None:
        """Ends what another thread is asking; nothing is asked any more."""
        self.failure = self.failure or "the exam was stopped"
        process = self._process
        if process is not None:
            process.kill()

    def ask(self, asks: Sequence[Ask], *, reuse: bool = False) -> list[Answer]:
        """One answer per structure, in order."""
        answers: list[Answer] = []
        restarts = self._restarts
        while len(answers) < len(asks) and not self.failure:
            if self._restarts - restarts == _MAX_RESTARTS_PER_REQUEST:
                left = Answer(np.nan, None, ERROR, f"not asked after {answers[-1].reason}")
                return answers + [left] * (len(asks) - len(answers))
            answers += self._ask_process(asks[len(answers) :], reuse)
        missing = [Answer(np.nan, None, NOT_RUN, self.failure)] * (len(asks) - len(answers))
        return answers + missing

    def _ask_process(self, asks: Sequence[Ask], reuse: bool) -> list[Answer]:
        """Answers up to and including the first one that costs the process its life."""
        request = {"structures": [ask._asdict() for ask in asks], "reuse": reuse}
        answers: list[Answer] = []
        try:
            self._send(request)
            for ask in asks:
                answers.append(read_answer(self._receive(self._limits.answer), len(ask.numbers)))
                self._answered(ask, answers[-1])
        except _WorkerLost as lost:
            answers.append(Answer(np.nan, None, ERROR, str(lost)))
            self._restart(str(lost))
        return answers

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
            self._process = subprocess.Popen(
                [python, str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=environment,
            )
        except OSError as error:
            self.failure = f"config.python={python} cannot be started: {error.strerror or error}"
            return
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._last_words: list[str] = []
        readers = ((self._process.stdout, self._lines.put, True), (self._process.stderr, self._overhear, False))
        self._threads = [threading.Thread(target=_pump, args=reader, daemon=True) for reader in readers]
        for thread in self._threads:
            thread.start()
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
            answer = self._receive(self._limits.load)
        except _WorkerLost as lost:
            self.failure = f"loading the calculator: {lost}"
            self._stop()
            return
        if not answer.pop("loaded"):
            self.failure = answer["reason"]
            self._stop()
            return
        self.environment = answer

    def _overhear(self, line: str) -> None:
        self._last_words = [*self._last_words[1 - _STDERR_LINES :], line]

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise _WorkerLost(self._epitaph()) from error

    def _receive(self, seconds: float) -> dict[str, Any]:
        left = self._deadline - time.monotonic()
        try:
            line = self._lines.get(timeout=max(min(seconds, left), 0.01))
        except queue.Empty as error:
            text = f"no answer within {seconds:g} s" if seconds < left else "the time for this model is used up"
            raise _WorkerLost(text) from error
        if line is None:
            raise _WorkerLost(self._epitaph())
        return json.loads(line)

    def _epitaph(self) -> str:
        code = self._process.wait()
        self._threads[1].join(timeout=1.0)
        words = next((line.strip() for line in reversed(self._last_words) if line.strip()), "")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"the process died with {how}" + (f": {words[:200]}" if words else "")

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join(timeout=1.0)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            try:
                stream.close()
            except BrokenPipeError:
                continue  # a request that the process never read
        self._process = None


class _WorkerLost(Exception):
    """The worker died or fell silent; the message says how."""


def _pump(stream: Any, put: Any, mark_end: bool) -> None:
    for line in stream:
        put(line)
    if mark_end:
        put(None)


def read_answer(message: dict[str, Any], n_atoms: int) -> Answer:
    """What a worker's answer to one structure says, checked."""
    if "refused" in message:
        return Answer(np.nan, None, REFUSED, message["refused"])
    energy = message["energy"]
    if not np.isfinite(energy):
        return Answer(np.nan, None, ERROR, f"the energy is {energy}")
    if "no_forces" in message:
        return Answer(energy, None, OK, message["no_forces"])
    forces = np.array(message["forces"], float)
    if forces.shape != (n_atoms, 3) or not np.isfinite(forces).all():
        return Answer(energy, None, OK, f"the forces are not {n_atoms} x 3 finite numbers")
    return Answer(energy, forces, OK, "")
