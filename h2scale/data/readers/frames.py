"""Frames of formats that fix no names, and which of a frame's facts is which label.

Extended XYZ, ASE databases and trajectories carry any keys. The caller names those of energy, forces and molecule, or
the usual names are looked for in the first frame of more than one atom, and every later frame must have the same.
What was taken for what is noted under `read_as`, for the command line to say before anything is written.
"""

import contextlib
import itertools
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from h2scale import elements, errors
from h2scale.data import rungs
from h2scale.data.readers import entries, label_units
from h2scale.types import Structure

ENERGY_KEYS = ("energy", "REF_energy", "ref_energy", "dft_energy", "DFT_energy", "total_energy")
FORCES_KEYS = ("forces", "REF_forces", "ref_forces", "dft_forces", "DFT_forces", "force")
CHARGE_KEYS = ("charge", "total_charge")
MULTIPLICITY_KEYS = ("multiplicity", "spin_multiplicity", "spin")
SPIN_SQUARED_KEYS = ("s_squared", "s2", "spin_squared")
MOLECULE_KEYS = ("smiles", "SMILES")
REGIME_KEY = "regime"
PURE_SPIN = "S(S + 1) of a pure spin state where the file has none"
PERCEIVED = "composition and perceived bonds"


class Frame(NamedTuple):
    """One frame as its file has it, in the file's units."""

    atomic_numbers: np.ndarray  # (n_atoms,), int32
    positions: np.ndarray  # (n_atoms, 3)
    periodic: Sequence[bool]  # along the three axes
    facts: Mapping[str, Any]  # what is said of the frame, by name; numbers may come as text
    columns: Mapping[str, np.ndarray]  # what is said of each atom, by name, first axis (n_atoms,)
    where: str  # its name in messages


class Labels(NamedTuple):
    """Names under which the frames carry their labels."""

    energy: str
    forces: str | None  # None: there are none
    molecule: str | None  # None: told by composition and bonds


def interpreted(
    found: Generator[Frame, None, None], options: entries.Options, facts: dict[str, Any]
) -> Generator[entries.Entry, None, None]:
    """Entries of frames, in order; energies are total, in eV, and forces NaN where there are none.

    Raises:
        InputError: no key is an energy, or several are; a frame lacks what the first one has, or is periodic; a value
            does not parse or has a wrong shape. The message names the frame.
    """
    said: dict[str, str] = {}  # "charge" and "spin multiplicity": whether frames carry it, from the first molecule on
    with contextlib.closing(found):
        beginning = []
        for frame in found:
            beginning.append(frame)
            if len(frame.atomic_numbers) > 1:
                break
        if not beginning:
            return
        labels = _choose(beginning[-1], options)
        facts["read_as"] = _described(labels, beginning[-1], options)
        for frame in itertools.chain(beginning, found):
            yield entries.Entry(_structure(frame, labels, options, facts, said), frame.where)


def _choose(frame: Frame, options: entries.Options) -> Labels:
    energy = options.energy_key or _only(frame.facts, ENERGY_KEYS, "energy", frame.where)
    if energy is None:
        has = ", ".join(sorted(frame.facts)) or "no keys at all"
        raise errors.InputError(
            f"{frame.where}: no energy: none of {', '.join(ENERGY_KEYS)}; name its key by --energy-key; it has {has}."
        )
    if options.forces_key is not None and options.forces_key not in frame.columns:
        has = ", ".join(sorted(frame.columns)) or "none"
        raise errors.InputError(f"{frame.where}: no column {options.forces_key} for the forces; its columns are {has}.")
    forces = options.forces_key or _only(frame.columns, FORCES_KEYS, "forces", frame.where)
    molecule = options.molecule_key or next((key for key in MOLECULE_KEYS if key in frame.facts), None)
    return Labels(energy, forces, molecule)


def _only(values: Mapping[str, Any], names: Sequence[str], what: str, where: str) -> str | None:
    """The first of `names` that is there; refused if another one has other numbers."""
    present = [name for name in names if values.get(name) is not None]
    for other in present[1:]:
        try:
            same = np.allclose(np.asarray(values[other], float), np.asarray(values[present[0]], float), equal_nan=True)
        except (TypeError, ValueError):
            same = False
        if not same:
            raise errors.InputError(
                f"{where}: {present[0]} and {other} differ, so which of them is meant cannot be told; name it by "
                f"--{what}-key."
            )
    return present[0] if present else None


def _described(labels: Labels, frame: Frame, options: entries.Options) -> dict[str, str]:
    unused = sorted(name for name, column in frame.columns.items() if np.ndim(column) == 2)
    beside = f"; its columns are {', '.join(unused)}" if unused else ""
    return {
        "energy": f"{labels.energy}, total",
        "forces": f"none{beside}" if labels.forces is None else labels.forces,
        "molecule": labels.molecule or PERCEIVED,
    }


