"""Settings of a labelling campaign, and the tasks they stand for.

A task is small enough that losing one costs little, and named by a hash of all that decides its result: kind,
arguments, level of theory and version of the recipe. Tasks that build on another's result (displacements of a minimum)
are planned from the start; a worker takes them once their parent is finished.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from h2scale import elements
from h2scale.labels import geometries, known_minima, molecules
from h2scale.runtime import migration

FIRST_VERSION = 1
VERSIONS = {"scaled": 2, "curve": 2}
"""Versions of the kinds of tasks whose results have changed for the same arguments. After one is raised, tasks of that
kind and those that build on them are done again."""

DFT, TIGHT_BINDING, COUPLED_CLUSTER = "dft", "gfn2", "ccsd(t)"
TEACHERS = (DFT, TIGHT_BINDING, COUPLED_CLUSTER)

NEUTRAL_ATOMS = tuple(
    (symbol, elements.GROUND_MULTIPLICITIES[number]) for number, symbol in enumerate(elements.SYMBOLS[1:10], start=1)
)
"""Element, from hydrogen to fluorine, and spin multiplicity of the ground state."""
ATOMIC_IONS = (
    ("He", 1, 2), ("Li", 1, 1), ("Be", 1, 2), ("B", 1, 1), ("C", 1, 2), ("N", 1, 3), ("O", 1, 4), ("F", 1, 3),
    ("H", -1, 1), ("C", -1, 4), ("O", -1, 2), ("F", -1, 1),
)  # fmt: skip
"""Element, charge, spin multiplicity. The energy of a bare proton, which has no electrons, is zero."""

CURVES = (
    ("H", "C", 0, 2), ("H", "C", 0, 4), ("H", "N", 0, 3), ("H", "N", 0, 1), ("H", "O", 0, 2), ("H", "O", 0, 4),
    ("H", "F", 0, 1), ("H", "F", 0, 3), ("C", "C", 0, 1), ("C", "C", 0, 3), ("C", "N", 0, 2), ("C", "N", 0, 4),
    ("C", "O", 0, 1), ("C", "O", 0, 3), ("C", "F", 0, 2), ("C", "F", 0, 4), ("N", "N", 0, 1), ("N", "N", 0, 3),
    ("N", "O", 0, 2), ("N", "O", 0, 4), ("N", "F", 0, 3), ("N", "F", 0, 1), ("O", "O", 0, 3), ("O", "O", 0, 1),
    ("O", "F", 0, 2), ("O", "F", 0, 4), ("F", "F", 0, 1), ("F", "F", 0, 3), ("Li", "H", 0, 1), ("Li", "H", 0, 3),
    ("H", "H", 1, 2), ("He", "H", 1, 1),
)  # fmt: skip
"""Elements, charge, multiplicity of every whole curve but that of H2; of each system the ground state comes first."""

FIVE_ELEMENTS = frozenset({1, 6, 7, 8, 9})
"""Atomic numbers of the molecules whose bonds are compressed, whose hydrogens are pushed together, and which coupled
cluster labels: H, C, N, O, F."""

SMALLEST_SAMPLED = 5
"""Heavy atoms from which on graphs are too many to list."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of a campaign; tuples by size hold one entry per number of heavy atoms, from one up."""

    teacher: str  # dft, gfn2 or ccsd(t)
    functional: str
    basis: str
    grid_level: int
    seed: int
    smiles: tuple[str, ...]  # molecules to label; empty for all graphs of `max_heavy_atoms`, hydrides and diatomics
    max_heavy_atoms: int
    conformers: tuple[int, ...]
    thermal: tuple[int, ...]
    scans: tuple[int, ...]
    scaled: tuple[int, ...]
    ions: tuple[int, ...]  # geometries of the cation
    frequencies_up_to: int  # heavy atoms up to which minima must have no imaginary mode
    curve_points: int  # of every diatomic; 0 for no curves
    sampled: tuple[int, ...]  # tight binding: molecules to draw by size, from `SMALLEST_SAMPLED` heavy atoms up
    batch_size: int  # molecules of a task
    displaced_share: float
    displacements: int
    compressed: tuple[int, ...] = ()  # bonds of a molecule compressed to 0.26 to 0.5 of their length
    hydrogen_pairs: tuple[int, ...] = ()  # pairs of a molecule's hydrogens pushed together
    minima: str = ""  # a dataset whose minima are taken instead of relaxing molecules; empty for none
    cluster_basis: str = "cc-pvdz"  # of coupled cluster, at geometries of the functional and its own basis
    vertical_charges: tuple[int, ...] = ()  # charges that a molecule's first minimum is labelled with

    @property
    def level_name(self) -> str:
        """Name of the level of theory in datasets."""
        if self.teacher == COUPLED_CLUSTER:
            return f"ccsd(t)/{self.cluster_basis}"
        return f"{self.functional}/{self.basis}" if self.teacher == DFT else "gfn2-xtb"


