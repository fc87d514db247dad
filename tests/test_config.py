"""Settings: an impossible one is refused by name, and arms override only what they say."""

import dataclasses
import re

import pytest

from h2scale import config as config_lib
from h2scale.stages import scaling


def changed(**settings):
    config = config_lib.default()
    for key, value in settings.items():
        section, name = key.split("__")
        config[section][name] = value
    return config


def test_defaults_resolve_and_are_frozen():
    resolved = config_lib.resolve(config_lib.default())
    with pytest.raises(AttributeError):
        resolved.train.steps = 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train__steps": 0}, "config.train.steps must be at least 1; got 0."),
        ({"grid__num_train": (0,)}, "config.grid.num_train must be whole numbers of at least 1, or auto; got (0,)."),
        ({"grid__seeds": ()}, "config.grid.seeds must be a list of at least one value; got ()."),
        (
            {"grid__seeds": (0, 2**31)},
            "config.grid.seeds must be whole numbers of at most 2147483647; got",
        ),
        (
            {"grid__num_train_of": {"thermal": (30, 30)}},
            "config.grid.num_train_of.thermal must be different whole numbers of at least 1; got (30, 30).",
        ),
        (
            {"grid__tuned": (("thermal", 8, 0.0),)},
            "config.grid.tuned must be rows of a rung, a width and a learning rate; got",
        ),
        (
            {"grid__learning_rates": (), "grid__tuned": (("thermal", 8, 0.01),)},
            "config.grid.learning_rates must be a list of rates where no row of tuned is of rung equilibrium and 4 "
            "features; got ().",
        ),
        ({"data__pinned_share": 0.0}, "config.data.pinned_share must be between 0 and 1; got 0.0."),
        ({"data__elements": ("C",)}, "config.data.elements must be a list with H, whose curve judges every model"),
        ({"grid__rungs": ("h2", "h2")}, "config.grid.rungs must be free of repeated values; got ('h2', 'h2')."),
        ({"grid__learning_rates": (-1.0,)}, "config.grid.learning_rates must be positive numbers; got (-1.0,)."),
        ({"data__test_fraction": 0.7}, "config.data.test_fraction must be between 0 and 0.5; got 0.7."),
        ({"eval__every": 333}, "config.eval.every must be a divisor of train.steps"),
        ({"checkpoint__every": 150}, "config.checkpoint.every must be a multiple of eval.every"),
        ({"train__energy_weight": 0.0, "train__force_weight": 0.0}, "config.train.energy_weight must be positive"),
        ({"train__ema_decay": 1.0}, "config.train.ema_decay must be from 0 up to 1; got 1.0."),
        ({"devices__data_parallel": 2}, "config.devices.data_parallel must be a divisor of train.batches_per_step (1)"),
        ({"exam__workers": 0}, "config.exam.workers must be at least 1; got 0."),
        ({"cluster__minutes": 0}, "config.cluster.minutes must be at least 1; got 0."),
        ({"benchmark__steps": 2}, "config.benchmark.steps must be at least 5; got 2."),
        ({"benchmark__replicas": ()}, "config.benchmark.replicas must be whole numbers of at least 1; got ()."),
        ({"devices__cpu_devices": -1}, "config.devices.cpu_devices must be 0 (automatic) or more; got -1."),
    ],
)
def test_impossible_setting_is_named(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        scaling.study_settings(config_lib.resolve(changed(**settings)))


@pytest.mark.parametrize(
    ("stage", "launcher", "distributed", "message"),
    [
        ("scaling", "pbs", {}, "config.launcher must be one of here, local, slurm; got 'pbs'."),
        (
            "exam",
            "slurm",
            {},
            "config.launcher must be here for the stage exam: scaling, tuning, convergence, labels alone",
        ),
        ("scaling", "slurm", {"enabled": True}, "config.devices.distributed.enabled must be false with a launcher"),
        ("exam", "here", {"enabled": True}, "config.devices.distributed.enabled must be false for the stage exam"),
        ("scaling", "here", {"enabled": True, "process_id": 1}, "given with coordinator, num_processes and process_id"),
        (
            "scaling",
            "here",
            {"coordinator": "host:1", "num_processes": 2, "process_id": 1},
            "config.devices.distributed.enabled must be true where a coordinator is named",
        ),
    ],
)
def test_impossible_scale_out_is_named(stage, launcher, distributed, message):
    config = config_lib.default()
    config.stage, config.launcher = stage, launcher
    config.devices.distributed.update(distributed)
    with pytest.raises(ValueError, match=re.escape(message)):
        scaling.study_settings(config_lib.resolve(config))


def test_arm_overrides_only_what_it_says():
    config = config_lib.default()
    config.arms = {"plain": {}, "wide": {"model": {"cutoff": 7.0}, "grid": {"seeds": (5,)}}}
    arms = dict(config_lib.arm_settings(config_lib.resolve(config)))
    assert arms["plain"].model.cutoff == config.model.cutoff
    assert arms["wide"].model.cutoff == 7.0
    assert arms["wide"].model.num_layers == config.model.num_layers
    assert tuple(arms["wide"].grid.seeds) == (5,)
    assert tuple(arms["wide"].grid.rungs) == tuple(config.grid.rungs)


def test_records_of_an_arm_hold_its_own_data_and_training():
    config = config_lib.default()
    config.arms = {
        "plain": {},
        "other": {"data": {"include_isolated_atoms": True, "split_seed": 3}, "train": {"energy_weight": 77.0}},
    }
    settings = scaling.study_settings(config_lib.resolve(config))
    other, plain = settings.arms  # by name
    assert other.training_set.include_isolated_atoms
    assert not plain.training_set.include_isolated_atoms
    assert (plain.split.split_seed, other.split.split_seed) == (0, 3)
    assert (plain.training.energy_weight, other.training.energy_weight) == (config.train.energy_weight, 77.0)
    assert dataclasses.replace(other.training, energy_weight=config.train.energy_weight) == plain.training


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ({"eval": {"every": 10}}, "config.arms.odd must be made of the sections data, model, grid, train; got 'eval'."),
        ({"train": {"stepss": 10}}, "config.arms.odd.train must be made of keys of config.train"),
        ({"train": {"steps": 150}}, "config.eval.every (arm odd) must be a divisor of train.steps (150); got 200."),
        ({"train": {"force_weight": -1.0}}, "arm odd: config.train.force_weight must be"),
        ({"data": {"pinned_share": 2.0}}, "arm odd: config.data.pinned_share must be between 0 and 1; got 2.0."),
    ],
)
def test_impossible_setting_of_one_arm_among_several_is_named_with_it(arm, message):
    config = config_lib.default()
    config.arms = {"plain": {}, "odd": arm}
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        scaling.study_settings(config_lib.resolve(config))
    assert "\n" not in str(caught.value)


