"""Settings of training: one record for each section, made from it by name and checked then."""

import dataclasses

from h2scale.errors import require
from h2scale.training import losses, optimizers


@dataclasses.dataclass(frozen=True)
class TrainingSettings(losses.LossSettings, optimizers.OptimizerSettings):
    """Section `train`, which all populations of a study share; static."""

    steps: int  # of a replica, where the grid names none
    weight_decay: float  # decoupled, per unit of learning rate, where the grid names none
    structures_per_batch: int
    batches_per_step: int  # a step follows the mean gradient of so many batches
    steps_per_call: int  # inside one compiled call

    def __post_init__(self) -> None:
        losses.LossSettings.__post_init__(self)
        optimizers.OptimizerSettings.__post_init__(self)
        for name in ("steps", "structures_per_batch", "batches_per_step", "steps_per_call"):
            require(getattr(self, name) >= 1, f"train.{name}", getattr(self, name), "at least 1")
        require(self.weight_decay >= 0, "train.weight_decay", self.weight_decay, "zero or more")


@dataclasses.dataclass(frozen=True)
class EvaluationSettings:
    """Section `eval`."""

    every: int  # steps between evaluations

    def __post_init__(self) -> None:
        require(self.every >= 1, "eval.every", self.every, "at least 1")


@dataclasses.dataclass(frozen=True)
class CheckpointSettings:
    """Section `checkpoint`."""

    every: int  # steps between checkpoints
    keep: int  # checkpoints of a population that stay on disk

    def __post_init__(self) -> None:
        require(self.every >= 1, "checkpoint.every", self.every, "at least 1")
        require(self.keep >= 1, "checkpoint.keep", self.keep, "at least 1")