class Task(NamedTuple):
    """One task of a campaign."""

    kind: str
    arguments: Mapping[str, Any]
    key: str
    stream: str  # seed of its random numbers: a hash like the key, without the version, so that geometries stay
    parent: str | None  # key of the task that this one builds on
    cost: float  # roughly proportional to its time; only the estimate of the time left depends on it


def make_task(recipe: Recipe, kind: str, arguments: Mapping[str, Any], parent: Task | None = None) -> Task:
    """Return a task with its key, the SHA-256 of all that its result depends on."""
    level = [recipe.teacher, recipe.functional, recipe.basis, recipe.grid_level, recipe.seed]
    if recipe.teacher == COUPLED_CLUSTER:
        level.append(recipe.cluster_basis)

    def digest(version: int, parent_digest: str | None) -> str:
        content = [version, kind, migration.hashed_arguments(arguments), level, parent_digest]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    return Task(
        kind=kind,
        arguments=arguments,
        key=digest(VERSIONS.get(kind, FIRST_VERSION), None if parent is None else parent.key),
        stream=digest(FIRST_VERSION, None if parent is None else parent.stream),
        parent=None if parent is None else parent.key,
        cost=_cost(kind, arguments),
    )


def _cost(kind: str, arguments: Mapping[str, Any]) -> float:
    smiles = arguments.get("smiles", "")
    if not isinstance(smiles, str):
        return len(smiles)
    size = 1.0 + sum(letter.isupper() for letter in smiles)
    if kind == "molecular_graphs":
        return 0.1 * arguments["number"]
    if kind == "known_minimum":
        return 0.1
    evaluations = {"lowest_mode": 12.0, "minimum": 6.0, "scan": 12.0, "scaled": 10.0, "curve": 40.0, "h2_curve": 30.0}
    evaluations |= {"cluster_minimum": 3.0, "cluster_radical": 10.0, "cluster_functionals": 4.0}
    evaluations |= {"compressed": 10.0, "hydrogen_pairs": 14.0}
    return evaluations.get(kind, float(arguments.get("number", 1))) * size**1.5


def plan(recipe: Recipe) -> list[Task]:
    """All tasks of a campaign, small molecules first, parents before what builds on them."""
    if recipe.teacher == TIGHT_BINDING:
        return list(_tight_binding_tasks(recipe))
    if recipe.teacher == COUPLED_CLUSTER:
        return list(_cluster_tasks(recipe))
    return list(_dft_tasks(recipe))


def _of_size(values: tuple[int, ...], heavy_atoms: int) -> int:
    return values[min(max(heavy_atoms, 1), len(values)) - 1] if values else 0


def _chosen_molecules(recipe: Recipe) -> list[str]:
    if recipe.smiles:
        return list(recipe.smiles)
    return [*molecules.HYDRIDES_AND_DIATOMICS, *molecules.enumerate_graphs(recipe.max_heavy_atoms)]