def test_record_of_every_section_holds_what_the_settings_say():
    config = config_lib.default()
    config.train.steps_per_call, config.eval.every, config.checkpoint.keep = 10, 100, 5
    config.data.pinned_share = 0.05
    settings = scaling.study_settings(config_lib.resolve(config))
    (arm,) = settings.arms
    assert (arm.training.steps_per_call, settings.evaluation.every, settings.checkpoint.keep) == (10, 100, 5)
    assert arm.training.force_huber_ev_per_angstrom == config.train.force_huber_ev_per_angstrom
    assert (arm.dataset, arm.split.elements) == (config.data.dataset, tuple(config.data.elements))
    assert arm.split.max_held_out == config.data.max_held_out
    assert (arm.training_set.pinned_share, arm.training_set.include_h2_equilibrium) == (0.05, True)
    assert settings.devices.distributed.process_id == config.devices.distributed.process_id
    assert settings.arms[0].grid.num_features == tuple(config.grid.num_features)
    assert settings.cluster.launcher == "here"


def test_impossible_grid_of_one_arm_among_several_is_named_with_it():
    config = config_lib.default()
    config.arms = {"plain": {}, "odd": {"grid": {"seeds": (0, 0)}}}
    message = "arm odd: config.grid.seeds must be free of repeated values; got (0, 0)."
    with pytest.raises(ValueError, match=re.escape(message)):
        scaling.study_settings(config_lib.resolve(config))


def test_arm_with_an_unknown_key_is_refused():
    config = config_lib.default()
    config.arms = {"odd": {"model": {"cutof": 7.0}}}
    with pytest.raises(ValueError, match=r"config.arms.odd.model must be made of keys of config.model.*got 'cutof'"):
        config_lib.resolve(config)


def test_flatten_gives_dotted_json_keys():
    flat = config_lib.flatten(config_lib.default())
    assert flat["model.cutoff"] == 5.0
    assert flat["grid.seeds"] == [0, 1]


@pytest.mark.parametrize(("typo", "meant"), [("model.cutof", "model.cutoff"), ("modle.cutoff", "model.cutoff")])
def test_closest_key_finds_what_was_meant(typo, meant):
    assert config_lib.closest_key(config_lib.default(), typo) == meant
