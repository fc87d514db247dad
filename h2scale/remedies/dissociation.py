"""The dissociation curve of one bond: geometries, fields from both ends, energies relative to the isolated atoms."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from h2scale import electronic_structure, elements, units
from h2scale.data import molecules, rungs, storage
from h2scale.electronic_structure import search
from h2scale.errors import InputError
from h2scale.labels import geometries
from h2scale.labels import molecules as graphs
from h2scale.remedies import bases, remedy

SHORTEST, LONGEST = 0.7, 3.0
"""Ends of a curve, in lengths of the bond."""
_MINIMA = "pbe0_def2svp"


class Task(NamedTuple):
    """A molecule and the bond that is cut."""

    name: str
    atomic_numbers: tuple[int, ...]
    positions: np.ndarray  # (n_atoms, 3), angstrom
    bond: tuple[int, int]
    side: tuple[int, ...]  # atoms that move with the bond's second one
    charge: int
    spin_multiplicity: int

    @property
    def symbols(self) -> tuple[str, ...]:
        """Elements in order."""
        return tuple(elements.SYMBOLS[number] for number in self.atomic_numbers)


class Point(NamedTuple):
    """One geometry of a curve; eV relative to isolated atoms, the base's to its own."""

    distance_angstrom: float
    energy_ev: float
    base_ev: float
    spin_squared: float


class Solving(NamedTuple):
    """Argument of one base calculation; plain data, so that another process can do it."""

    base: str
    atomic_numbers: tuple[int, ...]
    positions: np.ndarray
    charge: int
    spin_multiplicity: int
    basis: str
    densities: tuple[np.ndarray, ...]


def make_task(source: str, bond: Sequence[int], charge: int = 0, spin_multiplicity: int = 0) -> Task:
    """Read a molecule and find the atoms that move when a bond is cut.

    Args:
        source: a geometry file (.xyz, angstrom), or a SMILES: one of the shipped minima's, or any if RDKit is there.
        bond: two atoms, counted from 0 in the order of the file, or of the SMILES with its hydrogens behind.
        charge: total charge in units of e.
        spin_multiplicity: 2S + 1; 0 for the lowest that the number of electrons allows, or that of the shipped minimum.

    Raises:
        InputError: no such file or molecule, or atoms that no bond outside a ring joins.
    """
    if source.endswith(".xyz") or Path(source).is_file():
        numbers, positions, spin = *read_xyz(Path(source)), 0
    else:
        numbers, positions, spin = _of_smiles(source)
    lowest = 1 + (int(numbers.sum()) - charge) % 2
    first, second = (int(atom) for atom in bond)
    if not (0 <= first < len(numbers) and 0 <= second < len(numbers)) or first == second:
        raise InputError(f"--bond must name two of the {len(numbers)} atoms, from 0 on; got {first},{second}.")
    bonds = [(int(i), int(j)) for i, j in np.argwhere(np.triu(molecules.bonds(numbers, positions)))]
    if (min(first, second), max(first, second)) not in bonds:
        known = "; ".join(f"{i},{j} ({elements.SYMBOLS[numbers[i]]}-{elements.SYMBOLS[numbers[j]]})" for i, j in bonds)
        raise InputError(f"atoms {first} and {second} of {source} are not bonded; its bonds are {known or 'none'}.")
    side = geometries.fragment(len(numbers), tuple(bonds), (first, second))
    if side is None:
        raise InputError(f"the bond {first},{second} of {source} is in a ring, which one cut does not open.")
    return Task(
        source,
        tuple(numbers.tolist()),
        positions,
        (first, second),
        side,
        charge,
        spin_multiplicity or (spin if spin and not charge else lowest),
    )


def read_xyz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Atomic numbers and positions (angstrom) of the first frame of an .xyz file.

    Raises:
        InputError: the file cannot be read or is not of that form; the line that is wrong is named.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    try:
        count = int(lines[0])
    except (IndexError, ValueError) as error:
        raise InputError(f"{path}, line 1: it must hold the number of atoms.") from error
    numbers, positions = [], []
    for place in range(2, 2 + count):
        words = lines[place].split() if place < len(lines) else []
        try:
            numbers.append(elements.ATOMIC_NUMBERS[words[0]])
            positions.append([float(word) for word in words[1:4]])
        except (KeyError, ValueError, IndexError) as error:
            raise InputError(f"{path}, line {place + 1}: it must hold an element and x, y, z in angstrom.") from error
        if len(positions[-1]) != 3:
            raise InputError(f"{path}, line {place + 1}: it must hold an element and x, y, z in angstrom.")
    return np.array(numbers), np.array(positions)