def _dft_tasks(recipe: Recipe) -> Iterator[Task]:
    for symbol, multiplicity in NEUTRAL_ATOMS:
        yield make_task(recipe, "atom", {"symbol": symbol, "charge": 0, "spin_multiplicity": multiplicity})
    if any(recipe.ions):
        for symbol, charge, multiplicity in ATOMIC_IONS:
            yield make_task(recipe, "atom", {"symbol": symbol, "charge": charge, "spin_multiplicity": multiplicity})
        yield make_task(recipe, "triatomic_hydrogen_cation", {})
    elif any(recipe.vertical_charges):
        for symbol, charge, multiplicity in ATOMIC_IONS:
            if charge in recipe.vertical_charges:
                arguments = {"symbol": symbol, "charge": charge, "spin_multiplicity": multiplicity}
                yield make_task(recipe, "atom", arguments)
    if recipe.curve_points:
        for part in ("train", "test"):
            yield make_task(recipe, "h2_curve", {"part": part})
        seen: set[tuple[str, str, int]] = set()
        for first, second, charge, multiplicity in CURVES:
            system = (first, second, charge)
            yield make_task(
                recipe,
                "curve",
                {
                    "symbols": [first, second],
                    "charge": charge,
                    "spin_multiplicity": multiplicity,
                    "points": recipe.curve_points,
                    "ground_state": system not in seen,
                },
            )
            seen.add(system)
    yield from _molecular_tasks(recipe)


def _molecular_tasks(recipe: Recipe) -> Iterator[Task]:
    """Minima and what builds on them, by size; of the two largest sizes the minima first, then all else in turn.

    The largest molecules take most of the time, and a campaign cut short should still hold some of everything.
    """
    by_size: dict[int, list[Task]] = {}
    for smiles in _chosen_molecules(recipe):
        size = molecules.heavy_atoms(smiles)
        parent = _minima(recipe, smiles, size)
        if parent is not None:
            by_size.setdefault(size, []).append(parent)
    sizes = sorted(by_size)
    displaced = {size: [t for parent in by_size[size] for t in _displacements(recipe, parent, size)] for size in sizes}
    for size in sizes[:-2]:
        yield from [*by_size[size], *displaced[size]]
    for size in sizes[-2:]:
        yield from by_size[size]
    yield from _interleaved([displaced[size] for size in sizes[-2:]])
    for size in sizes:
        for parent in by_size[size]:
            if size <= recipe.frequencies_up_to and parent.kind == "minimum":
                yield make_task(recipe, "lowest_mode", {"smiles": parent.arguments["smiles"]}, parent)


def _minima(recipe: Recipe, smiles: str, size: int) -> Task | None:
    """The task that relaxes a molecule or takes its minima from a dataset, or None if that does not hold it."""
    if not recipe.minima:
        return make_task(recipe, "minimum", {"smiles": smiles, "conformers": _of_size(recipe.conformers, size)})
    minima = known_minima.of_molecule(recipe.minima, smiles)
    if not minima:
        return None
    return make_task(recipe, "known_minimum", {"smiles": smiles, "digest": known_minima.digest(minima)})


def _interleaved(lists: Sequence[list[Task]]) -> list[Task]:
    """All lists in their order, each spread evenly over the whole."""
    places = [
        ((i + 0.5) / len(tasks), which, task) for which, tasks in enumerate(lists) for i, task in enumerate(tasks)
    ]
    return [task for _, _, task in sorted(places, key=lambda entry: entry[:2])]


