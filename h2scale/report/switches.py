"""Effect of each arm's switch on the errors, beside the plain arm of its model in the very same cells."""

import numpy as np

from h2scale.report import page, summary, words
from h2scale.runtime import tables
from h2scale.scaling import pairs

_CELL = ("model", "num_features", "num_train", "rung", "seed")
_METRICS = (
    "test_energy_mae_ev",
    "test_force_mae_ev_per_angstrom",
    *tables.H2_ERROR_COLUMNS,
)


def section(run: summary.Run) -> str:
    """Write the table of arms against the plain arm of their model; empty where no two arms share a cell."""
    rows: list[list[str | tuple[str, float]]] = []
    for arm in summary.arms_of(run):
        for rung in summary.rungs_of(run, arm):
            rows += _rows(run, arm, rung)
    if not rows:
        return ""
    headers = ["Arm", "Rung", "Beside", "Pairs", *(words.METRICS[name][0] for name in _METRICS)]
    note = (
        "Errors of an arm divided by those of the arm beside it, over replicas of the same width, training set and "
        "seed: geometric mean with its 95 % interval, a seed being one observation. Below 1, the switch helps; an "
        "interval that holds 1 tells nothing. The last figure of a cell is the arm's own mean error; an arm that "
        "shares no cell with the one beside it has only that."
    )
    return page.element("h2", "What each switch does") + page.element("p", note, "soft") + page.sortable(headers, rows)


def reference_arm(run: summary.Run, arm: str) -> str | None:
    """Return the plain arm of the same model, or None for that one itself."""
    model = run.replicas["model"][run.arms == arm][0]
    of_model = run.arms[run.replicas["model"] == model].tolist()
    plain = next(label for label in summary.arms_of(run) if label in of_model)
    return None if plain == arm else plain


def ratios(run: summary.Run, arm: str, rung: str, metric: str) -> pairs.Ratio:
    """Compare an arm with its reference arm over the cells that both have; no pairs where there is none."""
    reference = reference_arm(run, arm)
    own = summary.rows_of(run, arm, rung)
    if reference is None:
        return pairs.Ratio(np.nan, np.nan, np.nan, 0)
    other = summary.rows_of(run, reference, rung)
    place = {key: index for index, key in enumerate(_keys(other))}
    found = [(row, place[key]) for row, key in enumerate(_keys(own)) if key in place]
    rows, others = np.array(found, dtype=int).reshape(-1, 2).T
    return pairs.ratio(own[metric][rows], other[metric][others], own["seed"][rows])


def _rows(run: summary.Run, arm: str, rung: str) -> list[list[str | tuple[str, float]]]:
    reference = reference_arm(run, arm)
    found = [ratios(run, arm, rung, metric) for metric in _METRICS]
    most = max(one.num_pairs for one in found)
    if reference is None:
        return []
    own = summary.rows_of(run, arm, rung)
    cells: list[str | tuple[str, float]] = []
    for one, metric in zip(found, _METRICS, strict=True):
        known = own[metric][np.isfinite(own[metric])]
        mean = f"; {words.number(float(known.mean()))} {words.METRICS[metric][1]}" if len(known) else ""
        cells.append((words.interval(one._asdict()) + mean, one.estimate))
    return [[words.arm(arm), rung, words.arm(reference), (str(most), most), *cells]]


def _keys(rows: tables.Table) -> list[tuple]:
    return list(zip(*(rows[name].tolist() for name in _CELL), strict=True))
