"""Settings: an impossible one is refused by name, and arms override only what they say."""

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
        ({"grid__num_train": (0,)}, "config.grid.num_train must be whole numbers of at least 1; got (0,)."),
        ({"grid__seeds": ()}, "config.grid.seeds must be a list of at least one value; got ()."),
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
        ("exam", "slurm", {}, "config.launcher must be here for the stage exam: only scaling and labels are made of"),
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
    config.arms = {"plain": {"model": {}, "grid": {}}, "wide": {"model": {"cutoff": 7.0}, "grid": {"seeds": (5,)}}}
    arms = dict(config_lib.arm_settings(config_lib.resolve(config)))
    assert arms["plain"].model.cutoff == config.model.cutoff
    assert arms["wide"].model.cutoff == 7.0
    assert arms["wide"].model.num_layers == config.model.num_layers
    assert tuple(arms["wide"].grid.seeds) == (5,)
    assert tuple(arms["wide"].grid.rungs) == tuple(config.grid.rungs)


def test_record_of_every_section_holds_what_the_settings_say():
    config = config_lib.default()
    config.train.steps_per_call, config.eval.every, config.checkpoint.keep = 10, 100, 5
    settings = scaling.study_settings(config_lib.resolve(config))
    assert (settings.training.steps_per_call, settings.evaluation.every, settings.checkpoint.keep) == (10, 100, 5)
    assert settings.training.force_huber_ev_per_angstrom == config.train.force_huber_ev_per_angstrom
    assert settings.split.max_held_out == config.data.max_held_out
    assert settings.devices.distributed.process_id == config.devices.distributed.process_id
    assert settings.arms[0].grid.num_features == tuple(config.grid.num_features)
    assert settings.cluster.launcher == "here"


def test_impossible_grid_of_one_arm_among_several_is_named_with_it():
    config = config_lib.default()
    config.arms = {"plain": {"model": {}, "grid": {}}, "odd": {"model": {}, "grid": {"seeds": (0, 0)}}}
    message = "arm odd: config.grid.seeds must be free of repeated values; got (0, 0)."
    with pytest.raises(ValueError, match=re.escape(message)):
        scaling.study_settings(config_lib.resolve(config))


def test_arm_with_an_unknown_key_is_refused():
    config = config_lib.default()
    config.arms = {"odd": {"model": {"cutof": 7.0}, "grid": {}}}
    with pytest.raises(ValueError, match=r"config.arms.odd.model must be made of keys of config.model.*got 'cutof'"):
        config_lib.resolve(config)


def test_flatten_gives_dotted_json_keys():
    flat = config_lib.flatten(config_lib.default())
    assert flat["model.cutoff"] == 5.0
    assert flat["grid.seeds"] == [0, 1]


@pytest.mark.parametrize(("typo", "meant"), [("model.cutof", "model.cutoff"), ("modle.cutoff", "model.cutoff")])
def test_closest_key_finds_what_was_meant(typo, meant):
    assert config_lib.closest_key(config_lib.default(), typo) == meant
