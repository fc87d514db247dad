"""Settings of a scaling study, each section as the record that checks it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, cast

from h2scale.data.splits import SplitSettings
from h2scale.data.training_sets import TrainingSetSettings
from h2scale.errors import require
from h2scale.runtime.cluster import ClusterSettings
from h2scale.runtime.devices import DeviceSettings
from h2scale.training.settings import CheckpointSettings, EvaluationSettings, TrainingSettings

AUTOMATIC = ("auto",)
"""Rungs or training-set sizes that follow from the data."""


@dataclasses.dataclass(frozen=True)
class GridSettings:
    """Section `grid`: the replicas of an arm are the product of its lists."""

    num_features: tuple[int, ...]  # channels per degree
    num_train: tuple[int, ...] | tuple[str]  # structures; ("auto",) for powers of two up to what there is
    num_train_of: Mapping[str, tuple[int, ...]]  # by rung, where num_train is empty
    rungs: tuple[str, ...]  # ("auto",) for all that the data hold
    seeds: tuple[int, ...]
    learning_rates: tuple[float, ...]  # peak of the schedule; where empty, those of `tuned`
    weight_decays: tuple[float, ...]  # where empty, that of `train`
    steps: tuple[int, ...]  # where empty, those of `train`
    tuned: tuple[tuple[str, int, float], ...]  # rung, num_features, learning rate, where learning_rates is empty
    width_spread: float  # widths up to this factor apart share a program

    def __post_init__(self) -> None:
        for name in ("num_features", "num_train", "rungs", "seeds", "learning_rates", "weight_decays", "steps"):
            values = getattr(self, name)
            may_be_empty = name in ("num_train", "learning_rates", "weight_decays", "steps")
            self._require(len(values) > 0 or may_be_empty, name, "a list of at least one value")
            self._require(len(set(values)) == len(values), name, "free of repeated values")
        for name, least in (("num_features", 1), ("num_train", 1), ("seeds", 0)):
            whole = _whole(getattr(self, name), least) or (name, self.num_train) == ("num_train", AUTOMATIC)
            self._require(whole, name, f"whole numbers of at least {least}" + ", or auto" * (name == "num_train"))
        for rung, sizes in self.num_train_of.items():
            distinct = _whole(sizes, 1) and len(set(sizes)) == len(sizes)
            require(distinct, f"grid.num_train_of.{rung}", sizes, "different whole numbers of at least 1")
        largest = 2**31 - 1
        self._require(max(self.seeds) <= largest, "seeds", f"whole numbers of at most {largest}")
        positive = all(isinstance(rate, int | float) and rate > 0 for rate in self.learning_rates)
        self._require(positive, "learning_rates", "positive numbers")
        not_negative = all(isinstance(decay, int | float) and decay >= 0 for decay in self.weight_decays)
        self._require(not_negative, "weight_decays", "numbers of zero or more")
        self._require(self.width_spread >= 1, "width_spread", "at least 1")
        self._require(all(isinstance(rung, str) for rung in self.rungs), "rungs", "names of rungs")
        rows = all(len(row) == 3 and isinstance(row[0], str) and row[2] > 0 for row in self.tuned)
        self._require(rows, "tuned", "rows of a rung, a width and a learning rate")
        for rung in self.rungs:
            self._require(bool(self.sizes(rung)), "num_train", f"a list of sizes where num_train_of.{rung} is empty")
            for width in self.num_features if self.rungs != AUTOMATIC else ():
                right = f"a list of rates where no row of tuned is of rung {rung} and {width} features"
                self._require(bool(self.rates(rung, width)), "learning_rates", right)

    def sizes(self, rung: str) -> tuple[int, ...]:
        """Training-set sizes of a rung; `AUTOMATIC` ones have been replaced when the data are known."""
        return cast(tuple[int, ...], self.num_train) or self.num_train_of.get(rung, ())

    def rates(self, rung: str, num_features: int) -> tuple[float, ...]:
        """Learning rates of a rung and width."""
        return self.learning_rates or tuple(rate for *which, rate in self.tuned if which == [rung, num_features])

    def _require(self, holds: bool, name: str, right: str) -> None:
        require(holds, f"grid.{name}", getattr(self, name), right)


@dataclasses.dataclass(frozen=True)
class ArmSettings:
    """One arm: a model at several widths, its data, the grid of its replicas and how they are trained."""

    name: str
    dataset: str  # a shipped dataset's name, or the path of an .h5 file
    teacher_curve: str  # of H2: dataset, or auto for one by PySCF where the dataset has none
    anions: str  # a dataset that holds anions and the neutral molecules beside them; empty for none
    dications: str  # likewise with ions of charge 2, which are never trained on
    include_anions: bool  # whether the anions are trained on
    split: SplitSettings
    training_set: TrainingSetSettings
    model: Mapping[str, Any]  # section `model` but for the next; `ModelSettings` checks it when the data are known
    radial_hidden_per_feature: float  # width of each hidden layer of the radial network, divided by num_features
    grid: GridSettings
    training: TrainingSettings

    def __post_init__(self) -> None:
        hidden = self.radial_hidden_per_feature
        require(hidden > 0, "model.radial_hidden_per_feature", hidden, "positive")
        right = "false where data.anions names no dataset or data.ions is false"
        possible = not self.include_anions or (bool(self.anions) and self.split.ions)
        require(possible, "data.include_anions", self.include_anions, right)
        known = self.teacher_curve in ("dataset", "auto")
        require(known, "data.teacher_curve", self.teacher_curve, "dataset or auto")


@dataclasses.dataclass(frozen=True)
class StudySettings:
    """Everything that decides a study and how it is computed."""

    arms: tuple[ArmSettings, ...]
    evaluation: EvaluationSettings
    checkpoint: CheckpointSettings
    devices: DeviceSettings
    cluster: ClusterSettings
    num_bootstrap: int  # resamples behind every interval of the report


def _whole(values: Sequence[object], least: int) -> bool:
    return all(isinstance(value, int) and value >= least for value in values)
