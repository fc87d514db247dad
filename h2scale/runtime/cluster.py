"""Jobs through submitit, which only this module imports: one call of a function each, on this machine or under Slurm.

A job that is preempted or comes to the end of its time is requeued by submitit, and one that was killed is submitted
again; both call the function anew with the same argument. A function that is to lose no work keeps its own checkpoints.
"""

import dataclasses
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from h2scale.errors import InputError, require

_POLL_SECONDS = 0.5
_SLURM_POLL_SECONDS = 5.0
_ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
_NEVER_STARTS = ("PartitionTimeLimit", "PartitionNodeLimit", "BadConstraints", "InvalidAccount", "InvalidQOS")
_SIGNAL_SECONDS = 120  # before the end of its time a job is told to requeue itself
_MAX_TIMEOUTS = 1000  # a job may continue as often as its own checkpoints ask for
_RESULT_SECONDS = 10.0  # how long a shared file system may hide the result of a job that has ended


@dataclasses.dataclass(frozen=True)
class ClusterSettings:
    """Launcher and section `cluster`: the resources of each job; 0 or empty leaves the choice to Slurm."""

    launcher: str  # here (no jobs), local or slurm
    partition: str = ""
    minutes: int = 240  # wall time
    cpus: int = 0
    gpus: int = 0
    memory_gb: float = 0.0
    jobs_at_once: int = 0  # 0: no limit under Slurm, as many as have cores on this machine
    retries: int = 2  # new jobs for one that was killed
    setup: tuple[str, ...] = ()  # shell commands before a job's Python

    def __post_init__(self) -> None:
        require(self.minutes >= 1, "cluster.minutes", self.minutes, "at least 1")
        for name in ("cpus", "gpus", "memory_gb", "jobs_at_once", "retries"):
            require(getattr(self, name) >= 0, f"cluster.{name}", getattr(self, name), "zero or more")


class JobResult(NamedTuple):
    """Outcome of one job."""

    name: str
    value: Any  # what the function returned; None if there is an error
    error: str | None  # one line, with the path of the log
    job_ids: tuple[str, ...]  # of every attempt


class Requeued:
    """Function that submitit calls again, with the same argument, after its job was preempted."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __call__(self, argument: Any) -> Any:
        return self._function(argument)

    def checkpoint(self, argument: Any) -> Any:
        """Return the call that submitit queues again when the job is told to end."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, argument)


def map_jobs(
    function: Callable[[Any], Any],
    arguments: Sequence[Any],
    settings: ClusterSettings,
    folder: str | Path,
    *,
    names: Sequence[str] | None = None,
    on_done: Callable[[JobResult], None] | None = None,
) -> list[JobResult]:
    """Call `function` once for each argument, each in a job of its own, and wait for all.

    Args:
        function: of one argument; importable, or picklable by cloudpickle.
        arguments: picklable.
        settings: launcher and resources of each job.
        folder: logs and pickles of the jobs; on a file system that all of them see.
        names: of the jobs, for messages; their numbers if not given.
        on_done: called for each job when it has ended, in the order of ending.

    Returns:
        One result per argument, in their order. A job that failed is a result with an error, not an exception.

    Raises:
        InputError: submitit is not installed, Slurm does not answer, or it refuses what the jobs ask for.
    """
    names = [str(place) for place in range(len(arguments))] if names is None else list(names)
    executor = _make_executor(settings, Path(folder))
    at_once = settings.jobs_at_once or (_as_many_as_cores(settings) if settings.launcher == "local" else len(arguments))
    waiting = list(range(len(arguments)))
    running: dict[int, Any] = {}
    attempts: dict[int, list[str]] = {place: [] for place in waiting}
    results: dict[int, JobResult] = {}
    requeued = Requeued(function)
    try:
        while waiting or running:
            starting, waiting = waiting[: at_once - len(running)], waiting[at_once - len(running) :]
            submitted = _submit(executor, requeued, [arguments[place] for place in starting])
            for place, job in zip(starting, submitted, strict=True):
                running[place] = job
                attempts[place].append(job.job_id)
            ended = _wait_for_any(running)
            for place in ended:
                result = _result(names[place], running.pop(place), tuple(attempts[place]))
                if result is None and len(attempts[place]) <= settings.retries:
                    waiting.append(place)
                    continue
                results[place] = result or _killed(names[place], attempts[place], folder)
                if on_done is not None:
                    on_done(results[place])
    except BaseException:
        for job in running.values():
            job.cancel(check=False)
        raise
    return [results[place] for place in range(len(arguments))]


def slurm_answers() -> bool:
    """Return whether jobs can be submitted to a Slurm from this machine."""
    if shutil.which("sbatch") is None or shutil.which("squeue") is None:
        return False
    return subprocess.run(["squeue", "--noheader"], capture_output=True, check=False).returncode == 0


