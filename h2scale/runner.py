"""The order of the stages: which one an experiment runs, after JAX has been started.

data -> graphs -> population of each population -> rows in the workdir's tables -> fits -> report
"""

import os
from pathlib import Path

from ml_collections import FrozenConfigDict

from h2scale.errors import IncompleteError as IncompleteError
from h2scale.errors import InputError as InputError
from h2scale.runtime import devices
from h2scale.study import planning
from h2scale.study.training import Watch


def run(config: FrozenConfigDict, folder: str | None = None, watch: Watch | None = None) -> Path:
    """Runs the experiment, or what is left of it, and returns its workdir.

    Args:
        config: from `config.resolve`.
        folder: the workdir; runs/<experiment>-<size> if not given.
        watch: called with every evaluation during training, e.g. to draw it.

    Raises:
        InputError: a setting, dataset or workdir cannot be used; one line that says which and why. Nothing has been
            written then.
        IncompleteError: everything is written, but an examined model left questions unanswered or a job has failed.
    """
    devices.configure(planning.device_settings(config))
    folder = folder or os.path.join("runs", f"{config.experiment}-{config.size}")
    stages = {"scaling": _scaling, "baselines": _baselines, "labels": _labels, "exam": _exam, "benchmark": _benchmark}
    return stages[config.stage](config, folder, watch)


# Each stage is imported when it runs: a study needs neither PySCF nor ASE nor, before its end, matplotlib.


def _scaling(config: FrozenConfigDict, folder: str, watch: Watch | None) -> Path:
    from h2scale.stages import scaling

    return scaling.run(config, folder, watch)


def _baselines(config: FrozenConfigDict, folder: str, watch: Watch | None) -> Path:
    from h2scale.stages import baselines

    del watch  # nothing is trained
    return baselines.run(config, folder)


def _labels(config: FrozenConfigDict, folder: str, watch: Watch | None) -> Path:
    from h2scale.stages import labels

    del watch  # nothing is trained
    return labels.run(config, folder)


def _exam(config: FrozenConfigDict, folder: str, watch: Watch | None) -> Path:
    from h2scale.stages import exam

    del watch  # nothing is trained
    return exam.run(config, folder)


def _benchmark(config: FrozenConfigDict, folder: str, watch: Watch | None) -> Path:
    from h2scale.stages import benchmark

    del watch  # nothing is trained to its end
    return benchmark.run(config, folder)
