"""From entries as their files have them to structures of a dataset: checked, once each, relative to atoms, named."""

import contextlib
import dataclasses
import itertools
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import numpy as np
from scipy import spatial

from h2scale import elements, errors
from h2scale.data import duplicates, molecules, validation
from h2scale.data.readers import entries, placing, zero
from h2scale.types import Structure

OTHER_ELEMENT = "an element that is not asked for"
REPEATED = "the geometry of an earlier structure, with the same energy"
CONFLICTING = "the geometry of an earlier structure, with another energy"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Choices of the caller that all formats share."""

    level: str
    atomic_energies_ev: Mapping[str, float] | None  # to subtract; None if the file's energies are relative
    elements: frozenset[int] | None = None  # atomic numbers to keep; None: all
    rung: str | None = None
    keep_first: bool = False  # of one geometry with two energies; else it is refused


def is_kept(atomic_numbers: np.ndarray, wanted: frozenset[int] | None) -> bool:
    """Return whether a structure has only elements that are asked for; None asks for all."""
    return wanted is None or wanted.issuperset(atomic_numbers.tolist())


def finished(
    found: Generator[entries.Entry, None, None], wanted: Wanted, left_out: Counter[str]
) -> Generator[entries.Entry, None, None]:
    """Entries with energies relative to isolated atoms, molecule, rung and level; what is left out is counted.

    Raises:
        InputError: a structure cannot be in a dataset; one geometry has two energies; an element has no isolated-atom
            energy; there are no forces to sort by. The entry is named.
    """
    seen = duplicates.Duplicates()
    has_forces: bool | None = None  # of the molecules before
    with contextlib.closing(found):
        for structure, where in found:
            if not is_kept(structure.atomic_numbers, wanted.elements):
                left_out[OTHER_ELEMENT] += 1
                continue
            _check(structure, where)
            if len(structure.atomic_numbers) > 1:
                has_forces = _check_forces(structure, has_forces, where)
            earlier = seen.earlier_energy(structure)
            if earlier is not None:
                left_out[_repetition(structure, earlier, wanted.keep_first, where)] += 1
                continue
            energy = structure.energy
            if wanted.atomic_energies_ev is not None:
                energy -= zero.separated_atoms(structure.atomic_numbers, wanted.atomic_energies_ev, where)
            named = structure._replace(energy=energy, molecule=_molecule(structure), teacher=wanted.level)
            yield entries.Entry(placing.placed(named, wanted.rung, where), where)


def has_forces(sample: list[entries.Entry]) -> bool:
    """Return whether a dataset that begins so has forces: whether its first molecule does."""
    first = next((entry for entry in sample if len(entry.structure.atomic_numbers) > 1), sample[0])
    return not np.isnan(first.structure.forces).all()


def with_equal_forces(
    sample: list[entries.Entry],
    rest: Generator[entries.Entry, None, None],
    forces: bool,
    manifest: dict[str, Any],
    facts: dict[str, Any],
) -> Iterator[Structure]:
    """The structures; isolated atoms, whose force is zero and need not be said, have it where the others have theirs.

    The manifest gets what was noted while reading, at the end.
    """
    with contextlib.closing(rest):
        for structure, _ in itertools.chain(sample, rest):
            if len(structure.atomic_numbers) == 1:
                yield structure._replace(forces=np.full((1, 3), 0.0 if forces else np.nan))
                continue
            yield structure
    manifest.update({**facts, "dropped": dict(facts["dropped"])})


def _check_forces(structure: Structure, before: bool | None, where: str) -> bool:
    """Return whether a molecule has forces, all of them or none, as the molecules before it."""
    finite = np.isfinite(structure.forces)
    if finite.any() and not finite.all():
        raise errors.InputError(f"{where}: a force is not a finite number.")
    now = bool(finite.all())
    if before not in (None, now):
        raise errors.InputError(
            f"{where}: it has {'' if now else 'no '}forces, unlike those before it; a dataset has them for all of its "
            f"structures or for none."
        )
    return now


def _repetition(structure: Structure, earlier: float, keep_first: bool, where: str) -> str:
    difference = structure.energy - earlier
    if abs(difference) <= duplicates.SAME_ENERGY_EV:
        return REPEATED
    if not keep_first:
        raise errors.InputError(
            f"{where}: its geometry was there before with an energy that differs by {difference:.4g} eV; one geometry "
            f"must have one label (--keep-first leaves the later ones out)."
        )
    return CONFLICTING


def _molecule(structure: Structure) -> str:
    if structure.atomic_numbers.tolist() == [1, 1] and structure.charge == 0:
        return molecules.name(structure.atomic_numbers, structure.positions)  # H2 has one name, whatever the file's
    return structure.molecule or molecules.name(structure.atomic_numbers, structure.positions)


def _check(structure: Structure, where: str) -> None:
    unknown = sorted(set(structure.atomic_numbers.tolist()) - set(validation.KNOWN_ELEMENTS))
    if unknown:
        names = ", ".join(elements.SYMBOLS[number] for number in unknown)
        raise errors.InputError(
            f"{where}: element {names} is beyond what a dataset may hold; leave such structures out by --elements."
        )
    if not (np.isfinite(structure.energy) and np.isfinite(structure.positions).all()):
        raise errors.InputError(f"{where}: its energy or a position is not a finite number.")
    if len(structure.atomic_numbers) > 1:
        nearest = float(spatial.distance.pdist(structure.positions).min())
        if nearest < validation.MIN_DISTANCE_ANGSTROM:
            raise errors.InputError(
                f"{where}: two atoms are {nearest:.3g} angstrom apart; at least {validation.MIN_DISTANCE_ANGSTROM} is "
                f"required."
            )
    electrons = int(structure.atomic_numbers.sum()) - structure.charge
    unpaired = structure.spin_multiplicity - 1
    if unpaired < 0 or electrons < unpaired or (electrons - unpaired) % 2:
        raise errors.InputError(
            f"{where}: charge {structure.charge} and spin multiplicity {structure.spin_multiplicity} are impossible "
            f"for {electrons} electrons."
        )
