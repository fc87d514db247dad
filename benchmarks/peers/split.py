"""The split of a study as files for peers: what its replica trains on, validates on and is tested on."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import structures

from h2scale.data import opening, partition
from h2scale.evaluation import held_out
from h2scale.study import planning


class Split(NamedTuple):
    """Structures of one cell of a study, as indices into its dataset."""

    divided: partition.Partition
    train: np.ndarray  # (n,), int64, in the order of the training set
    validation: np.ndarray
    test: np.ndarray


def of_study(settings: Any, num_validation: int) -> Split:
    """Return the split of a study with one arm, rung, size and seed.

    Args:
        settings: `stages.scaling.study_settings(config)`.
        num_validation: structures that peers validate on at most, molecules in turn; theirs is part of their time.
    """
    plan = planning.plan_study(settings)
    (source,) = plan.sources.values()
    (spec,) = plan.populations[0].replicas
    fewer = dataclasses.replace(source.divided.settings, max_held_out=num_validation)
    return Split(
        divided=source.divided,
        train=source.train(spec.rung, spec.seed, spec.num_train),
        validation=dataclasses.replace(source.divided, settings=fewer).held_out(spec.rung, "validation"),
        test=source.divided.held_out(spec.rung, "test"),
    )


def write(split: Split, folder: Path) -> None:
    """Write the three files of a split."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train", "validation", "test"):
        chosen = opening.gather(split.divided.dataset, getattr(split, name))
        structures.write(
            folder / f"{name}.extxyz",
            [structures.atoms(one.atomic_numbers, one.positions, one.energy, one.forces) for one in chosen],
        )


def errors(split: Split, predictions: structures.Predictions) -> held_out.Errors:
    """Return the test errors of predictions, averaged as those of replicas.csv: over structures, then molecules."""
    test = opening.gather(split.divided.dataset, split.test)
    of_atom = np.mean(np.abs(predictions.forces - test.forces), axis=1)
    force_mae = np.add.reduceat(of_atom, test.atom_offset) / test.n_atoms
    return held_out.errors(split.divided, split.test, predictions.energies - test.energy, force_mae)
