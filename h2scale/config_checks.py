"""What each setting may be: `config.resolve` asks here before anything is made of the settings."""

from collections.abc import Iterable
from typing import Any

from ml_collections import ConfigDict

STAGES = ("scaling", "baselines", "labels", "exam", "benchmark")
LAUNCHERS = ("here", "local", "slurm")
_STAGES_WITH_JOBS = ("scaling", "labels")
SIZES = ("smoke", "default", "full")


def check(config: ConfigDict, default: ConfigDict, arms: Iterable[tuple[str, ConfigDict]]) -> None:
    """Raises ValueError for the first setting that cannot be: its name, what arrived and what would be right.

    Args:
        config: the settings.
        default: the settings that hold where an experiment says nothing.
        arms: each arm's name with its own `model` and `grid`.
    """
    _require(config.stage in STAGES, "stage", config.stage, f"one of {', '.join(STAGES)}")
    _require(config.size in SIZES, "size", config.size, f"one of {', '.join(SIZES)}")
    for name in config.arms:
        _check_keys(config, f"arms.{name}")
    for name, arm in arms:
        where = "" if len(config.arms) == 1 else f" (arm {name})"
        hidden = arm.model.radial_hidden_per_feature
        _require(hidden > 0, f"model.radial_hidden_per_feature{where}", hidden, "positive")
        _check_grid(arm.grid, f"grid{where}")
        _check_steps(arm.grid.steps, config.eval.every, f"grid.steps{where}")
    _check_data(config.data)
    _check_train(config)
    _check_exam(config.exam, default)
    _check_scale_out(config)
    _check_benchmark(config.benchmark)


def _require(holds: bool, key: str, value: Any, right: str) -> None:
    if not holds:
        raise ValueError(f"config.{key} must be {right}; got {value!r}.")


def _check_keys(config: ConfigDict, where: str) -> None:
    arm = config.arms[where.split(".", 1)[1]]
    for section in arm:
        _require(section in ("model", "grid"), where, section, "made of the sections model and grid")
        for key in arm[section]:
            _require(
                key in config[section],
                f"{where}.{section}",
                key,
                f"made of keys of config.{section}: {list(config[section])}",
            )


def _check_grid(grid: ConfigDict, where: str) -> None:
    for key in ("num_features", "num_train", "rungs", "seeds", "learning_rates", "weight_decays", "steps"):
        values = grid[key]
        may_be_empty = key in ("weight_decays", "steps")
        _require(len(values) > 0 or may_be_empty, f"{where}.{key}", values, "a list of at least one value")
        _require(len(set(values)) == len(values), f"{where}.{key}", values, "free of repeated values")
    for key in ("num_features", "num_train", "seeds"):
        least = 0 if key == "seeds" else 1
        _require(
            all(isinstance(value, int) and value >= least for value in grid[key]),
            f"{where}.{key}",
            grid[key],
            f"whole numbers of at least {least}",
        )
    _require(
        all(isinstance(rate, int | float) and rate > 0 for rate in grid.learning_rates),
        f"{where}.learning_rates",
        grid.learning_rates,
        "positive numbers",
    )
    _require(
        all(isinstance(decay, int | float) and decay >= 0 for decay in grid.weight_decays),
        f"{where}.weight_decays",
        grid.weight_decays,
        "numbers of zero or more",
    )
    _require(grid.width_spread >= 1, f"{where}.width_spread", grid.width_spread, "at least 1")
    _require(all(isinstance(rung, str) for rung in grid.rungs), f"{where}.rungs", grid.rungs, "names of rungs")


def _check_steps(steps: tuple[int, ...], every: int, where: str) -> None:
    _require(
        all(isinstance(count, int) and count >= 1 and count % every == 0 for count in steps),
        where,
        steps,
        f"whole multiples of eval.every ({every})",
    )


def _check_exam(exam: ConfigDict, default: ConfigDict) -> None:
    known = default.exam.sections
    _require(
        len(set(exam.sections)) == len(exam.sections) and set(exam.sections) <= set(known),
        "exam.sections",
        exam.sections,
        f"some of {', '.join(known)}",
    )
    for key in ("load_seconds", "answer_seconds", "model_seconds"):
        _require(exam[key] > 0, f"exam.{key}", exam[key], "positive")
    _require(exam.workers >= 1, "exam.workers", exam.workers, "at least 1")