def distances(task: Task, num_points: int) -> np.ndarray:
    """Distances of a curve in angstrom, (num_points,): geometric, from 0.7 to 3 lengths, the bond's own among them."""
    length = float(np.linalg.norm(task.positions[task.bond[1]] - task.positions[task.bond[0]]))
    before = max(round((num_points - 1) * np.log(1 / SHORTEST) / np.log(LONGEST / SHORTEST)), 1)
    short = np.geomspace(SHORTEST, 1.0, before + 1)[:-1]
    return length * np.concatenate([short, np.geomspace(1.0, LONGEST, num_points - before)])


def geometry(task: Task, distance: float) -> np.ndarray:
    """Positions (n_atoms, 3) with the bond at a distance, in angstrom; both fragments stay as they are."""
    length = float(np.linalg.norm(task.positions[task.bond[1]] - task.positions[task.bond[0]]))
    return geometries.stretch(task.positions, task.bond, task.side, distance / length)


def solving(model: remedy.Remedy, task: Task, at: np.ndarray, tick: Callable[[], object]) -> Iterator[Solving]:
    """Yield the base calculations of a curve, each with a start from the field beyond it.

    The fields are found first, from the longest distance to the shortest: a broken bond's solution is easily lost on
    the way out and easily kept on the way in. Each search has its own starts too, and the lowest is taken.

    Raises:
        InputError: a geometry is outside the remedy, or a field does not converge.
    """
    functional = {"pbe0": "pbe0"}.get(model.description.base, "hf")
    known: tuple[np.ndarray, ...] = ()
    starts: list[tuple[np.ndarray, ...]] = []
    for distance in at[::-1]:
        positions = geometry(task, float(distance))
        symbols = model.symbols(task.atomic_numbers, positions)
        try:
            molecule = electronic_structure.make_molecule(
                symbols,
                positions / units.BOHR_ANGSTROM,
                model.basis,
                charge=task.charge,
                spin_multiplicity=task.spin_multiplicity,
                symmetry=sum(task.atomic_numbers) - task.charge == 1,
            )
            if molecule.nelectron:
                with electronic_structure.one_thread():
                    field = search.lowest_field(molecule, functional, densities=known)
                known = (field.spin_densities,)
        except ValueError as error:
            raise InputError(f"{task.name} at {distance:.3f} angstrom: {error}") from error
        starts.append(known)
        tick()
    for distance, start in zip(at, starts[::-1], strict=True):
        yield Solving(
            model.description.base,
            task.atomic_numbers,
            geometry(task, float(distance)),
            task.charge,
            task.spin_multiplicity,
            model.basis,
            start,
        )


def solve(argument: Solving) -> bases.Solved:
    """Do one base calculation.

    Raises:
        ValueError: the field or coupled cluster does not converge.
    """
    return bases.solve(
        argument.base,
        argument.atomic_numbers,
        argument.positions,
        argument.charge,
        argument.spin_multiplicity,
        argument.basis,
        argument.densities,
    )


def curve(
    model: remedy.Remedy,
    task: Task,
    at: np.ndarray,
    in_order: Callable[[Iterable[Solving]], Iterator[bases.Solved]],
    tick: Callable[[], object],
) -> Iterator[Point]:
    """Yield the points of a curve in order of distance.

    Args:
        model: from `remedy.load_remedy`.
        task: from `make_task`.
        at: distances in angstrom, increasing.
        in_order: does `solve` for every argument, here or by other processes.
        tick: called after every field that is found beforehand.

    Raises:
        InputError: a point is outside the remedy or does not converge.
    """
    arguments = list(solving(model, task, at, tick))
    try:
        for distance, solved in zip(at, in_order(arguments), strict=True):
            found = model.relative(task.atomic_numbers, solved)
            yield Point(float(distance), found.energy, found.base_energy, found.spin_squared)
    except ValueError as error:
        raise InputError(f"{task.name}: {error}") from error


def _of_smiles(smiles: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Atomic numbers, positions and spin multiplicity: the shipped minimum if there is one, else RDKit's geometry."""
    dataset = storage.load_dataset(_MINIMA)
    found = np.flatnonzero((dataset.molecule == smiles) & (dataset.rung == rungs.RUNGS[0]))
    if len(found):
        own = dataset[int(found[0])]
        return own.atomic_numbers, own.positions, own.spin_multiplicity
    try:
        known = graphs.molecule(smiles)
        positions = graphs.relax_by_force_field(smiles, graphs.embed(smiles, 1, 0)[0])
    except ImportError as error:
        raise InputError(
            f"{smiles} is neither a file nor the SMILES of a shipped minimum; for others RDKit is needed: "
            "pip install 'h2scale[labels]'."
        ) from error
    except (ValueError, IndexError) as error:
        raise InputError(f"{smiles} is no file and no SMILES that has a geometry: {error}") from error
    return np.array(known.atomic_numbers), positions, known.spin_multiplicity
