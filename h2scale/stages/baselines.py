"""Physics without learning: curves of the methods, their errors, one figure."""

from pathlib import Path

import numpy as np
from ml_collections import FrozenConfigDict

from h2scale import config as config_lib
from h2scale.errors import InputError
from h2scale.physics import baselines, curves
from h2scale.report import baseline_figures, style
from h2scale.runtime import workdir


def run(config: FrozenConfigDict, folder: str) -> Path:
    """Writes the tables and the figure of the baselines; returns the workdir.

    Raises:
        InputError: a basis or method is not known, or the workdir is of another run.
    """
    path = workdir.open_workdir(folder, config_lib.flatten(config))
    settings = config.baselines
    try:
        rows = baselines.run_baselines(
            path,
            distances_angstrom=np.geomspace(*curves.H2_TEST_DISTANCES_ANGSTROM[[0, -1]], settings.num_distances),
            basis=settings.basis,
            fci_bases=settings.fci_bases,
            workers=settings.workers,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    style.save(baseline_figures.baseline_curves(rows), path / workdir.FIGURES_FOLDER, "baselines")
    print(f"{baselines.summary_markdown(rows)}\nTables and figure: {path}")
    return path
