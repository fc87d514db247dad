"""Choice of learning rate and length by validation error: what a sweep's tables say, and which rate is best.

The validation error of a replica is that of its kept parameters: energies, in eV an atom, means over molecules. Neither
test molecules nor the H2 curve take part.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from h2scale.runtime import tables

SWEEP_FILE, CHOSEN_FILE = "tuning.csv", "chosen.csv"
SWEEP_COLUMNS = (
    *("arm", "model", "rung", "num_features", "num_layers", "l_max", "num_train", "learning_rate", "steps"),
    *("num_seeds", "validation_energy_mae_ev_per_atom", "validation_force_mae_ev_per_angstrom", "kept_step"),
    "train_seconds",
)
CHOSEN_COLUMNS = (
    *("model", "rung", "num_features", "num_train", "learning_rate", "steps"),
    *("validation_energy_mae_ev_per_atom", "bracketed"),
)
_CELL = ("arm", "model", "rung", "num_features", "num_layers", "l_max", "num_train", "learning_rate", "steps")
_GROUP = ("model", "rung", "num_features", "num_train", "steps")
_MEANS = SWEEP_COLUMNS[len(_CELL) + 1 :]


def write_tables(workdir: str | os.PathLike) -> None:
    """Write `tuning.csv` and `chosen.csv` beside the tables of a finished sweep; the first arms' rates are chosen.

    The rates of an arm are compared if the arm is named like its model; other arms vary one setting each.
    """
    workdir = Path(workdir)
    sweep = list(summarise(tables.read_table(workdir / "replicas.csv"), tables.read_table(workdir / "history.csv")))
    for name, columns, rows in (
        (SWEEP_FILE, SWEEP_COLUMNS, sweep),
        (CHOSEN_FILE, CHOSEN_COLUMNS, list(choose(sweep))),
    ):
        (workdir / name).unlink(missing_ok=True)
        tables.append_rows(workdir / name, columns, rows)


def summarise(replicas: tables.Table, history: tables.Table) -> Iterator[dict[str, Any]]:
    """Yield one row for each setting of the sweep: means over its seeds; no error where a seed diverged."""
    kept = _errors_of_kept(replicas, history)
    cells = np.stack([np.unique(replicas[name], return_inverse=True)[1] for name in _CELL])
    _, first, which = np.unique(cells, axis=1, return_index=True, return_inverse=True)
    for cell in np.argsort(first):
        rows = np.flatnonzero(which.ravel() == cell)
        means = {name: float(np.mean(kept[name][rows])) for name in _MEANS}
        yield {name: replicas[name][rows[0]] for name in _CELL} | {"num_seeds": len(rows)} | means


def choose(sweep: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rate of lowest validation error for every model, rung and width of the arms named like their model.

    `bracketed` says whether both a lower and a higher rate were tried.
    """
    main = [row for row in sweep if row["arm"] == row["model"]]
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in main:
        groups.setdefault(tuple(row[name] for name in _GROUP), []).append(row)
    for group in groups.values():
        known = [row for row in group if np.isfinite(row["validation_energy_mae_ev_per_atom"])]
        if not known:
            continue
        best = min(known, key=lambda row: row["validation_energy_mae_ev_per_atom"])
        rates = [row["learning_rate"] for row in group]
        inside = min(rates) < best["learning_rate"] < max(rates)
        yield {name: best[name] for name in CHOSEN_COLUMNS[:-1]} | {"bracketed": str(bool(inside)).lower()}


def read_chosen(path: str | os.PathLike) -> list[dict[str, Any]]:
    """Read the rows of a `chosen.csv`.

    Raises:
        ValueError: the file is missing or malformed.
    """
    table = tables.read_table(path)
    return [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]


def _errors_of_kept(replicas: tables.Table, history: tables.Table) -> dict[str, np.ndarray]:
    """Columns `_MEANS` of every replica, (n_replicas,); NaN for one that diverged."""
    place = {
        key: row for row, key in enumerate(zip(history["replica_id"].tolist(), history["step"].tolist(), strict=True))
    }
    found = {name: np.full(len(replicas["replica_id"]), np.nan) for name in _MEANS}
    for index, identity in enumerate(replicas["replica_id"].tolist()):
        if not replicas["finite"][index]:
            continue
        row = place[identity, replicas["kept_step"][index]]
        for name in _MEANS:
            source, at = (history, row) if name in history else (replicas, index)
            found[name][index] = source[name][at]
    return found