def _make_executor(settings: ClusterSettings, folder: Path) -> Any:
    try:
        import submitit
    except ImportError as error:
        raise InputError(
            f"config.launcher={settings.launcher!r} needs submitit; install it by pip install 'h2scale[cluster]'."
        ) from error
    if settings.launcher == "slurm":
        if not slurm_answers():
            raise InputError("config.launcher='slurm', but squeue does not answer on this machine.")
        slurm = submitit.SlurmExecutor(folder=folder, max_num_timeout=_MAX_TIMEOUTS)
        asked: dict[str, Any] = {
            "partition": settings.partition,
            "cpus_per_task": settings.cpus,
            "gpus_per_node": settings.gpus,
        }
        if settings.memory_gb:
            asked["mem"] = f"{round(1024 * settings.memory_gb)}M"
        slurm.update_parameters(
            time=settings.minutes,
            job_name="h2scale",
            signal_delay_s=_signal_seconds(settings),
            setup=list(settings.setup),
            **{key: value for key, value in asked.items() if value},
        )
        return slurm
    local = submitit.LocalExecutor(folder=folder, max_num_timeout=_MAX_TIMEOUTS)
    local.update_parameters(
        timeout_min=settings.minutes,
        gpus_per_node=settings.gpus,
        signal_delay_s=_signal_seconds(settings),
        setup=list(settings.setup),
    )
    return local


def _signal_seconds(settings: ClusterSettings) -> int:
    """Return how long before its end a job is told to requeue itself; a short one, after half of its time."""
    return min(_SIGNAL_SECONDS, 30 * settings.minutes)


def _as_many_as_cores(settings: ClusterSettings) -> int:
    cores = len(os.sched_getaffinity(0))
    return max(1, cores // (settings.cpus or cores))


def _submit(executor: Any, function: Requeued, arguments: Sequence[Any]) -> list[Any]:
    from submitit.core.utils import FailedJobError

    try:
        # Under Slurm several become one array, which its scheduler prefers.
        return executor.map_array(function, arguments) if arguments else []
    except FailedJobError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"Slurm refuses the jobs of config.cluster: {reason[-300:]}") from error


def _wait_for_any(running: dict[int, Any]) -> list[int]:
    """Wait for a job to end; returns the places of those that have. A job that was requeued has not."""
    from submitit.local.local import LocalJob

    asked = time.monotonic()
    while True:
        local = [place for place, job in running.items() if isinstance(job, LocalJob)]
        ended = [place for place in local if running[place].done()]
        slurm = {place: job for place, job in running.items() if place not in local}
        ended += [place for place, job in slurm.items() if job.paths.result_pickle.exists()]
        if slurm and not ended and time.monotonic() - asked >= _SLURM_POLL_SECONDS:
            asked = time.monotonic()
            ended = _unknown_to_slurm(slurm)
        if ended:
            return ended
        time.sleep(_POLL_SECONDS)


def _unknown_to_slurm(jobs: dict[int, Any]) -> list[int]:
    """Return the places of jobs that neither run nor wait, by squeue.

    submitit itself reads the accounting, which small clusters do not keep.
    """
    command = ["squeue", "--noheader", "--array", "--user", str(os.getuid()), "--format", "%F_%K %A %T %r"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:  # the controller is busy or restarting: ask again later
        return []
    alive = set()
    for line in done.stdout.splitlines():
        array_id, job_id, state, reason = line.split(maxsplit=3)
        ours = any(job.job_id in (array_id, job_id) for job in jobs.values())
        if ours and state == "PENDING" and reason in _NEVER_STARTS:
            raise InputError(f"Slurm will not start the jobs ({reason}): config.cluster asks for more than it allows.")
        if state not in _ENDED:
            alive |= {array_id, job_id}
    return [place for place, job in jobs.items() if job.job_id not in alive]


def _result(name: str, job: Any, job_ids: tuple[str, ...]) -> JobResult | None:
    """Read the outcome of a job that has ended; None if it left no result."""
    from submitit.core.utils import pickle_load
    from submitit.local.local import LocalJob

    deadline = time.monotonic() + (0.0 if isinstance(job, LocalJob) else _RESULT_SECONDS)
    while not job.paths.result_pickle.exists():
        if time.monotonic() >= deadline:
            return None
        time.sleep(_POLL_SECONDS)
    outcome, value = pickle_load(job.paths.result_pickle)
    if outcome == "success":
        return JobResult(name, value, None, job_ids)
    return JobResult(name, None, f"{value.strip().splitlines()[-1]} (log: {job.paths.stderr})", job_ids)


def _killed(name: str, attempts: Sequence[str], folder: str | Path) -> JobResult:
    ids = ", ".join(attempts)
    return JobResult(name, None, f"was killed {len(attempts)} times (jobs {ids}; logs: {folder})", tuple(attempts))
