"""Settings of a scaling study, each section as the record that checks it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from h2scale.data.splits import SplitSettings
from h2scale.errors import require
from h2scale.runtime.cluster import ClusterSettings
from h2scale.runtime.devices import DeviceSettings
from h2scale.training.settings import CheckpointSettings, EvaluationSettings, TrainingSettings


@dataclasses.dataclass(frozen=True)
class GridSettings:
    """Section `grid`: the replicas of an arm are the product of its lists."""

    num_features: tuple[int, ...]  # channels per degree
    num_train: tuple[int, ...]  # structures
    rungs: tuple[str, ...]
    seeds: tuple[int, ...]
    learning_rates: tuple[float, ...]  # peak of the schedule
    weight_decays: tuple[float, ...]  # where empty, that of `train`
    steps: tuple[int, ...]  # where empty, those of `train`
    width_spread: float  # widths up to this factor apart share a program

    def __post_init__(self) -> None:
        for name in ("num_features", "num_train", "rungs", "seeds", "learning_rates", "weight_decays", "steps"):
            values = getattr(self, name)
            may_be_empty = name in ("weight_decays", "steps")
            self._require(len(values) > 0 or may_be_empty, name, "a list of at least one value")
            self._require(len(set(values)) == len(values), name, "free of repeated values")
        for name, least in (("num_features", 1), ("num_train", 1), ("seeds", 0)):
            whole = all(isinstance(value, int) and value >= least for value in getattr(self, name))
            self._require(whole, name, f"whole numbers of at least {least}")
        positive = all(isinstance(rate, int | float) and rate > 0 for rate in self.learning_rates)
        self._require(positive, "learning_rates", "positive numbers")
        not_negative = all(isinstance(decay, int | float) and decay >= 0 for decay in self.weight_decays)
        self._require(not_negative, "weight_decays", "numbers of zero or more")
        self._require(self.width_spread >= 1, "width_spread", "at least 1")
        self._require(all(isinstance(rung, str) for rung in self.rungs), "rungs", "names of rungs")

    def _require(self, holds: bool, name: str, right: str) -> None:
        require(holds, f"grid.{name}", getattr(self, name), right)


@dataclasses.dataclass(frozen=True)
class ArmSettings:
    """One arm: a model at several widths, and the grid of its replicas."""

    name: str
    model: Mapping[str, Any]  # section `model` but for the next; `ModelSettings` checks it when the data are known
    radial_hidden_per_feature: float  # width of each hidden layer of the radial network, divided by num_features
    grid: GridSettings

    def __post_init__(self) -> None:
        hidden = self.radial_hidden_per_feature
        require(hidden > 0, "model.radial_hidden_per_feature", hidden, "positive")


@dataclasses.dataclass(frozen=True)
class StudySettings:
    """Everything that decides a study and how it is computed."""

    dataset: str  # a shipped dataset's name, or the path of an .h5 file
    split: SplitSettings
    arms: tuple[ArmSettings, ...]
    training: TrainingSettings
    evaluation: EvaluationSettings
    checkpoint: CheckpointSettings
    devices: DeviceSettings
    cluster: ClusterSettings
    num_bootstrap: int  # resamples behind every interval of the report
