"""Start of JAX, once per process: precision, compile cache, CPU devices and, if set, a group of processes."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
from jax.experimental import multihost_utils

from h2scale.errors import InputError, require
from h2scale.runtime import host_memory


@dataclasses.dataclass(frozen=True)
class DistributedSettings:
    """Section `devices.distributed`: one run over several processes."""

    enabled: bool  # join the other processes of this run
    coordinator: str  # HOST:PORT of process 0; empty where Slurm, Open MPI or a TPU pod tells
    num_processes: int  # 0 where the environment tells
    process_id: int  # -1 where the environment tells

    def __post_init__(self) -> None:
        told = self.coordinator != "", self.num_processes > 0, self.process_id >= 0
        require(
            all(told) or not any(told),
            "devices.distributed",
            dataclasses.asdict(self),
            "given with coordinator, num_processes and process_id, or with none of them where the environment tells",
        )
        require(
            self.enabled or not any(told),
            "devices.distributed.enabled",
            self.enabled,
            "true where a coordinator is named",
        )


@dataclasses.dataclass(frozen=True)
class DeviceSettings:
    """Section `devices`: the devices of a process and the work that each is given."""

    cpu_devices: int  # 0 means one per core
    replicas_at_once: int  # vectorised together on a device; 0 means 1 on a CPU, all on a GPU
    data_parallel: int  # devices that share the batches of each replica
    readers: int  # threads that read shards, where a dataset is one
    compile_cache: bool  # keep compiled programs in the user's cache folder
    distributed: DistributedSettings

    def __post_init__(self) -> None:
        for name in ("cpu_devices", "replicas_at_once"):
            require(getattr(self, name) >= 0, f"devices.{name}", getattr(self, name), "0 (automatic) or more")
        for name in ("data_parallel", "readers"):
            require(getattr(self, name) >= 1, f"devices.{name}", getattr(self, name), "at least 1")

    @classmethod
    def from_section(cls, devices: Mapping[str, Any]) -> "DeviceSettings":
        """Return the record of a section of the settings."""
        return cls(**{**devices, "distributed": DistributedSettings(**devices["distributed"])})


def configure(settings: DeviceSettings) -> None:
    """Configure JAX for this process and, if set, join the other processes of the run.

    Float64 is enabled, for evaluation; float32 products keep full precision; the process keeps the memory that it
    frees (`host_memory`).

    Raises:
        InputError: JAX has already started with fewer CPU devices than asked for, or the other processes cannot be
            joined.
    """
    host_memory.keep_freed_memory()
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    if settings.compile_cache:
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "h2scale" / "xla"
        jax.config.update("jax_compilation_cache_dir", str(cache))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    num_devices = settings.cpu_devices or len(os.sched_getaffinity(0))
    try:
        jax.config.update("jax_num_cpu_devices", num_devices)
    except RuntimeError as error:
        # A notebook or test may have started JAX already; its devices are used as they are.
        if jax.device_count() < settings.cpu_devices:
            raise InputError(
                f"config.devices.cpu_devices={settings.cpu_devices}, but JAX has already started with "
                f"{jax.device_count()} device(s); set it before the first computation."
            ) from error
    if settings.distributed.enabled:
        _join(settings.distributed)


def is_writer() -> bool:
    """Return whether this process writes tables and reports: the first of the run, or the only one."""
    return jax.process_index() == 0


def wait_for_others(name: str) -> None:
    """Wait until every process of the run has called this with the same `name`; a single process does not wait."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def _join(settings: DistributedSettings) -> None:
    """Join the processes of this run, unless this process already has."""
    if jax.distributed.is_initialized():
        return
    # Without it several CPU processes cannot exchange numbers; ignored on GPU and TPU.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(
            coordinator_address=settings.coordinator or None,
            num_processes=settings.num_processes or None,
            process_id=settings.process_id if settings.process_id >= 0 else None,
        )
    except (ValueError, RuntimeError) as error:
        raise InputError(
            "config.devices.distributed.enabled: the other processes cannot be joined "
            f"({' '.join(str(error).split())}); start the run by srun, mpirun or on a TPU pod, or give "
            "config.devices.distributed.coordinator, num_processes and process_id."
        ) from error
