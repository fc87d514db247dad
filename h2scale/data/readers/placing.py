"""Rungs of read structures: as their format or the caller says, or by their forces; and what contradicts a rung."""

from collections.abc import Iterable

import numpy as np

from h2scale import errors
from h2scale.data import leaks, rungs
from h2scale.data.readers import entries
from h2scale.types import Structure

AUTO = "auto"
"""Asks for equilibrium or thermal by the largest force."""

_REGIME_OF_RUNG = {"h2": "h2_curve"}  # others bear their rung's name


def check_asked(rung: str | None) -> None:
    """Raise InputError unless `rung` is None, `auto` or a rung of the ladder."""
    if rung not in (None, AUTO, *rungs.RUNGS):
        raise errors.InputError(f"rung must be one of {', '.join(rungs.RUNGS)}, or {AUTO}; got {rung!r}.")


def placed(structure: Structure, asked: str | None, where: str) -> Structure:
    """The structure with its rung and, where its file names none, its regime.

    Ions and isolated atoms stand beside the ladder whatever is asked for, and so does what its format puts there.
    `auto` sorts what is not stretched or of H2's curve already, and so do formats without a rung if none is asked for.

    Raises:
        InputError: it is to be sorted and has no forces.
    """
    if structure.rung and structure.rung not in rungs.RUNGS:
        return structure
    if structure.charge != 0:
        rung = rungs.ION
    elif len(structure.atomic_numbers) == 1:
        rung = rungs.ATOM
    elif asked in rungs.RUNGS:
        rung = asked or ""
    elif not structure.rung or (asked == AUTO and structure.rung in ("equilibrium", "thermal")):
        rung = _by_forces(structure, where)
    else:
        rung = structure.rung
    return structure._replace(rung=rung, regime=structure.regime or _REGIME_OF_RUNG.get(rung, rung))


def check_contradictions(found: Iterable[entries.Entry], asked: str) -> None:
    """Refuse a rung that structures contradict, with their number.

    An equilibrium has no large force, a thermal structure of three atoms or more has one, and H2's rung holds H2.
    Stretched structures may have any force. Structures without forces contradict nothing but the last.

    Raises:
        InputError: some do; the first one is named.
    """
    read, against = 0, 0
    first = reason = ""
    for entry in found:
        if entry.structure.charge != 0 or len(entry.structure.atomic_numbers) == 1 or _beside(entry.structure):
            continue
        read += 1
        reasons = _contradiction(entry.structure, asked)
        if reasons:
            against += 1
            first, reason = first or entry.where, reason or reasons
    if against:
        raise errors.InputError(
            f"--rung={asked} is contradicted by {against} of {read} frames: {reason}, the first of them {first}; "
            f"--rung={AUTO} sorts them by their forces."
        )


def _beside(structure: Structure) -> bool:
    return bool(structure.rung) and structure.rung not in rungs.RUNGS


def _is_h2(structure: Structure) -> bool:
    return structure.atomic_numbers.tolist() == [1, 1]


def _by_forces(structure: Structure, where: str) -> str:
    if np.isnan(structure.forces).any():
        raise errors.InputError(
            f"{where}: no forces by which equilibrium could be told from thermal; declare --rung=equilibrium if these "
            f"are minima, else --rung=thermal."
        )
    if _is_h2(structure):
        low, high = leaks.BOND_LENGTH_WINDOW_ANGSTROM
        if not low <= float(np.linalg.norm(structure.positions[1] - structure.positions[0])) <= high:
            return "h2"  # away from its bond length it would show the curve that models are examined on
    return rungs.rung_of_force(_largest_force(structure))


def _largest_force(structure: Structure) -> float:
    return float(np.linalg.norm(structure.forces, axis=1).max())


def _contradiction(structure: Structure, asked: str) -> str:
    if asked == "h2":
        return "" if _is_h2(structure) else "they are not H2"
    if np.isnan(structure.forces).any():
        return ""
    limit = f"{rungs.EQUILIBRIUM_MAX_FORCE_EV_PER_ANGSTROM} eV/angstrom"
    by_force = rungs.rung_of_force(_largest_force(structure))
    if asked == "equilibrium" and by_force != "equilibrium":
        return f"their largest force is {limit} or more"
    if asked == "thermal" and by_force != "thermal" and len(structure.atomic_numbers) > 2:
        return f"their largest force is below {limit}"
    return ""
