"""Assembly of a dataset from finished tasks: energies relative to isolated atoms, leaks left out and counted."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from h2scale import elements
from h2scale.data import dataset as dataset_lib
from h2scale.data import leaks, rungs
from h2scale.errors import InputError
from h2scale.labels import geometries, repeated, store
from h2scale.labels import recipe as recipe_lib


class Assembled(NamedTuple):
    """A dataset, the labels that could not be made, and the number of structures left out by cause."""

    dataset: dataset_lib.Dataset
    failures: list[store.Failure]
    dropped: Counter[str]


def assemble(folder: Path, recipe: recipe_lib.Recipe, versions: Mapping[str, str | None]) -> Assembled:
    """Join the finished tasks of a campaign in the order of its plan, so that equal campaigns give equal datasets.

    Args:
        folder: of the campaign.
        recipe: of the campaign.
        versions: of the programs, for the manifest.

    Raises:
        InputError: nothing is finished, an isolated atom is missing, or a result is damaged.
    """
    tasks = recipe_lib.plan(recipe)
    finished = [task for task in tasks if store.is_finished(folder, task.key)]
    results = {task.key: store.load(folder, task.key) for task in finished}
    unstable = _unstable_minima(finished, results)
    of_other_datasets = {task.key for task in finished if task.kind == "known_minimum"}
    parts = _parts({key: result for key, result in results.items() if key not in of_other_datasets}, unstable)
    if not parts:
        raise InputError(f"{folder} holds no label yet; let the campaign run first.")
    failures = [failure for result in results.values() for failure in result.failures]
    for key, index in sorted(unstable):
        name = results[key].structures[index].molecule
        failures.append(store.Failure("imaginary mode", name, "not a minimum at the label level"))
    joined, leaking = _without_leaks(_join([*parts, _bare_proton(recipe)] if any(recipe.ions) else parts))
    dropped = Counter({"would leak the H2 curve": leaking})
    if recipe.teacher == recipe_lib.COUPLED_CLUSTER:
        kept = repeated.first_of_each(joined)
        dropped["the minimum of an earlier molecule"] = len(joined) - len(kept)
        joined = joined.select(np.array(kept))
    atoms = _isolated_atoms(joined)
    references = np.full(128, np.nan)
    for number, energy in atoms.items():
        references[number] = energy
    sums = np.add.reduceat(references[joined.atomic_numbers], joined.atom_offset)
    manifest = _manifest(recipe, atoms, failures, dropped, len(finished), len(tasks), versions)
    relative = dataset_lib.Dataset(
        **{name: getattr(joined, name) for name in _COLUMNS if name != "energy"},
        energy=joined.energy - sums,
        manifest=manifest,
    )
    return Assembled(relative, failures, dropped)


_COLUMNS = (*dataset_lib.ATOM_COLUMNS, *dataset_lib.NUMBER_COLUMNS, *dataset_lib.TEXT_COLUMNS)


def _join(parts: Sequence[dataset_lib.Dataset]) -> dataset_lib.Dataset:
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    return dataset_lib.Dataset(**columns, manifest={})


def _bare_proton(recipe: recipe_lib.Recipe) -> dataset_lib.Dataset:
    """H+, which has no electrons and no energy. Two of them belong to the exam and are never a label."""
    zeros = np.zeros((1, 3))
    return dataset_lib.Dataset(
        atomic_numbers=np.array([1], np.int32),
        positions=zeros,
        forces=zeros,
        n_atoms=np.array([1], np.int32),
        energy=np.zeros(1),
        charge=np.array([1], np.int32),
        spin_multiplicity=np.array([1], np.int32),
        spin_squared=np.zeros(1),
        rung=np.array([rungs.ION]),
        regime=np.array(["ion"]),
        molecule=np.array(["[H+]"]),
        teacher=np.array([recipe.level_name]),
        convergence=np.array(["no electrons"]),
        manifest={},
    )


def _unstable_minima(tasks: Sequence[recipe_lib.Task], results: Mapping[str, store.Result]) -> set[tuple[str, int]]:
    """Key of the task and index of structures whose lowest vibration shows that they are no minima."""
    return {
        (task.parent, int(name.rsplit("_", 1)[1]))
        for task in tasks
        if task.kind == "lowest_mode" and task.parent is not None
        for name, quantum in results[task.key].extras.items()
        if quantum < geometries.IMAGINARY_EV
    }


def _parts(results: Mapping[str, store.Result], unstable: Set[tuple[str, int]]) -> list[dataset_lib.Dataset]:
    """Structures of each task that has any, without the unstable ones."""
    parts = []
    for key, result in results.items():
        structures = result.structures
        if isinstance(structures, dataset_lib.Dataset):
            kept = [index for index in range(len(structures)) if (key, index) not in unstable]
            parts.append(structures if len(kept) == len(structures) else structures.select(np.array(kept, int)))
    return parts


def _without_leaks(joined: dataset_lib.Dataset) -> tuple[dataset_lib.Dataset, int]:
    """Leave out structures below rung `h2` with an H2 apart from all else and off its bond length; count them."""
    owner, distance = leaks.h2_pairs(joined)
    low, high = leaks.BOND_LENGTH_WINDOW_ANGSTROM
    ladder = np.isin(joined.rung, ("equilibrium", "thermal", "stretched", rungs.HYDROGEN_PAIR))
    leaking = np.unique(owner[ladder[owner] & ((distance < low) | (distance > high))])
    if not leaking.size:
        return joined, 0
    return joined.select(np.setdiff1d(np.arange(len(joined)), leaking)), int(leaking.size)


def _isolated_atoms(joined: dataset_lib.Dataset) -> dict[int, float]:
    """Energy of each neutral isolated atom, by atomic number, in eV."""
    atoms = np.flatnonzero(joined.rung == rungs.ATOM)
    found = {int(joined.atomic_numbers[joined.atom_offset[i]]): float(joined.energy[i]) for i in atoms}
    missing = sorted(set(np.unique(joined.atomic_numbers).tolist()) - set(found))
    if missing:
        symbols = ", ".join(elements.SYMBOLS[number] for number in missing)
        raise InputError(f"the isolated atoms of {symbols} are not labelled yet; energies have no zero without them.")
    return dict(sorted(found.items()))


def _manifest(
    recipe: recipe_lib.Recipe,
    atoms: Mapping[int, float],
    failures: Sequence[store.Failure],
    dropped: Mapping[str, int],
    finished: int,
    planned: int,
    versions: Mapping[str, str | None],
) -> dict[str, Any]:
    common = {
        "level": recipe.level_name,
        "units": {"positions": "angstrom", "energy": "eV", "forces": "eV/angstrom", "constants": "CODATA 2018"},
        "energy_zero": "isolated atoms of isolated_atom_energies_ev at the same level",
        "isolated_atom_energies_ev": {elements.SYMBOLS[z]: energy for z, energy in atoms.items()},
        "equilibrium_criterion": "largest force on an atom below 0.05 eV/angstrom, bond graph intact",
        "programs": dict(versions),
        "seed": recipe.seed,
        "recipe_versions": {**recipe_lib.VERSIONS, "others": recipe_lib.FIRST_VERSION},
        "tasks_finished": finished,
        "tasks_planned": planned,
        "failures": dict(Counter(failure.cause for failure in failures).most_common()),
        "dropped": {cause: number for cause, number in dropped.items() if number},
    }
    if recipe.teacher == recipe_lib.TIGHT_BINDING:
        return common | {
            "method": "GFN2-xTB (tblite), electronic temperature 300 K",
            "limits": "one conformer a molecule; a tight-binding method breaks bonds without regard to spin",
        }
    if recipe.teacher == recipe_lib.COUPLED_CLUSTER:
        return common | _of_coupled_cluster(recipe)
    return common | {
        "functional": recipe.functional,
        "basis": recipe.basis,
        "method": (
            f"Kohn-Sham, density fitting with the default auxiliary basis, grid level {recipe.grid_level}, "
            "energies converged to 1e-8 hartree"
        ),
        "spin": (
            "lowest of the solutions reached from several starts; restricted solutions are tested for stability "
            "where the gap is below 0.25 hartree, all others always"
        ),
        "convergence": "every label is converged; what did not converge is counted under failures",
        "limits": (
            "a lower solution than the lowest found cannot be ruled out; scans with a jump that no change of <S^2> "
            "explains are left out and counted; stretched triplet O2 ends 0.78 eV above two atoms, which together no "
            "single determinant of a triplet describes; the orientation of the open p shell of an isolated atom is "
            "settled to some 0.3 meV; of a few scaled molecules a solution up to 0.04 eV lower is known"
        ),
    }


def _of_coupled_cluster(recipe: recipe_lib.Recipe) -> dict[str, Any]:
    return {
        "basis": recipe.cluster_basis,
        "has_forces": False,
        "method": (
            "CCSD(T), 1s of C, N, O, F frozen, on the restricted Hartree-Fock field, for open shells on the restricted "
            "open-shell one with semicanonical orbitals; amplitudes converged to 1e-5, energies to 1e-8 hartree"
        ),
        "geometries": (
            f"minima at {recipe.functional}/{recipe.basis}: closed shells those of {recipe.minima}, radicals and "
            "carbenes relaxed from their lowest GFN2-xTB minimum, bonds as in the graph"
        ),
        "convergence": "every label is converged; what did not converge is counted under failures",
        "diagnostics": (
            "of every structure, in `convergence`: kind of field, T1 diagnostic, <S^2> of the lowest unrestricted "
            "field, which is above the pure value where the restricted one is unstable"
        ),
        "excluded": "H2, H3, H4, HF, N2, F2, LiH, BH, H2O, CH4, whose curves judge; no bond is broken",
        "limits": (
            "a T1 diagnostic above 0.02 (closed shells) or 0.03 (open ones) says that one configuration does not "
            "dominate and CCSD(T) errs; the lowest vibration of radicals and carbenes was not tested at the "
            "geometries' level; carbenes are labelled as triplets, whether or not that is their ground state"
        ),
    }
