"""Population states on disk: saved in the background by Orbax, restored into the shapes of the running program."""

import json
import os
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from h2scale.training import step

_STATE = "state"
_METADATA = "metadata"


class BucketCheckpoints:
    """The checkpoints of one bucket of replicas, a folder of its own; use as a context manager.

    Each checkpoint holds the whole population state (parameters, averages, best parameters, optimiser, cursor,
    history) and metadata as JSON: what `load` needs to rebuild a replica without the program that made it.
    """

    def __init__(self, folder: str, keep: int | None) -> None:
        self._manager = ocp.CheckpointManager(
            os.path.abspath(folder),
            options=ocp.CheckpointManagerOptions(max_to_keep=keep, enable_async_checkpointing=True),
            item_handlers={_STATE: ocp.StandardCheckpointHandler(), _METADATA: ocp.JsonCheckpointHandler()},
        )

    def __enter__(self) -> "BucketCheckpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.wait_until_finished()
        self._manager.close()

    def save(self, training_step: int, state: step.ReplicaState, metadata: dict[str, Any]) -> None:
        """Starts writing the state; returns as soon as it is copied off the device."""
        self._manager.save(
            training_step,
            args=ocp.args.Composite(
                **{_STATE: ocp.args.StandardSave(state), _METADATA: ocp.args.JsonSave(json.loads(json.dumps(metadata)))}
            ),
        )

    def latest_step(self) -> int | None:
        """Training step of the newest complete checkpoint, or None."""
        return self._manager.latest_step()

    def restore(self, training_step: int, like: step.ReplicaState) -> tuple[step.ReplicaState, dict[str, Any]]:
        """The state of that step with the shapes, dtypes and shardings of `like`, and its metadata."""
        abstract = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), like)
        restored = self._manager.restore(
            training_step,
            args=ocp.args.Composite(**{_STATE: ocp.args.StandardRestore(abstract), _METADATA: ocp.args.JsonRestore()}),
        )
        return restored[_STATE], restored[_METADATA]

    def load_metadata(self) -> dict[str, Any]:
        """Metadata of the newest complete checkpoint; there must be one."""
        restored = self._manager.restore(
            self.latest_step(), args=ocp.args.Composite(**{_METADATA: ocp.args.JsonRestore()})
        )
        return restored[_METADATA]

    def load_state(self) -> dict[str, Any]:
        """State of the newest complete checkpoint as nested dictionaries of host arrays; there must be one.

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
