"""Progress of a long computation: a bar on a terminal, a line every few seconds in a log file."""

import sys
import time
from typing import TextIO

import tqdm

_LOG_SECONDS = 5.0


class Progress:
    """Count of work done and what is left, shown as it grows; use as a context manager.

    `things` are counted one by one, and `rate` names what is counted per second. Work is measured in any additive unit
    that is roughly proportional to time, so that the time left is right when large models follow small ones.
    """

    def __init__(
        self,
        total_work: float,
        total_replicas: int,
        stream: TextIO | None = None,
        *,
        things: str = "replicas",
        rate: str = "steps",
    ) -> None:
        self._things, self._rate = things, rate
        self._stream = stream if stream is not None else sys.stderr
        self._total = total_work
        self._done = self._untimed = 0.0
        self._replicas, self._total_replicas = 0, total_replicas
        self._timed_steps = 0
        self._begin = self._last_line = time.monotonic()
        self._clock_start: float | None = None
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

    def advance(self, work: float, steps: int) -> None:
        """Add work done, and the number of replica-steps in it."""
        self._done += work
        if self._clock_start is None:
            # The first piece had to wait for compilation and says nothing about the time left.
            self._clock_start, self._untimed = time.monotonic(), self._done
        else:
            self._timed_steps += steps
        self._show()

    def skip(self, work: float) -> None:
        """Subtract work that turned out to be done already."""
        self._total -= work
        self._show()

    def finish_replicas(self, count: int) -> None:
        """Add replicas whose results are written."""
        self._replicas += count
        self._show()

    def note(self, **facts: str) -> None:
        """Set the facts shown beside the bar, e.g. the current errors."""
        self._facts.update(facts)

    def say(self, message: str) -> None:
        """Write one line of its own."""
        if self._bar is not None:
            tqdm.tqdm.write(message, file=self._stream)
        else:
            print(message, file=self._stream, flush=True)

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(self._summary(), refresh=False)
            self._bar.update(self._done / self._total - self._bar.n)
        elif time.monotonic() - self._last_line >= _LOG_SECONDS:
            self._write_line()

    def _timed(self) -> tuple[float, float]:
        """Return the seconds on the clock, and the work done in them."""
        if self._clock_start is None:
            return 0.0, 0.0
        return time.monotonic() - self._clock_start, self._done - self._untimed

    def _summary(self) -> str:
        seconds, _ = self._timed()
        parts = [f"{self._replicas}/{self._total_replicas} {self._things} done"]
        if self._timed_steps:
            parts.insert(0, f"{self._timed_steps / seconds:.3g} {self._rate}/s")
        return ", ".join(parts + [f"{name.replace('_', ' ')} {value}" for name, value in self._facts.items()])

    def _write_line(self) -> None:
        self._last_line = time.monotonic()
        elapsed = self._last_line - self._begin
        seconds, work = self._timed()
        left = seconds * (self._total - self._done) / work if work else float("nan")
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
