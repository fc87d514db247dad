"""Checks of settings that span sections, and of sections that no record is made of."""

from collections.abc import Mapping, Sequence

from ml_collections import ConfigDict

from h2scale.errors import require

STAGES = ("scaling", "tuning", "convergence", "baselines", "labels", "exam", "benchmark", "remedies")
LAUNCHERS = ("here", "local", "slurm")
SIZES = ("smoke", "default", "large", "full")
TRAINING_STAGES = ("scaling", "tuning", "convergence")
_STAGES_WITH_JOBS = (*TRAINING_STAGES, "labels")
RUNGS = (
    *("plain", "priors", "delta-gfn2", "delta-uhf", "delta-pbe0", "practical", "functional"),
    *("pairs", "pairs-dc", "pairs-dc-ap"),
)


def check(config: ConfigDict, arms: Mapping[str, ConfigDict], known_sections: Sequence[str]) -> None:
    """Check all of them.

    Args:
        config: all settings.
        arms: each arm's own sections by its name, of `config.arm_settings`.
        known_sections: of the exam.

    Raises:
        InputError: names the first setting that cannot be, what arrived and what would be right.
    """
    require(config.stage in STAGES, "stage", config.stage, f"one of {', '.join(STAGES)}")
    require(config.size in SIZES, "size", config.size, f"one of {', '.join(SIZES)}")
    _check_intervals(config, arms)
    _check_processes(config)
    _check_exam(config.exam, known_sections)
    _check_benchmark(config.benchmark)
    _check_remedies(config.remedies)
    arm = config.report.reference_arm
    require(not arm or arm in config.arms, "report.reference_arm", arm, f"empty or one of {', '.join(config.arms)}")
    require(config.report.num_bootstrap >= 100, "report.num_bootstrap", config.report.num_bootstrap, "at least 100")


def _check_intervals(config: ConfigDict, arms: Mapping[str, ConfigDict]) -> None:
    """Check that calls, evaluations, checkpoints and the end of training fall on the same steps."""
    every = config.eval.every
    for name, arm in arms.items():
        of_arm = "" if len(config.arms) == 1 else f" (arm {name})"
        steps, per_call = arm.train.steps, arm.train.steps_per_call
        require(_divides(every, steps), f"eval.every{of_arm}", every, f"a divisor of train.steps ({steps})")
        whole = all(isinstance(count, int) and count >= 1 and _divides(every, count) for count in arm.grid.steps)
        require(whole, f"grid.steps{of_arm}", arm.grid.steps, f"whole multiples of eval.every ({every})")
        right = f"a divisor of eval.every ({every})"
        require(_divides(per_call, every), f"train.steps_per_call{of_arm}", per_call, right)
        batches, sharing = arm.train.batches_per_step, config.devices.data_parallel
        right = f"a divisor of train.batches_per_step ({batches}){of_arm}"
        require(_divides(sharing, batches), "devices.data_parallel", sharing, right)
    between = config.checkpoint.every
    require(_divides(every, between), "checkpoint.every", between, f"a multiple of eval.every ({every})")


def _divides(divisor: int, number: int) -> bool:
    """Return whether it does; also where one of them is not positive, which its own record refuses."""
    return divisor < 1 or number < 1 or number % divisor == 0


def _check_processes(config: ConfigDict) -> None:
    """Check that stage, launcher and devices agree on the processes of the run."""
    launcher, distributed = config.launcher, config.devices.distributed.enabled
    require(launcher in LAUNCHERS, "launcher", launcher, f"one of {', '.join(LAUNCHERS)}")
    require(
        launcher == "here" or config.stage in _STAGES_WITH_JOBS,
        "launcher",
        launcher,
        f"here for the stage {config.stage}: {', '.join(_STAGES_WITH_JOBS)} alone are made of jobs",
    )
    require(
        config.stage in TRAINING_STAGES or not distributed,
        "devices.distributed.enabled",
        True,
        f"false for the stage {config.stage}, which runs in one process",
    )
    require(
        launcher == "here" or not distributed,
        "devices.distributed.enabled",
        True,
        "false with a launcher: jobs of one process each are what it starts",
    )


def _check_exam(exam: ConfigDict, known: Sequence[str]) -> None:
    require(
        len(set(exam.sections)) == len(exam.sections) and set(exam.sections) <= set(known),
        "exam.sections",
        exam.sections,
        f"some of {', '.join(known)}",
    )
    for key in ("load_seconds", "prediction_seconds", "model_seconds"):
        require(exam[key] > 0, f"exam.{key}", exam[key], "positive")
    require(exam.workers >= 1, "exam.workers", exam.workers, "at least 1")


def _check_remedies(remedies: ConfigDict) -> None:
    known = set(remedies.rungs) <= set(RUNGS) and len(set(remedies.rungs)) == len(remedies.rungs)
    require(known, "remedies.rungs", remedies.rungs, f"some of {', '.join(RUNGS)}, or empty")
    for key, least in (("widths", 0), ("num_train", 1), ("seeds", 0)):
        values = remedies[key]
        whole = len(set(values)) == len(values) > 0 and all(isinstance(v, int) and v >= least for v in values)
        require(whole, f"remedies.{key}", values, f"different whole numbers of at least {least}")
    for key in ("learning_rates", "weight_decays"):
        positive = len(remedies[key]) > 0 and all(value >= 0 for value in remedies[key])
        require(positive, f"remedies.{key}", remedies[key], "numbers of zero or more")
    require(remedies.steps >= 10, "remedies.steps", remedies.steps, "at least 10")
    require(remedies.cost_molecules >= 0, "remedies.cost_molecules", remedies.cost_molecules, "zero or more")
    require(
        remedies.structures_per_batch >= 1, "remedies.structures_per_batch", remedies.structures_per_batch, "positive"
    )


def _check_benchmark(benchmark: ConfigDict) -> None:
    for key in ("num_molecules", "replicas"):
        values = benchmark[key]
        whole = len(values) > 0 and all(isinstance(value, int) and value >= 1 for value in values)
        require(whole, f"benchmark.{key}", values, "whole numbers of at least 1")
    pairs = len(benchmark.models) > 0 and all(len(model) == 2 for model in benchmark.models)
    require(pairs, "benchmark.models", benchmark.models, "pairs of num_features and l_max")
    for key in ("max_molecules", "population_molecules", "radial_hidden"):
        require(benchmark[key] >= 1, f"benchmark.{key}", benchmark[key], "at least 1")
    require(benchmark.steps >= 5, "benchmark.steps", benchmark.steps, "at least 5")
    require(benchmark.seconds > 0, "benchmark.seconds", benchmark.seconds, "positive")
