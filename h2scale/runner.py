"""Dispatch of an experiment to its stage; the only module below the command line that sees every stage's settings.

A scaling study goes data -> graphs -> populations of replicas -> rows of the workdir's tables -> fits -> report.
"""

import os
from pathlib import Path

from ml_collections import FrozenConfigDict

from h2scale import setting_checks
from h2scale.errors import IncompleteError as IncompleteError
from h2scale.errors import InputError as InputError
from h2scale.runtime import devices
from h2scale.study.training import Watch


def run(config: FrozenConfigDict, folder: str | None = None, watch: Watch | None = None) -> Path:
    """Run the experiment, or what is left of it, and return its workdir.

    Args:
        config: from `config.resolve`.
        folder: the workdir; runs/EXPERIMENT-SIZE if not given.
        watch: called with every evaluation during training, e.g. to draw it.

    Raises:
        InputError: a setting, dataset or workdir cannot be used; one line that says which and why. Nothing has been
            written then.
        IncompleteError: everything is written, but an examined model has no number for some queries or a job has
            failed.
    """
    folder = folder or os.path.join("runs", f"{config.experiment}-{config.size}")
    if config.stage in setting_checks.TRAINING_STAGES:
        return _scaling(config, folder, watch)
    devices.configure(devices.DeviceSettings.from_section(config.devices))
    stages = {
        "baselines": _baselines,
        "labels": _labels,
        "exam": _exam,
        "benchmark": _benchmark,
        "remedies": _remedies,
    }
    return stages[config.stage](config, folder)


# Each stage is imported when it runs: a study needs neither PySCF nor ASE nor, before its end, matplotlib.


def _scaling(config: FrozenConfigDict, folder: str, watch: Watch | None) -> Path:
    from h2scale.stages import scaling

    settings = scaling.study_settings(config)  # checked before JAX starts
    devices.configure(settings.devices)
    return scaling.run(config, settings, folder, watch)


def _baselines(config: FrozenConfigDict, folder: str) -> Path:
    from h2scale.stages import baselines

    return baselines.run(config, folder)


def _labels(config: FrozenConfigDict, folder: str) -> Path:
    from h2scale.stages import labels

    return labels.run(config, folder)


def _exam(config: FrozenConfigDict, folder: str) -> Path:
    from h2scale.stages import exam

    return exam.run(config, folder)


def _remedies(config: FrozenConfigDict, folder: str) -> Path:
    from h2scale.stages import remedies

    return remedies.run(config, folder)


def _benchmark(config: FrozenConfigDict, folder: str) -> Path:
    from h2scale.stages import benchmark

    return benchmark.run(config, folder)
