"""Several processes of one calculator, which share what it is asked: for those that take seconds an answer."""

import concurrent.futures
import os
import threading
from collections.abc import Sequence
from typing import Any

from h2scale.exam import models

SHARED_FROM = 16
"""Structures; a shorter request is answered by one process, in order. The witness, who compares orders, asks such."""


class WorkerPool:
    """An examinee of several processes, each with a calculator of its own; use as a context manager.

    The structures of a request are dealt out in turn, since neighbours on a curve take about as long. Where a process
    crashes, its share of the request alone suffers. The cores are divided among the processes unless OMP_NUM_THREADS
    is set.

    Args:
        entry: of the model.
        limits: of each process.
        num_workers: processes, two or more.
        answered: called after each answer, never twice at a time, from other threads than the caller's.
    """

    def __init__(
        self,
        entry: models.Entry,
        limits: models.TimeLimits,
        num_workers: int,
        answered: models.Watch = models.pass_over,
    ) -> None:
        lock = threading.Lock()

        def one_at_a_time(ask: models.Ask, answer: models.Answer) -> None:
            with lock:
                answered(ask, answer)

        cores = max(1, len(os.sched_getaffinity(0)) // num_workers)
        self._workers = [models.WorkerModel(entry, limits, one_at_a_time, cores) for _ in range(num_workers)]
        self._threads = concurrent.futures.ThreadPoolExecutor(num_workers)

    @property
    def failure(self) -> str:
        """Why no process can be asked any more; empty otherwise."""
        return self._workers[0].failure if all(worker.failure for worker in self._workers) else ""

    @property
    def environment(self) -> dict[str, Any]:
        """As each process's."""
        return self._workers[0].environment

    def __enter__(self) -> "WorkerPool":
        try:
            list(self._threads.map(models.WorkerModel.__enter__, self._workers))
        except BaseException:
            self._stop()
            raise
        lost = next((worker.failure for worker in self._workers if worker.failure), "")
        for worker in self._workers:  # fewer processes than were asked for would go unnoticed
            worker.failure = lost
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def ask(self, asks: Sequence[models.Ask], *, reuse: bool = False) -> list[models.Answer]:
        """One answer per structure, in order."""
        able = [worker for worker in self._workers if not worker.failure] or self._workers[:1]
        if reuse or len(asks) < SHARED_FROM:
            return able[0].ask(asks, reuse=reuse)
        futures = [self._threads.submit(worker.ask, asks[i :: len(able)]) for i, worker in enumerate(able)]
        dealt = [future.result() for future in futures]
        return [dealt[i % len(able)][i // len(able)] for i in range(len(asks))]

    def _stop(self) -> None:
        """Also in the middle of a request: a thread that waits for an answer learns that its process is dead."""
        for worker in self._workers:
            worker.abandon()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.__exit__()
