"""One bond's dissociation curve by a remedy: a CSV file and a figure, beside its base and the references that ship."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from h2scale.errors import InputError
from h2scale.exam.references import tables as references
from h2scale.remedies import bases, dissociation, remedy
from h2scale.report import dissociation_figure, style
from h2scale.runtime import processes, progress, tables

COLUMNS = ("distance_angstrom", "energy_ev", "base_ev", "base_spin_squared", "reference_ev", "reference")
MAX_POINTS = 200


class Request(NamedTuple):
    """Arguments of `h2scale curve`."""

    source: str  # SMILES or geometry file
    bond: tuple[int, int]
    model: str  # a remedy's name, or the path of an .npz file; empty for the best
    charge: int = 0
    spin_multiplicity: int = 0  # 0 for the lowest that the number of electrons allows
    points: int = 18
    workers: int = 0  # 0 for one per core
    output: str = ""  # path without its ending; named after molecule and bond if not given


def run(request: Request) -> Path:
    """Write the table and the figure of a curve and return the table's path.

    Raises:
        InputError: no such molecule, bond or remedy, a structure outside the remedy, or a point that does not converge.
    """
    if not 5 <= request.points <= MAX_POINTS:
        raise InputError(f"--points must be between 5 and {MAX_POINTS}; got {request.points}.")
    model = remedy.load_remedy(request.model or remedy.list_remedies()[0])
    task = dissociation.make_task(request.source, request.bond, request.charge, request.spin_multiplicity)
    for sentence in model.warnings(task.atomic_numbers, task.charge):
        print(f"h2scale: warning: {sentence}", file=sys.stderr)
    at = dissociation.distances(task, request.points)
    points = list(_points(model, task, at, request.workers or os.cpu_count() or 1))
    label, reference = _reference(task, at)
    output = Path(request.output or _file_name(task))
    rows = [
        {
            "distance_angstrom": point.distance_angstrom,
            "energy_ev": point.energy_ev,
            "base_ev": point.base_ev,
            "base_spin_squared": point.spin_squared,
            "reference_ev": energy,
            "reference": label,
        }
        for point, energy in zip(points, reference, strict=True)
    ]
    table = output.with_name(f"{output.name}.csv")
    table.unlink(missing_ok=True)
    tables.append_rows(table, COLUMNS, rows)
    figure = dissociation_figure.curve(
        tables.read_table(table), title=task.name, remedy=model.description.title, base=model.description.base.upper()
    )
    style.save(figure, output.parent, output.name)
    lowest = min(points, key=lambda point: point.energy_ev)
    print(
        f"{model.description.name}/{model.basis}: lowest at {lowest.distance_angstrom:.3f} angstrom, "
        f"{lowest.energy_ev:.3f} eV relative to isolated atoms (base {lowest.base_ev:.3f}).\n"
        f"Table and figure: {table}, {output}.png"
    )
    return table


def _points(
    model: remedy.Remedy, task: dissociation.Task, at: np.ndarray, workers: int
) -> Iterator[dissociation.Point]:
    with progress.Progress(2 * len(at), len(at), things="points", rate="points") as bar:

        def in_order(arguments: Iterable[dissociation.Solving]) -> Iterator[bases.Solved]:
            known = list(arguments)
            if workers == 1:
                yield from map(dissociation.solve, known)
                return
            with processes.pool(min(workers, len(known))) as pool:
                yield from pool.map(dissociation.solve, known)

        for point in dissociation.curve(model, task, at, in_order, lambda: bar.advance(1, 0)):
            bar.finish_replicas(1)
            bar.advance(1, 1)
            yield point


def _reference(task: dissociation.Task, at: np.ndarray) -> tuple[str, np.ndarray]:
    """Name and energies (eV relative to atoms, NaN where there are none) of the best curve that ships."""
    if len(task.atomic_numbers) == 2:
        state = task.symbols, task.charge, task.spin_multiplicity
        if state == (("H", "H"), 0, 1):
            return "exact", references.h2_ev(at)
        for curve in references.shipped_curves():
            made = curve.provenance
            same = tuple(made.get("symbols", ())) in (task.symbols, task.symbols[::-1])
            alike = (made.get("charge"), made.get("spin_multiplicity")) == (task.charge, task.spin_multiplicity)
            if same and alike and curve.label.startswith("FCI"):
                return curve.label, references.resample(curve, at)
    return "", np.full(len(at), np.nan)


def _file_name(task: dissociation.Task) -> str:
    stem = Path(task.name).stem if task.name.endswith(".xyz") else task.name
    safe = "".join(letter if letter.isalnum() else "_" for letter in stem).strip("_") or "molecule"
    return f"curve-{safe}-{task.bond[0]}-{task.bond[1]}"
