"""Errors on held-out molecules by regime, beside predicting zero and the ridge regression."""

from pathlib import Path

import numpy as np

from h2scale.report import page, summary, words
from h2scale.runtime import tables

_COLUMNS = (
    ("energy_mae_ev", "Mean, eV a molecule"),
    ("energy_mae_ev_per_atom", "Mean, eV/atom"),
    ("energy_median_ae_ev", "Median, eV"),
    ("within_43_mev_share", "Within 43 meV"),
    ("zero_energy_mae_ev", "Zero model, eV"),
    ("ridge_energy_mae_ev", "Ridge regression, eV"),
    ("force_mae_ev_per_angstrom", "Forces, eV/Å"),
    ("zero_force_mae_ev_per_angstrom", "Zero model, eV/Å"),
)


def section(run: summary.Run, workdir: Path) -> str:
    """Write the table of the largest cell of every arm and rung; empty for a run without `errors.csv`."""
    path = workdir / "errors.csv"
    if not path.exists():
        return ""
    errors = tables.read_table(path)
    rows: list[list[str | tuple[str, float]]] = []
    for arm in summary.arms_of(run):
        for rung in summary.rungs_of(run, arm):
            cell = summary.at_largest(summary.at_largest(summary.rows_of(run, arm, rung), "num_train"), "num_params")
            rows += _rows(words.arm(arm), rung, cell, errors)
    headers = ["Model", "Rung", "Side", "Regime", "Molecules", "Structures", *(title for _, title in _COLUMNS)]
    note = (
        "Kept parameters of the largest model with the most data, mean over seeds. Every mean is one over molecules of "
        "the mean over a molecule's structures. Molecules on the side unseen hold an element or a bonded pair that "
        "fewer than five training molecules have; they choose nothing. The ridge regression, on two-body distance "
        "histograms, is trained on the same structures and tuned on the same validation molecules; it has no forces."
    )
    return (
        page.element("h2", "Held-out molecules, by regime")
        + page.element("p", note, "soft")
        + page.sortable(headers, rows)
    )


def _rows(arm: str, rung: str, cell: tables.Table, errors: tables.Table) -> list[list[str | tuple[str, float]]]:
    own = tables.select(errors, np.isin(errors["replica_id"], cell["replica_id"]))
    groups = dict.fromkeys(zip(own["side"].tolist(), own["regime"].tolist(), strict=True))
    rows: list[list[str | tuple[str, float]]] = []
    for side, regime in groups:
        group = tables.select(own, (own["side"] == side) & (own["regime"] == regime))
        numbers = [float(np.mean(group[name])) for name, _ in _COLUMNS]
        counts = [float(group[name][0]) for name in ("num_molecules", "num_structures")]
        rows.append(
            [
                *(arm, rung, side, regime),
                *((words.count(value), value) for value in counts),
                *((words.number(value, 3), value) for value in numbers),
            ]
        )
    return rows
