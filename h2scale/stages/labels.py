"""The labelling stage: runs the campaign, then writes the dataset, its card and a table of failures."""

import dataclasses
import re
from pathlib import Path

import numpy as np
from ml_collections import FrozenConfigDict

from h2scale import config as config_lib
from h2scale.data import storage
from h2scale.errors import InputError
from h2scale.judge import feature_files
from h2scale.labels import assembly, campaign, card, cluster_features, molecules, store
from h2scale.labels import recipe as recipe_lib
from h2scale.runtime import cluster, files, tables, workdir

CARD, FAILURES = "data_card.md", "failures.csv"
_PROGRAMS = ("pyscf", "rdkit", "tblite", "numpy")


def run(config: FrozenConfigDict, folder: str) -> Path:
    """Do the tasks that have no result yet, assemble the dataset and return the workdir.

    Raises:
        InputError: a setting cannot be used, a package is missing, the workdir is of another run, or a worker stopped.
    """
    missing = [name for name in ("rdkit", "tblite") if workdir.installed_version(name) is None]
    if missing:
        raise InputError(f"labels need {' and '.join(missing)}; install by pip install 'h2scale[labels]'.")
    recipe = make_recipe(config)
    path = workdir.open_workdir(folder, config_lib.flatten(config))
    settings = None
    if config.launcher != "here":
        settings = cluster.ClusterSettings(launcher=config.launcher, **config.cluster.to_dict())
    summary = campaign.run_campaign(
        path, recipe, workers=config.labels.workers, settings=settings, minutes=config.labels.minutes
    )
    assembled = assembly.assemble(path, recipe, {name: workdir.installed_version(name) for name in _PROGRAMS})
    name = dataset_name(recipe.level_name)
    output = path / f"{name}.h5"
    storage.save_dataset(output, assembled.dataset)
    if recipe.teacher == recipe_lib.COUPLED_CLUSTER:
        feature_files.save(path / f"{name}_features.hdf5", cluster_features.assemble(path, recipe))
    files.write_text(path / CARD, card.data_card(assembled.dataset, name))
    (path / FAILURES).unlink(missing_ok=True)
    tables.append_rows(path / FAILURES, store.Failure._fields, [failure._asdict() for failure in assembled.failures])
    hours = summary.core_seconds / 3600
    print(
        f"{summary.tasks_done} of {summary.tasks} tasks, {len(assembled.dataset)} structures, "
        f"{sum(summary.failures.values())} failures, {hours:.2f} core hours.\nDataset: {output}\nCard: {path / CARD}"
    )
    return path


def dataset_name(level: str) -> str:
    """Name that files of a level of theory go by: `pbe0_def2svp`, `pbe0_631ppgss` for PBE0/6-31++G**."""
    return re.sub("[-()]", "", level).translate(str.maketrans("/+*", "_ps"))


def make_recipe(config: FrozenConfigDict) -> recipe_lib.Recipe:
    """Return the recipe of the campaign that the settings ask for.

    Raises:
        InputError: a teacher, functional, basis or SMILES that cannot be.
    """
    labels = config.labels
    if labels.teacher not in recipe_lib.TEACHERS:
        raise InputError(f"config.labels.teacher must be 'dft', 'gfn2' or 'ccsd(t)'; got {labels.teacher!r}.")
    if labels.teacher == recipe_lib.COUPLED_CLUSTER and not labels.minima:
        raise InputError("config.labels.minima must name a dataset: coupled cluster relaxes no molecule; got ''.")
    names = [field.name for field in dataclasses.fields(recipe_lib.Recipe)]
    recipe = recipe_lib.Recipe(**{name: getattr(labels, name) for name in names})
    try:
        for smiles in recipe.smiles:
            molecules.molecule(smiles)
        if recipe.teacher != recipe_lib.TIGHT_BINDING:
            _check_level(recipe)
    except ValueError as error:
        raise InputError(f"config.labels: {error}") from error
    return recipe


def _check_level(recipe: recipe_lib.Recipe) -> None:
    """Raise ValueError for a functional or basis that no task could be done with."""
    from h2scale.electronic_structure import kohn_sham
    from h2scale.labels import dft

    level = kohn_sham.Level(recipe.functional, recipe.basis, recipe.grid_level)
    dft.problem(dft.Species(("C",), 0, 3), np.zeros((1, 3)), level)
    dft.make_molecule(dft.Species(("C",), 0, 3), np.zeros((1, 3)), recipe.cluster_basis)
