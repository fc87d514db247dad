"""Population states on disk: saved in the background by Orbax, restored into the shapes of the running program.

Orbax renames a checkpoint into place when it is complete, but reads a flipped byte without complaint. So each
checkpoint also carries the SHA-256 checksums of its files, written before that rename and compared before it is read.
"""

import contextlib
import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from jax.experimental import multihost_utils

from h2scale.runtime import files, migration
from h2scale.training import step

_STATE = "state"
_METADATA = "metadata"
_CHECKSUMS = "checksums.json"
_HALF_WRITTEN = ".orbax-checkpoint-tmp"
_DAMAGED = "damaged-"


class PopulationCheckpoints:
    """Checkpoints of one population of replicas in a folder of its own; use as a context manager.

    Each checkpoint holds the whole population state (parameters, averages, best parameters, optimiser, cursor,
    history; keys are made from the seed and the cursor) and metadata as JSON (`training.metadata`). A checkpoint that
    differs from what was written is passed over, with a warning that names it, for the one before it.

    Args:
        folder: of this population alone; made if missing.
        keep: how many checkpoints to keep; None opens the folder for reading only.
    """

    def __init__(self, folder: str, keep: int | None) -> None:
        self._folder = Path(folder).absolute()
        self._saving: int | None = None
        reading = keep is None
        writing = not reading and jax.process_index() == 0
        if writing:
            _discard_half_written(self._folder)
        self._newest = _newest_intact(self._folder, put_aside=writing) if reading or writing else None
        if not reading and jax.process_count() > 1:
            multihost_utils.sync_global_devices(f"checked {self._folder}")
            # Only now: the first process may have renamed what this one would have looked at.
            self._newest = _newest_intact(self._folder, put_aside=False)
        with _without_warnings():
            self._manager = ocp.CheckpointManager(
                self._folder,
                options=ocp.CheckpointManagerOptions(
                    max_to_keep=keep,
                    read_only=reading,
                    create=not reading,
                    enable_async_checkpointing=True,
                    async_options=ocp.AsyncOptions(post_finalization_callback=self._write_checksums),
                ),
                item_handlers={_STATE: ocp.StandardCheckpointHandler(), _METADATA: ocp.JsonCheckpointHandler()},
            )

    def __enter__(self) -> "PopulationCheckpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.wait_until_finished()
        self._manager.close()

    def save(self, training_step: int, state: step.ReplicaState, metadata: dict[str, Any]) -> None:
        """Start writing the state; returns as soon as it is copied off the device."""
        self._manager.wait_until_finished()
        self._saving = training_step
        self._manager.save(
            training_step,
            args=ocp.args.Composite(
                **{_STATE: ocp.args.StandardSave(state), _METADATA: ocp.args.JsonSave(json.loads(json.dumps(metadata)))}
            ),
        )

    def latest_step(self) -> int | None:
        """Return the training step of the newest intact checkpoint, or None."""
        return self._newest if self._saving is None else self._manager.latest_step()

    def restore(self, training_step: int, like: step.ReplicaState) -> tuple[step.ReplicaState, dict[str, Any]]:
        """Return the state of that step with the shapes, dtypes and shardings of `like`, and its metadata."""
        abstract = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), like)
        restored = self._manager.restore(
            training_step,
            args=ocp.args.Composite(**{_STATE: ocp.args.StandardRestore(abstract), _METADATA: ocp.args.JsonRestore()}),
        )
        return restored[_STATE], restored[_METADATA]

    def load_metadata(self) -> dict[str, Any]:
        """Return the metadata of the newest intact checkpoint; there must be one."""
        restored = self._manager.restore(
            self.latest_step(), args=ocp.args.Composite(**{_METADATA: ocp.args.JsonRestore()})
        )
        return restored[_METADATA]

    def load_state(self) -> dict[str, Any]:
        """Return the state of the newest intact checkpoint as nested dictionaries of host arrays; there must be one.

        The devices that wrote it need not exist here.
        """
        newest = self.latest_step()
        here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        abstract = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here),
            self._manager.item_metadata(newest)[_STATE],
        )
        restored = self._manager.restore(
            newest, args=ocp.args.Composite(**{_STATE: ocp.args.StandardRestore(abstract)})
        )
        return jax.tree.map(np.asarray, restored[_STATE])

    def _write_checksums(self) -> None:
        """Write the checksums; Orbax calls it in its own thread, before it gives the folder its final name."""
        name = str(self._saving)
        for folder in self._folder.iterdir():
            if folder.name == name or folder.name.startswith(name + _HALF_WRITTEN):
                files.write_text(folder / _CHECKSUMS, json.dumps(_checksums(folder), indent=1) + "\n")


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Hide what Orbax logs when a folder is opened for reading, on which a user cannot act."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of the items; Orbax still writes to its own files beside them."""
    found = sorted(path for item in (_STATE, _METADATA) for path in (folder / item).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): files.checksum(path) for path in found if path.name != "commit_success.txt"}


def _damage(folder: Path) -> str | None:
    """Return how a checkpoint is damaged, or None; one without checksums, of an early version, is taken as it is."""
    path = migration.checkpoint_file(folder / _CHECKSUMS)
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return f"its {path.name} cannot be read"
    found = _checksums(folder)
    for name, checksum in written.items():
        if name not in found:
            return f"{name} is missing"
        if found[name] != checksum:
            return f"{name} is not what was written"
    return None


def _newest_intact(folder: Path, *, put_aside: bool) -> int | None:
    """Return the step of the newest intact checkpoint; warn of newer, damaged ones and, if asked, rename them."""
    steps = sorted((int(path.name) for path in folder.glob("*") if path.name.isdigit()), reverse=True)
    for training_step in steps:
        path = folder / str(training_step)
        damage = _damage(path)
        if damage is None:
            return training_step
        warnings.warn(f"the checkpoint {path} is damaged ({damage}); the one before it is used.", stacklevel=3)
        if put_aside:
            aside = folder / f"{_DAMAGED}{training_step}"
            shutil.rmtree(aside, ignore_errors=True)
            path.rename(aside)
    return None


def _discard_half_written(folder: Path) -> None:
    for path in folder.glob(f"*{_HALF_WRITTEN}*"):
        warnings.warn(f"the checkpoint {path} is half written; it is removed and the one before it used.", stacklevel=3)
        shutil.rmtree(path)
