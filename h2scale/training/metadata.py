"""Metadata of a population's checkpoints, from which a replica is rebuilt without its study."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from h2scale.errors import InputError
from h2scale.models.settings import ModelSettings


class PopulationMetadata(NamedTuple):
    """Names and models of the replicas of one population."""

    arm: str  # the name in the tables' `model` column
    settings: ModelSettings  # of the program: the widest replica's
    models: tuple[ModelSettings, ...]  # distinct ones
    replica_ids: tuple[str, ...]
    replica_models: tuple[int, ...]  # index of each replica's model in `models`
    train_seconds: float = 0.0  # so far

    def model(self, replica_id: str) -> ModelSettings:
        """Return the settings of one replica, unpadded."""
        return self.models[self.replica_models[self.replica_ids.index(replica_id)]]

    def to_json(self) -> dict[str, Any]:
        """Return the metadata as JSON values."""
        return {
            "arm": self.arm,
            "settings": dataclasses.asdict(self.settings),
            "models": [dataclasses.asdict(model) for model in self.models],
            "replica_ids": list(self.replica_ids),
            "replica_models": list(self.replica_models),
            "train_seconds": self.train_seconds,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "PopulationMetadata":
        """Return the metadata that `to_json` gave, or a checkpoint of before several widths could share a program.

        Raises:
            InputError: the model has other settings than this version's.
        """
        settings = _settings(values["settings"])
        return cls(
            arm=values["arm"],
            settings=settings,
            models=tuple(_settings(model) for model in values["models"]) if "models" in values else (settings,),
            replica_ids=tuple(values["replica_ids"]),
            replica_models=tuple(values.get("replica_models", [0] * len(values["replica_ids"]))),
            train_seconds=values["train_seconds"],
        )


def _settings(values: Mapping[str, Any]) -> ModelSettings:
    """Return settings from JSON, whose lists were tuples."""
    fields: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in values.items()}
    try:
        return ModelSettings(**fields)
    except TypeError as error:
        raise InputError(
            f"the checkpoint is of another version of h2scale ({error}); load it with the version in the workdir's "
            "environment.json, or train anew."
        ) from error
