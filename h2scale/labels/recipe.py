"""What a labelling campaign does: its settings, and the units of work they stand for.

A unit is small enough that losing one costs little, and named by a hash of all that decides its result: kind,
arguments, level of theory and version of the recipe. Units that build on another's result (displacements of a minimum)
are planned from the start; a worker takes them once their parent is finished.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from h2scale import elements
from h2scale.labels import geometries, molecules

FIRST_VERSION = 1
VERSIONS = {"scaled": 2, "curve": 2}
"""Of the kinds of units whose arguments would give another result than at first; raised then, and the units of that
kind, and what builds on them, are done again."""

DFT, TIGHT_BINDING = "dft", "gfn2"

NEUTRAL_ATOMS = tuple(
    (symbol, elements.GROUND_MULTIPLICITIES[number]) for number, symbol in enumerate(elements.SYMBOLS[1:10], start=1)
)
"""Element, from hydrogen to fluorine, and spin multiplicity of the ground state."""
ATOMIC_IONS = (
    ("He", 1, 2), ("Li", 1, 1), ("Be", 1, 2), ("B", 1, 1), ("C", 1, 2), ("N", 1, 3), ("O", 1, 4), ("F", 1, 3),
    ("H", -1, 1), ("C", -1, 4), ("O", -1, 2), ("F", -1, 1),
)  # fmt: skip
"""Element, charge, spin multiplicity; a bare proton has no electrons and its energy is zero without computing."""

CURVES = (
    ("H", "C", 0, 2), ("H", "C", 0, 4), ("H", "N", 0, 3), ("H", "N", 0, 1), ("H", "O", 0, 2), ("H", "O", 0, 4),
    ("H", "F", 0, 1), ("H", "F", 0, 3), ("C", "C", 0, 1), ("C", "C", 0, 3), ("C", "N", 0, 2), ("C", "N", 0, 4),
    ("C", "O", 0, 1), ("C", "O", 0, 3), ("C", "F", 0, 2), ("C", "F", 0, 4), ("N", "N", 0, 1), ("N", "N", 0, 3),
    ("N", "O", 0, 2), ("N", "O", 0, 4), ("N", "F", 0, 3), ("N", "F", 0, 1), ("O", "O", 0, 3), ("O", "O", 0, 1),
    ("O", "F", 0, 2), ("O", "F", 0, 4), ("F", "F", 0, 1), ("F", "F", 0, 3), ("Li", "H", 0, 1), ("Li", "H", 0, 3),
    ("H", "H", 1, 2), ("He", "H", 1, 1),
)  # fmt: skip
"""Elements, charge, multiplicity of every whole curve but that of H2; of each system the ground state comes first."""


SMALLEST_SAMPLED = 5
"""Heavy atoms from which on graphs are too many to list."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of a campaign; tuples by size hold one entry per number of heavy atoms, from one up."""

    teacher: str  # dft or gfn2
    functional: str
    basis: str
    grid_level: int
    seed: int
    smiles: tuple[
        str, ...
    ]  # molecules to label; empty for all graphs of `max_heavy_atoms` and the hydrides and diatomics
    max_heavy_atoms: int
    conformers: tuple[int, ...]
    thermal: tuple[int, ...]
    scans: tuple[int, ...]
    scaled: tuple[int, ...]
    ions: tuple[int, ...]  # geometries of the cation
    frequencies_up_to: int  # heavy atoms up to which minima must have no imaginary mode
    curve_points: int  # of every diatomic; 0 for no curves
    sampled: tuple[int, ...]  # tight binding: molecules to draw by size, from `SMALLEST_SAMPLED` heavy atoms up
    batch_size: int  # molecules of a unit
    displaced_share: float
    displacements: int

    @property
    def level_name(self) -> str:
        """The level of theory as it stands in datasets."""
        return f"{self.functional}/{self.basis}" if self.teacher == DFT else "gfn2-xtb"


class Unit(NamedTuple):
    """A piece of work."""

    kind: str
    arguments: Mapping[str, Any]
    key: str
    stream: str  # seeds its random numbers: a hash like the key, but of no version, so that geometries stay
    parent: str | None
    cost: float  # roughly proportional to its time; only the time left is judged by it