def _structure(
    frame: Frame, labels: Labels, options: entries.Options, facts: dict[str, Any], said: dict[str, str]
) -> Structure:
    where, numbers = frame.where, frame.atomic_numbers
    if any(frame.periodic):
        raise errors.InputError(
            f"{where}: periodic in {[bool(axis) for axis in frame.periodic]}; only molecules are read. A molecule in a "
            f'box is written with pbc="F F F".'
        )
    charge = _state(frame, CHARGE_KEYS, options.charge, 0, "charge", facts, said)
    lowest = _lowest_multiplicity(numbers, charge)
    multiplicity = _state(frame, MULTIPLICITY_KEYS, options.spin_multiplicity, lowest, "spin multiplicity", facts, said)
    spin_squared = _first(frame.facts, SPIN_SQUARED_KEYS)
    if spin_squared is None:
        facts["spin_squared"] = PURE_SPIN
        spin_squared = (multiplicity**2 - 1) / 4
    regime = frame.facts.get(REGIME_KEY)
    if regime is not None and regime not in rungs.RUNG_OF_REGIME:
        raise errors.InputError(f"{where}: unknown regime {regime!r}; known: {', '.join(rungs.RUNG_OF_REGIME)}.")
    return Structure(
        atomic_numbers=numbers,
        positions=entries.vectors(frame.positions, len(numbers), "positions", where)
        * label_units.length(options.length_unit),
        energy=_number(frame, labels.energy, where) * label_units.energy(options.energy_unit),
        forces=_forces(frame, labels.forces) * label_units.force(options.force_unit()),
        charge=charge,
        spin_multiplicity=multiplicity,
        rung="" if regime is None else rungs.RUNG_OF_REGIME[regime],
        regime=regime or "",
        molecule=_molecule(frame, labels.molecule),
        teacher=options.level or "",
        spin_squared=_float(spin_squared, "<S^2>", where),
    )


def _forces(frame: Frame, key: str | None) -> np.ndarray:
    n_atoms = len(frame.atomic_numbers)
    column = None if key is None else frame.columns.get(key)
    if column is None:
        return entries.missing_forces(n_atoms)
    return entries.vectors(column, n_atoms, key or "", frame.where)


def _molecule(frame: Frame, key: str | None) -> str:
    if key is None or (len(frame.atomic_numbers) == 1 and key not in frame.facts):
        return ""
    if key not in frame.facts:
        raise errors.InputError(f"{frame.where}: missing {key}, which names the molecule of the frames before.")
    return str(frame.facts[key])


def _number(frame: Frame, key: str, where: str) -> float:
    value = frame.facts.get(key)
    if value is None:
        raise errors.InputError(f"{where}: no energy: missing {key}; every label needs one.")
    return _float(value, key, where)


def _float(value: Any, key: str, where: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise errors.InputError(f"{where}: {key} must be a number; got {value!r}.") from error


def _first(facts: Mapping[str, Any], keys: Iterable[str]) -> Any:
    return next((facts[key] for key in keys if facts.get(key) is not None), None)


def _state(
    frame: Frame,
    keys: tuple[str, ...],
    declared: int | None,
    assumed: int,
    name: str,
    facts: dict[str, Any],
    said: dict[str, str],
) -> int:
    """Charge or multiplicity of a frame: as it says, else as declared, else assumed if no frame of the set says it."""
    value, where = _first(frame.facts, keys), frame.where
    flag = f"--{name.replace(' ', '-')}"
    one_atom = len(frame.atomic_numbers) == 1  # isolated atoms are neutral and in their ground state, said or not
    now = "missing" if value is None else "given"
    if declared is None and not one_atom and said.setdefault(name, now) != now:
        has, lacks = ("this frame has", "those before do") if value is not None else ("others have", "this frame does")
        raise errors.InputError(
            f"{where}: {has} a {name} ({' or '.join(keys)}) and {lacks} not; declare it by {flag} for frames without."
        )
    if value is None:
        if not one_atom:
            facts["read_as"].setdefault(name, _ASSUMED[name] if declared is None else f"{declared}, declared")
        return assumed if declared is None or one_atom else declared
    if not one_atom:
        facts["read_as"][name] = next(key for key in keys if frame.facts.get(key) is not None)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if number != np.round(number):
        raise errors.InputError(f"{where}: {name} must be an integer; got {value!r}.")
    return int(number)


_ASSUMED = {
    "charge": "0, assumed: no frame says it",
    "spin multiplicity": "the lowest that the electrons allow, assumed: no frame says it",
}


def _lowest_multiplicity(atomic_numbers: np.ndarray, charge: int) -> int:
    electrons = int(atomic_numbers.sum()) - charge
    if len(atomic_numbers) == 1 and 0 <= electrons < len(elements.GROUND_MULTIPLICITIES):
        return elements.GROUND_MULTIPLICITIES[electrons]
    return 1 + electrons % 2
