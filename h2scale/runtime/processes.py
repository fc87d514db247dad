"""Work spread over single-threaded processes of this machine, in order or as it gets done."""

import concurrent.futures
import contextlib
import multiprocessing
import os
from collections.abc import Iterator


@contextlib.contextmanager
def pool(workers: int) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    """Processes of one thread each, since there is one of them per core.

    They are spawned: forking a process that runs JAX's threads can deadlock.

    Args:
        workers: their number.
    """
    context = multiprocessing.get_context("spawn")
    with _single_threaded(), concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as executor:
        yield executor


@contextlib.contextmanager
def _single_threaded() -> Iterator[None]:
    """Environment for workers that are started inside."""
    wanted = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