def make_unit(recipe: Recipe, kind: str, arguments: Mapping[str, Any], parent: Unit | None = None) -> Unit:
    """A unit with its key, the SHA-256 of all that its result depends on."""
    level = [recipe.teacher, recipe.functional, recipe.basis, recipe.grid_level, recipe.seed]

    def digest(version: int, parent_digest: str | None) -> str:
        content = [version, kind, dict(arguments), level, parent_digest]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    return Unit(
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
    evaluations = {"lowest_mode": 12.0, "minimum": 6.0, "scan": 12.0, "scaled": 10.0, "curve": 40.0, "h2_curve": 30.0}
    return evaluations.get(kind, float(arguments.get("number", 1))) * size**1.5


def plan(recipe: Recipe) -> list[Unit]:
    """Every unit of a campaign, small molecules first, parents before what builds on them."""
    if recipe.teacher == TIGHT_BINDING:
        return list(_tight_binding_units(recipe))
    return list(_dft_units(recipe))


def _of_size(values: tuple[int, ...], heavy_atoms: int) -> int:
    return values[min(max(heavy_atoms, 1), len(values)) - 1] if values else 0


def _chosen_molecules(recipe: Recipe) -> list[str]:
    if recipe.smiles:
        return list(recipe.smiles)
    return [*molecules.HYDRIDES_AND_DIATOMICS, *molecules.enumerate_graphs(recipe.max_heavy_atoms)]


def _dft_units(recipe: Recipe) -> Iterator[Unit]:
    for symbol, multiplicity in NEUTRAL_ATOMS:
        yield make_unit(recipe, "atom", {"symbol": symbol, "charge": 0, "spin_multiplicity": multiplicity})
    if any(recipe.ions):
        for symbol, charge, multiplicity in ATOMIC_IONS:
            yield make_unit(recipe, "atom", {"symbol": symbol, "charge": charge, "spin_multiplicity": multiplicity})
        yield make_unit(recipe, "triatomic_hydrogen_cation", {})
    if recipe.curve_points:
        for part in ("train", "test"):
            yield make_unit(recipe, "h2_curve", {"part": part})
        seen: set[tuple[str, str, int]] = set()
        for first, second, charge, multiplicity in CURVES:
            system = (first, second, charge)
            yield make_unit(
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
    yield from _molecular_units(recipe)


def _molecular_units(recipe: Recipe) -> Iterator[Unit]:
    """Minima and what builds on them by size; of the two largest sizes the minima first, then all else in turn.

    The largest molecules take most of the time, and a campaign cut short should still hold some of everything.
    """
    by_size: dict[int, list[Unit]] = {}
    for smiles in _chosen_molecules(recipe):
        size = molecules.heavy_atoms(smiles)
        arguments = {"smiles": smiles, "conformers": _of_size(recipe.conformers, size)}
        by_size.setdefault(size, []).append(make_unit(recipe, "minimum", arguments))
    sizes = sorted(by_size)
    displaced = {size: [u for parent in by_size[size] for u in _displacements(recipe, parent, size)] for size in sizes}
    for size in sizes[:-2]:
        yield from [*by_size[size], *displaced[size]]
    for size in sizes[-2:]:
        yield from by_size[size]
    yield from _interleaved([displaced[size] for size in sizes[-2:]])
    for size in sizes:
        for parent in by_size[size]:
            if size <= recipe.frequencies_up_to:
                yield make_unit(recipe, "lowest_mode", {"smiles": parent.arguments["smiles"]}, parent)


def _interleaved(lists: Sequence[list[Unit]]) -> list[Unit]:
    """All lists in their order, each spread evenly over the whole."""
    places = [
        ((i + 0.5) / len(units), which, unit) for which, units in enumerate(lists) for i, unit in enumerate(units)
    ]
    return [unit for _, _, unit in sorted(places, key=lambda entry: entry[:2])]


def _displacements(recipe: Recipe, parent: Unit, size: int) -> Iterator[Unit]:
    """What builds on a minimum; H2 is displaced only along its curve, which the rungs keep apart."""
    smiles = parent.arguments["smiles"]
    if smiles == "[H][H]":
        return
    mol = molecules.molecule(smiles)
    for kind, number, batch in (
        ("thermal", _of_size(recipe.thermal, size), 5),
        ("scan", _of_size(recipe.scans, size), 1),
        ("scaled", _of_size(recipe.scaled, size), 1),
        ("cation", _of_size(recipe.ions, size) if size <= len(recipe.ions) else 0, 10),
    ):
        for start in range(0, number, batch):
            arguments = {"smiles": smiles, "start": start, "number": min(batch, number - start)}
            if kind == "scan":
                arguments |= _cut_of(mol, start)
            yield make_unit(recipe, kind, arguments, parent)


def _cut_of(mol: molecules.Molecule, turn: int) -> dict[str, Any]:
    """What a scan has to know of the bond that it cuts, so that no other scan's key depends on it."""
    cut = geometries.bond_to_cut(len(mol.atomic_numbers), mol.bonds, turn)
    if cut is None:
        return {}
    bond, side = cut
    marks: dict[str, Any] = {}
    if mol.bond_orders[mol.bonds.index(bond)] > 1:
        marks["multiple_bond"] = True
    if lobes := geometries.count_lone_lobes(mol.atomic_numbers, side):
        marks["lone_lobes"] = lobes
    return marks


def _tight_binding_units(recipe: Recipe) -> Iterator[Unit]:
    yield make_unit(recipe, "tight_binding_atoms", {})
    listed = _chosen_molecules(recipe)
    for start in range(0, len(listed), recipe.batch_size):
        arguments = {"smiles": listed[start : start + recipe.batch_size], "displacements": recipe.displacements}
        yield make_unit(recipe, "tight_binding_listed", arguments)
    drawn = []
    for size, number in enumerate(recipe.sampled, SMALLEST_SAMPLED):
        for composition, share in molecules.compositions(size, number):
            arguments = {"composition": composition, "number": share}
            drawn.append(make_unit(recipe, "molecular_graphs", arguments))
    yield from drawn
    for parent in drawn:
        for start in range(0, parent.arguments["number"], recipe.batch_size):
            arguments = {
                "start": start,
                "number": min(recipe.batch_size, parent.arguments["number"] - start),
                "displaced_share": recipe.displaced_share,
                "displacements": recipe.displacements,
            }
            yield make_unit(recipe, "tight_binding_sampled", arguments, parent)
