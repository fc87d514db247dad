"""A tiny population on a few labels, shared by the training tests.

The labels in `population_set.h5` are `python -m h2scale.data.subset pbe0_def2svp OUT --structures 5000 --keep-below 2`
of one state of the shipped set; they stay when that grows, so that golden numbers move only with the training.
"""

import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np

from h2scale import data
from h2scale.data import splits
from h2scale.models.settings import ModelSettings
from h2scale.study import preparation, replicas
from h2scale.training import losses, optimizers, step
from h2scale.training import population as population_lib

LABELS = Path(__file__).parent / "population_set.h5"
SETTINGS = ModelSettings(
    name="nequip",
    num_features=2,
    num_layers=1,
    l_max=1,
    cutoff=4.0,
    num_radial=4,
    radial_hidden=(4,),
    species=tuple(range(1, 10)),
    avg_num_neighbors=8.0,
    energy_scale=4.0,
    isolated_atom_exact=True,
    envelope_power=6,
    prior="none",
    conditioning="none",
    convolution="fast",
)
TRAINING = preparation.TrainingSettings(
    optimizer=optimizers.OptimizerSettings(warmup_fraction=0.1, gradient_clip=10.0, ema_decay=0.9),
    loss=losses.LossSettings(
        energy_weight=10.0, force_weight=1.0, energy_huber_ev_per_atom=0.1, force_huber_ev_per_angstrom=1.0
    ),
    structures_per_batch=4,
    steps_per_call=5,
    steps_per_evaluation=10,
    replicas_at_once=1,
)


@functools.cache
def sources() -> preparation.Sources:
    """The labels with the training orders of two rungs and three seeds."""
    dataset = data.load_dataset(LABELS)
    split = splits.SplitSettings(validation_fraction=0.1, test_fraction=0.1)
    orders = {
        (rung, seed): splits.training_order(dataset, rung, seed, split)
        for rung in ("equilibrium", "stretched")
        for seed in range(3)
    }
    return preparation.Sources(dataset, split, orders, preparation.references(dataset))


def make_population(models: tuple[ModelSettings, ...] = (SETTINGS,), **axes: Any) -> replicas.PopulationSpec:
    """Two sizes x two rungs x two seeds, unless the axes say otherwise."""
    default = {
        "num_train": (5, 20),
        "rungs": ("equilibrium", "stretched"),
        "seeds": (0, 1),
        "learning_rates": (0.01,),
        "weight_decay": 0.0,
        "steps": 20,
    }
    return replicas.make_population("nequip", models, **(default | axes))


def assemble(
    population: replicas.PopulationSpec, *, num_devices: int = 1, training: preparation.TrainingSettings = TRAINING
) -> preparation.Assembled:
    """The population on the first devices."""
    return preparation.assemble(sources(), population, training, population_lib.make_mesh(jax.devices()[:num_devices]))


def trained(case: preparation.Assembled, calls: int) -> step.ReplicaState:
    """The state after `calls` compiled calls, on the host."""
    state = case.programs.init(case.inputs)
    for _ in range(calls):
        state = case.programs.advance(state, case.inputs, case.materials.table)
    return jax.tree.map(np.asarray, state)


def one(tree: Any, place: int) -> Any:
    """One replica's leaves of a population's tree."""
    return jax.tree.map(lambda leaf: leaf[place], tree)


def first_state(case: preparation.Assembled, inputs: step.ReplicaInputs) -> step.ReplicaState:
    """The first state of one replica, without mapping."""
    return step.init_state(
        lambda key, _: case.potential.init(key),
        case.settings.optimizer,
        (case.settings.num_evaluations, len(population_lib.HISTORY_METRICS)),
        inputs,
    )
