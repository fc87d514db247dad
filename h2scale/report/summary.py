"""The files of a run as the report reads them, and the aggregates that verdicts, figures and tables share."""

import csv
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from h2scale.report import words
from h2scale.runtime import tables
from h2scale.scaling import fits

RUNG_ORDER = tuple(words.RUNGS)


Facts = dict[str, Any]
"""Facts about a dataset: level, has_forces, energy_zero, zero_is_fit, teacher_curve, ..."""


class Run(NamedTuple):
    """The files of a workdir, read once."""

    replicas: tables.Table
    arms: np.ndarray  # (n_replicas,), label of each replica's arm
    curves: tables.Table
    history: tables.Table
    fits: dict[str, Any]
    config: dict[str, Any]
    environment: dict[str, Any]
    baselines: list[dict[str, str]]  # physics without learning; empty where none is given
    data: dict[str, Facts]  # of each arm; empty for a run of before they were written


class Cell(NamedTuple):
    """Mean and sample standard deviation over the finite seeds of one arm, rung, size and amount of data."""

    arm: str
    rung: str
    num_params: float
    num_train: float
    num_finite: int
    num_replicas: int
    mean: dict[str, float]
    spread: dict[str, float]


def load_run(workdir: str | os.PathLike, baselines: str | os.PathLike | None = None) -> Run:
    """Read a finished workdir.

    Args:
        workdir: the folder.
        baselines: a CSV file of curves made without learning, if there is one.

    Raises:
        ValueError: a table is missing or malformed.
    """
    workdir = Path(workdir)
    replicas = tables.read_table(workdir / "replicas.csv")
    return Run(
        replicas,
        fits.arm_labels(replicas),
        tables.read_table(workdir / "curves.csv"),
        tables.read_table(workdir / "history.csv"),
        _read_json(workdir / "fits.json"),
        _read_json(workdir / "config.json"),
        _read_json(workdir / "environment.json"),
        _read_rows(baselines),
        _read_json(workdir / "data.json") if (workdir / "data.json").exists() else {},
    )


def arms_of(run: Run) -> list[str]:
    """Return the labels of the arms: that of `report.reference_arm`, plain ones, then in the order of the table."""
    reference = run.arms[run.replicas["arm"] == run.config.get("report.reference_arm")].tolist()
    return sorted(dict.fromkeys(run.arms.tolist()), key=lambda label: (label not in reference, "," in label))


def rungs_of(run: Run, arm: str) -> list[str]:
    """Return the rungs of an arm from the narrowest distribution to the widest."""
    present = dict.fromkeys(run.replicas["rung"][run.arms == arm].tolist())
    return sorted(present, key=lambda rung: (RUNG_ORDER.index(rung) if rung in RUNG_ORDER else 99, rung))


def rows_of(run: Run, arm: str, rung: str) -> tables.Table:
    """Select the replicas of one arm and rung."""
    return tables.select(run.replicas, (run.arms == arm) & (run.replicas["rung"] == rung))


def cells_of(run: Run, arm: str, rung: str) -> list[Cell]:
    """Aggregate every (num_params, num_train) cell of an arm and rung, in order of size, then data."""
    rows = rows_of(run, arm, rung)
    cells = []
    for num_params, num_train in sorted(set(zip(rows["num_params"], rows["num_train"], strict=True))):
        inside = (rows["num_params"] == num_params) & (rows["num_train"] == num_train)
        finite = tables.select(rows, inside & rows["finite"])
        columns = [name for name in finite if name in words.METRICS]
        mean = {name: _mean(finite[name]) for name in columns}
        spread = {name: _spread(finite[name]) for name in columns}
        cells.append(Cell(arm, rung, num_params, num_train, len(finite["finite"]), int(inside.sum()), mean, spread))
    return cells


def curves_of(run: Run, rows: tables.Table, system: str) -> list[tuple[float, tables.Table]]:
    """Return size and curve of each finite replica in `rows`, smallest model first."""
    of_system = tables.select(run.curves, run.curves["system"] == system)
    found = []
    for index in np.argsort(rows["num_params"], kind="stable"):
        points = tables.select(of_system, of_system["replica_id"] == rows["replica_id"][index])
        if len(points["distance_angstrom"]):
            found.append((float(rows["num_params"][index]), points))
    return found


def at_largest(rows: tables.Table, name: str) -> tables.Table:
    """Select the rows with the largest value of a column."""
    return tables.select(rows, rows[name] == rows[name].max()) if len(rows[name]) else rows


def fit_of(run: Run, arm: str, rung: str, metric: str) -> dict[str, Any]:
    """Find the record of `fits.json` for an arm, rung and metric.

    Raises:
        ValueError: there is none.
    """
    for record in run.fits["fits"]:
        if (record["arm"], record["rung"], record["metric"]) == (arm, rung, metric):
            return record
    raise ValueError(f"fits.json: no fit of {metric} for arm {arm!r} on rung {rung!r}; fit the tables again.")


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _spread(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else np.nan


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise ValueError(f"{path}: no such file; a report needs it.")
    return json.loads(path.read_text(encoding="utf-8"))


def _read_rows(path: str | os.PathLike | None) -> list[dict[str, str]]:
    if path is None:
        return []
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
