"""A tiny population on a few labels, shared by the training tests.

The labels in `population_set.h5` are `python -m h2scale.data.subset pbe0_def2svp OUT --structures 5000 --keep-below 2`
of one state of the shipped set; they stay when that grows, so that golden numbers move only with the training.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np

from h2scale.data import splits, training_sets
from h2scale.models.settings import ModelSettings
from h2scale.runtime import cluster, devices
from h2scale.study import preparation, replicas
from h2scale.study import sources as sources_lib
from h2scale.study.settings import ArmSettings, GridSettings, StudySettings
from h2scale.training import population as population_lib
from h2scale.training import step
from h2scale.training.settings import CheckpointSettings, EvaluationSettings, TrainingSettings

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
TRAINING = TrainingSettings(
    steps=20,
    weight_decay=0.0,
    structures_per_batch=4,
    batches_per_step=1,
    steps_per_call=5,
    warmup_fraction=0.1,
    gradient_clip=10.0,
    ema_decay=0.9,
    energy_weight=10.0,
    force_weight=1.0,
    energy_huber_ev_per_atom=0.1,
    force_huber_ev_per_angstrom=1.0,
)
ARM = ArmSettings(
    name="nequip",
    dataset=str(LABELS),
    teacher_curve="dataset",
    anions="",
    dications="",
    include_anions=False,
    split=splits.SplitSettings(),
    training_set=training_sets.TrainingSetSettings(),
    model={},  # the populations name their models
    radial_hidden_per_feature=2.0,
    grid=GridSettings(
        num_features=(2,),
        num_train=(5,),
        num_train_of={},
        rungs=("equilibrium", "stretched"),
        seeds=(0, 1, 2),
        learning_rates=(0.01,),
        weight_decays=(),
        steps=(),
        tuned=(),
        width_spread=1.0,
    ),
    training=TRAINING,
)
STUDY = StudySettings(
    arms=(ARM,),
    evaluation=EvaluationSettings(every=10),
    checkpoint=CheckpointSettings(every=10, keep=2),
    devices=devices.DeviceSettings(
        cpu_devices=1,
        replicas_at_once=1,
        data_parallel=1,
        readers=1,
        compile_cache=False,
        distributed=devices.DistributedSettings(enabled=False, coordinator="", num_processes=0, process_id=-1),
    ),
    cluster=cluster.ClusterSettings(launcher="here"),
    num_bootstrap=100,
)


def study(replicas_at_once: int = 1, every: int = 10, **training: Any) -> StudySettings:
    """The study with other settings of training."""
    return dataclasses.replace(
        STUDY,
        arms=(dataclasses.replace(ARM, training=dataclasses.replace(TRAINING, **training)),),
        evaluation=EvaluationSettings(every),
        devices=dataclasses.replace(STUDY.devices, replicas_at_once=replicas_at_once),
    )


@functools.cache
def sources() -> sources_lib.Sources:
    """The labels with the training orders of two rungs and three seeds."""
    return sources_lib.load((ARM,))[ARM.name]


def make_population(
    models: tuple[ModelSettings, ...] = (SETTINGS,), training: TrainingSettings = TRAINING, **axes: Any
) -> replicas.PopulationSpec:
    """Two sizes x two rungs x two seeds, unless the axes of the grid say otherwise."""
    default = {
        "num_train": (5, 20),
        "rungs": ("equilibrium", "stretched"),
        "seeds": (0, 1),
        "learning_rates": (0.01,),
        "weight_decays": (),
        "steps": (),
        "num_train_of": {},
        "tuned": (),
    }
    num_features = tuple(model.num_features for model in models)
    grid = GridSettings(num_features=num_features, width_spread=1.0, **(default | axes))
    return replicas.make_population("nequip", models, grid, training)


def assemble(
    population: replicas.PopulationSpec, *, num_devices: int = 1, study: StudySettings = STUDY
) -> preparation.Assembled:
    """The population on the first devices."""
    (arm,) = study.arms
    mesh = population_lib.make_mesh(jax.devices()[:num_devices])
    return preparation.assemble(sources()._replace(arm=arm), population, study, mesh)


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
        case.settings.training,
        (case.settings.num_evaluations, len(population_lib.HISTORY_METRICS)),
        inputs,
    )
