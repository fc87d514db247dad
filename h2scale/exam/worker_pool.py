"""Several processes of one calculator, for those that take seconds a structure."""

import concurrent.futures
import os
import threading
from collections.abc import Sequence
from typing import Any

from h2scale.exam import models, worker_model

SHARED_FROM = 16
"""Structures; one process predicts a shorter request, in order. The conditioning checks, which compare orders, send
such."""


class WorkerPool:
    """A model of several processes, each with a calculator of its own; use as a context manager.

    The structures of a request are dealt out in turn, since neighbours on a curve take about as long. Where a process
    crashes, its share of the request alone suffers. The cores are divided among the processes unless OMP_NUM_THREADS
    is set.

    Args:
        entry: of the model.
        limits: of each process.
        num_workers: processes, two or more.
        watch: called after each prediction, never twice at a time, from other threads than the caller's.
    """

    def __init__(
        self,
        entry: models.Entry,
        limits: worker_model.TimeLimits,
        num_workers: int,
        watch: models.Watch = models.ignore,
    ) -> None:
        lock = threading.Lock()

        def one_at_a_time(query: models.Query, prediction: models.Prediction) -> None:
            with lock:
                watch(query, prediction)

        cores = max(1, len(os.sched_getaffinity(0)) // num_workers)
        self._workers = [worker_model.WorkerModel(entry, limits, one_at_a_time, cores) for _ in range(num_workers)]
        self._threads = concurrent.futures.ThreadPoolExecutor(num_workers)

    @property
    def failure(self) -> str:
        """Reason why no process can predict any more; empty otherwise."""
        return self._workers[0].failure if all(worker.failure for worker in self._workers) else ""

    @property
    def environment(self) -> dict[str, Any]:
        """As each process's."""
        return self._workers[0].environment

    def __enter__(self) -> "WorkerPool":
        try:
            list(self._threads.map(worker_model.WorkerModel.__enter__, self._workers))
        except BaseException:
            self._stop()
            raise
        lost = next((worker.failure for worker in self._workers if worker.failure), "")
        for worker in self._workers:  # fewer processes than were wanted would go unnoticed
            worker.failure = lost
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def predict(self, queries: Sequence[models.Query], *, reuse: bool = False) -> list[models.Prediction]:
        """Return one prediction per query, in order."""
        able = [worker for worker in self._workers if not worker.failure] or self._workers[:1]
        if reuse or len(queries) < SHARED_FROM:
            return able[0].predict(queries, reuse=reuse)
        futures = [self._threads.submit(worker.predict, queries[i :: len(able)]) for i, worker in enumerate(able)]
        dealt = [future.result() for future in futures]
        return [dealt[i % len(able)][i // len(able)] for i in range(len(queries))]

    def _stop(self) -> None:
        """Stop, also in the middle of a request: a thread that waits for a prediction sees its process die."""
        for worker in self._workers:
            worker.abandon()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.__exit__()
