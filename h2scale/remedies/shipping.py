"""From trained members to the files that `load_remedy` reads: each rung's best by the molecules that choose."""

from collections.abc import Sequence
from pathlib import Path

from h2scale import elements, units
from h2scale.judge import curve_errors
from h2scale.remedies import ladder, library, parameters, tables
from h2scale.remedies.library import Library

ADMITTED = ("H", "Li", "B", "C", "N", "O", "F")
TRAINED = ("H", "C", "N", "O", "F")
MOST_HEAVY_ATOMS = 4
TESTED_HEAVY_ATOMS = 3


def save_members(
    folder: Path, members: Sequence[ladder.Member], data: Library, rows: Sequence[tables.MemberRow]
) -> Path:
    """Write one rung's best member as a remedy and return the file.

    It is the one at the most data and of the chosen width with the lowest error on the molecules that choose; held-out
    molecules and curves only describe it.
    """
    width, most = tables.chosen_width(rows), max(row.num_train for row in rows)
    places = [place for place, row in enumerate(rows) if (row.width, row.num_train) == (width, most)]
    place = min(places, key=lambda place: rows[place].validation_kcal)
    member, row = members[place], rows[place]
    atoms = _atoms(data)
    if member.rung.knows_elements:
        atoms = {symbol: atom for symbol, atom in atoms.items() if symbol in TRAINED}
    totals = dict(zip(atoms, ladder.predicted(member, list(atoms.values())) / units.HARTREE_EV, strict=True))
    held = {symbol: float(total) for symbol, total in totals.items()}
    held |= {f"{symbol} base": library.energy(atom, member.rung.base) for symbol, atom in atoms.items()}
    admitted = tuple(symbol for symbol in ADMITTED if symbol in atoms)
    if member.rung.knows_elements:
        admitted = tuple(symbol for symbol in admitted if symbol in TRAINED)
    description = parameters.Description(
        name=member.rung.name,
        title=member.rung.title,
        base=member.rung.base,
        basis=data.basis,
        exact_for=member.rung.exact_for,
        channels=member.rung.channels,
        form=member.form,
        elements=admitted,
        max_heavy_atoms=MOST_HEAVY_ATOMS,
        tested_elements=admitted,
        tested_heavy_atoms=TESTED_HEAVY_ATOMS,
        num_train=member.num_train,
        dataset_sha256=data.sha256,
        held_out_mae_ev=row.test_kcal / curve_errors.KCAL,
        curves_mae_ev=row.curves_kcal / curve_errors.KCAL,
        curves_largest_ev=row.curves_largest_kcal / curve_errors.KCAL,
    )
    path = folder / f"{member.rung.name}.npz"
    folder.mkdir(parents=True, exist_ok=True)
    parameters.save(path, parameters.Stored(description, member.params, member.scale.centre, member.scale.spread, held))
    return path


def _atoms(data: Library) -> dict[str, library.Geometry]:
    """Isolated atoms by symbol: of the molecules, and of curves with other elements."""
    found = {elements.SYMBOLS[atom.atomic_numbers[0]]: atom for atom in data.atoms}
    for curve in data.curves:
        for atom in curve.atoms:
            if atom.charge == 0 and all(base in atom.rows for base in data.atoms[0].rows):
                found.setdefault(elements.SYMBOLS[atom.atomic_numbers[0]], atom)
    return found