def _displacements(recipe: Recipe, parent: Task, size: int) -> Iterator[Task]:
    """Tasks that build on a minimum; H2 is displaced only along its curve, which the rungs keep apart."""
    smiles = parent.arguments["smiles"]
    if smiles == "[H][H]":
        return
    for charge in recipe.vertical_charges:
        yield make_task(recipe, "vertical_ion", {"smiles": smiles, "charge": charge}, parent)
    mol = molecules.molecule(smiles)
    may_compress = FIVE_ELEMENTS.issuperset(mol.atomic_numbers)
    for kind, number, batch in (
        ("thermal", _of_size(recipe.thermal, size), 5),
        ("scan", _of_size(recipe.scans, size), 1),
        ("scaled", _of_size(recipe.scaled, size), 1),
        ("cation", _of_size(recipe.ions, size) if size <= len(recipe.ions) else 0, 10),
        ("compressed", _of_size(recipe.compressed, size) if may_compress else 0, 1),
        ("hydrogen_pairs", _of_size(recipe.hydrogen_pairs, size) if may_compress else 0, 1),
    ):
        for start in range(0, number, batch):
            arguments = {"smiles": smiles, "start": start, "number": min(batch, number - start)}
            if kind == "scan":
                arguments |= _bond_arguments(mol, start)
            yield make_task(recipe, kind, arguments, parent)


def _bond_arguments(mol: molecules.Molecule, turn: int) -> dict[str, Any]:
    """Arguments of a scan that say what is special about its bond; empty for most bonds, so that their keys stay."""
    cut = geometries.bond_to_cut(len(mol.atomic_numbers), mol.bonds, turn)
    if cut is None:
        return {}
    bond, side = cut
    marks: dict[str, Any] = {}
    if mol.bond_orders[mol.bonds.index(bond)] > 1:
        marks["multiple_bond"] = True
    if shells := geometries.count_isolated_open_p_shells(mol.atomic_numbers, side):
        marks["isolated_open_p_shells"] = shells
    return marks


def _tight_binding_tasks(recipe: Recipe) -> Iterator[Task]:
    yield make_task(recipe, "tight_binding_atoms", {})
    listed = _chosen_molecules(recipe)
    for start in range(0, len(listed), recipe.batch_size):
        arguments = {"smiles": listed[start : start + recipe.batch_size], "displacements": recipe.displacements}
        yield make_task(recipe, "tight_binding_listed", arguments)
    drawn = []
    for size, number in enumerate(recipe.sampled, SMALLEST_SAMPLED):
        for composition, share in molecules.compositions(size, number):
            arguments = {"composition": composition, "number": share}
            drawn.append(make_task(recipe, "molecular_graphs", arguments))
    yield from drawn
    for parent in drawn:
        for start in range(0, parent.arguments["number"], recipe.batch_size):
            arguments = {
                "start": start,
                "number": min(recipe.batch_size, parent.arguments["number"] - start),
                "displaced_share": recipe.displaced_share,
                "displacements": recipe.displacements,
            }
            yield make_task(recipe, "tight_binding_sampled", arguments, parent)


def _cluster_tasks(recipe: Recipe) -> Iterator[Task]:
    """Atoms, then molecules and radicals in a random order, so that what is finished is a fair sample at any time."""
    for symbol, multiplicity in NEUTRAL_ATOMS:
        yield make_task(recipe, "cluster_atom", {"symbol": symbol, "spin_multiplicity": multiplicity})
    tasks = []
    for smiles in _chosen_molecules(recipe):
        if not FIVE_ELEMENTS.issuperset(molecules.molecule(smiles).atomic_numbers):
            continue
        minima = known_minima.of_molecule(recipe.minima, smiles)
        for index in range(len(minima)):
            arguments = {"smiles": smiles, "index": index, "digest": known_minima.digest(minima)}
            tasks.append(make_task(recipe, "cluster_minimum", arguments))
    if not recipe.smiles:
        tasks += [
            make_task(recipe, "cluster_radical", {"smiles": smiles})
            for smiles in molecules.radicals(recipe.max_heavy_atoms)
        ]
    order = np.random.default_rng(recipe.seed).permutation(len(tasks))
    yield from (tasks[place] for place in order)
    for place in order:
        yield make_task(recipe, "cluster_functionals", {"smiles": tasks[place].arguments["smiles"]}, tasks[place])
