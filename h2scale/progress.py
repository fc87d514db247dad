"""How far a long computation is: a bar on a terminal, a line every few seconds in a log file."""

import sys
import time
from typing import TextIO

import tqdm

_LOG_SECONDS = 5.0


class Progress:
    """Counts work and shows it; use as a context manager.

    Work is measured in any additive unit that is proportional to time (here: floating-point operations), so that
    the time left is right when large models follow small ones.
    """

    def __init__(self, total_work: float, total_replicas: int, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._total = total_work
        self._done = 0.0
        self._replicas, self._total_replicas = 0, total_replicas
        self._steps = 0
        self._start = self._last_line = time.monotonic()
        self._facts: dict[str, str] = {}
        self._bar: tqdm.tqdm | None = None
        if self._stream.isatty():
            self._bar = tqdm.tqdm(
                total=1.0,
                file=self._stream,
                dynamic_ncols=True,
                bar_format="{percentage:3.0f}%|{bar}| {elapsed} so far, {remaining} left{postfix}",
            )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._done:
            self._write_line()

    def start_clock(self) -> None:
        """Restarts the estimate of the time left: what went before (compilation) says nothing about it."""
        self._start = time.monotonic()

    def advance(self, work: float, steps: int) -> None:
        """Adds work done, and the replica-steps it stands for."""
        self._done += work
        self._steps += steps
        self._show(work)

    def finish_replicas(self, count: int) -> None:
        """Adds replicas whose results are written."""
        self._replicas += count
        self._show(0.0)

    def note(self, **facts: str) -> None:
        """Sets the facts shown beside the bar, e.g. the current errors."""
        self._facts.update(facts)

    def say(self, message: str) -> None:
        """One line of its own."""
        if self._bar is not None:
            tqdm.tqdm.write(message, file=self._stream)
        else:
            print(message, file=self._stream, flush=True)

    def _show(self, work: float) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(self._summary(), refresh=False)
            self._bar.update(work / self._total)
        elif time.monotonic() - self._last_line >= _LOG_SECONDS:
            self._write_line()

    def _summary(self) -> str:
        elapsed = max(time.monotonic() - self._start, 1e-9)
        parts = [f"{self._steps / elapsed:.0f} steps/s", f"{self._replicas}/{self._total_replicas} replicas done"]
        return ", ".join(parts + [f"{name.replace('_', ' ')} {value}" for name, value in self._facts.items()])

    def _write_line(self) -> None:
        self._last_line = time.monotonic()
        elapsed = self._last_line - self._start
        left = elapsed * (self._total / self._done - 1) if self._done else float("nan")
        fraction = self._done / self._total
        print(
            f"{fraction:4.0%}, {_clock(elapsed)} so far, {_clock(left)} left, {self._summary()}",
            file=self._stream,
            flush=True,
        )


def _clock(seconds: float) -> str:
    if seconds != seconds:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
