"""Features of a coupled-cluster campaign, one row for each structure of its dataset, in the same order."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from h2scale.errors import InputError
from h2scale.judge import feature_files
from h2scale.labels import recipe as recipe_lib
from h2scale.labels import repeated, store

_ENERGY = "energy_"


def assemble(folder: Path, recipe: recipe_lib.Recipe) -> feature_files.FeatureSet:
    """Features and energies of every finished structure of the dataset that `assembly` makes.

    Raises:
        InputError: nothing is finished, or a result is damaged.
    """
    tasks = [task for task in recipe_lib.plan(recipe) if store.is_finished(folder, task.key)]
    further = {task.parent: task.key for task in tasks if task.kind == "cluster_functionals"}
    structures, geometries = [], []
    for task in tasks:
        result = store.load(folder, task.key)
        if task.kind != "cluster_functionals" and len(result.structures):
            extras = dict(result.extras)
            if task.key in further:
                extras |= store.load(folder, further[task.key]).extras
            structures.append(result.structures[0])
            geometries.append(_geometry(result, extras))
    if not geometries:
        raise InputError(f"{folder} holds no label yet; let the campaign run first.")
    geometries = [geometries[index] for index in repeated.first_of_each(structures)]
    return feature_files.join(geometries, feature_files.makers(recipe.cluster_basis))


def _geometry(result: store.Result, extras: Mapping[str, np.ndarray]) -> feature_files.Geometry:
    structure = result.structures[0]
    return feature_files.Geometry(
        name=structure.molecule,
        coordinate=float("nan"),
        atomic_numbers=structure.atomic_numbers,
        positions=structure.positions,
        charge=structure.charge,
        spin_multiplicity=structure.spin_multiplicity,
        energies={name.removeprefix(_ENERGY): float(v) for name, v in extras.items() if name.startswith(_ENERGY)},
        numbers={name: float(extras[name]) for name in feature_files.NUMBERS},
        tables=extras["tables"],
        atoms=extras["atoms"],
        minimal={name: array for name, array in extras.items() if name.startswith(("hf_", "pbe0_"))},
    )