def _check_scale_out(config: ConfigDict) -> None:
    _require(config.launcher in LAUNCHERS, "launcher", config.launcher, f"one of {', '.join(LAUNCHERS)}")
    _require(
        config.launcher == "here" or config.stage in _STAGES_WITH_JOBS,
        "launcher",
        config.launcher,
        f"here for the stage {config.stage}: only {' and '.join(_STAGES_WITH_JOBS)} are made of jobs",
    )
    _require(
        config.stage == "scaling" or not config.devices.distributed.enabled,
        "devices.distributed.enabled",
        True,
        f"false for the stage {config.stage}, which runs in one process",
    )
    cluster, distributed = config.cluster, config.devices.distributed
    batches, sharing = config.train.batches_per_step, config.devices.data_parallel
    _require(batches >= 1, "train.batches_per_step", batches, "at least 1")
    _require(
        sharing >= 1 and batches % sharing == 0,
        "devices.data_parallel",
        sharing,
        f"a divisor of train.batches_per_step ({batches})",
    )
    _require(cluster.minutes >= 1, "cluster.minutes", cluster.minutes, "at least 1")
    for key in ("cpus", "gpus", "memory_gb", "jobs_at_once", "retries"):
        _require(cluster[key] >= 0, f"cluster.{key}", cluster[key], "zero or more")
    _require(
        config.launcher == "here" or not distributed.enabled,
        "devices.distributed.enabled",
        True,
        "false with a launcher: jobs of one process each are what it starts",
    )
    told = distributed.coordinator != "", distributed.num_processes > 0, distributed.process_id >= 0
    _require(
        all(told) or not any(told),
        "devices.distributed",
        distributed.to_dict(),
        "given with coordinator, num_processes and process_id, or with none of them where the environment tells",
    )
    _require(
        not any(told) or distributed.enabled,
        "devices.distributed.enabled",
        distributed.enabled,
        "true where a coordinator is named",
    )


def _check_benchmark(benchmark: ConfigDict) -> None:
    for key in ("num_molecules", "replicas"):
        values = benchmark[key]
        _require(
            len(values) > 0 and all(isinstance(value, int) and value >= 1 for value in values),
            f"benchmark.{key}",
            values,
            "whole numbers of at least 1",
        )
    _require(
        len(benchmark.models) > 0 and all(len(model) == 2 for model in benchmark.models),
        "benchmark.models",
        benchmark.models,
        "pairs of num_features and l_max",
    )
    for key in ("max_molecules", "population_molecules", "radial_hidden"):
        _require(benchmark[key] >= 1, f"benchmark.{key}", benchmark[key], "at least 1")
    _require(benchmark.steps >= 5, "benchmark.steps", benchmark.steps, "at least 5")
    _require(benchmark.seconds > 0, "benchmark.seconds", benchmark.seconds, "positive")


def _check_data(data: ConfigDict) -> None:
    for key in ("test_fraction", "validation_fraction"):
        _require(0 < data[key] < 0.5, f"data.{key}", data[key], "between 0 and 0.5")


def _check_train(config: ConfigDict) -> None:
    train = config.train
    _require(train.steps >= 1, "train.steps", train.steps, "at least 1")
    _require(train.structures_per_batch >= 1, "train.structures_per_batch", train.structures_per_batch, "at least 1")
    _require(train.steps_per_call >= 1, "train.steps_per_call", train.steps_per_call, "at least 1")
    _require(0 <= train.warmup_fraction < 1, "train.warmup_fraction", train.warmup_fraction, "from 0 up to 1")
    _require(0 <= train.ema_decay < 1, "train.ema_decay", train.ema_decay, "from 0 up to 1")
    for key in ("energy_huber_ev_per_atom", "force_huber_ev_per_angstrom", "gradient_clip"):
        _require(train[key] > 0, f"train.{key}", train[key], "positive")
    for key in ("energy_weight", "force_weight", "weight_decay"):
        _require(train[key] >= 0, f"train.{key}", train[key], "zero or more")
    _require(
        train.energy_weight + train.force_weight > 0,
        "train.energy_weight",
        0.0,
        "positive where train.force_weight is 0",
    )
    every = config.eval.every
    _require(every >= 1, "eval.every", every, "at least 1")
    _require(train.steps % every == 0, "eval.every", every, f"a divisor of train.steps ({train.steps})")
    _require(
        every % train.steps_per_call == 0,
        "train.steps_per_call",
        train.steps_per_call,
        f"a divisor of eval.every ({every})",
    )
    _require(config.checkpoint.keep >= 1, "checkpoint.keep", config.checkpoint.keep, "at least 1")
    _require(
        config.checkpoint.every >= every and config.checkpoint.every % every == 0,
        "checkpoint.every",
        config.checkpoint.every,
        f"a multiple of eval.every ({every})",
    )
    for key in ("cpu_devices", "replicas_at_once"):
        _require(config.devices[key] >= 0, f"devices.{key}", config.devices[key], "0 (automatic) or more")
    _require(config.report.num_bootstrap >= 100, "report.num_bootstrap", config.report.num_bootstrap, "at least 100")
