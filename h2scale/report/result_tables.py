"""Tables of a run's page: every cell, the scaling laws, and physics without learning."""

from typing import Any

import numpy as np

from h2scale.report import page, summary, words

_TABLE_METRICS = (
    "test_energy_mae_ev",
    "test_energy_median_ae_ev",
    "test_within_43_mev_share",
    "ridge_test_energy_mae_ev",
    "zero_test_energy_mae_ev",
    "test_energy_mae_ev_per_atom",
    "test_force_mae_ev_per_angstrom",
    "zero_test_force_mae_ev_per_angstrom",
    "unseen_energy_mae_ev",
    "h2_mae_ev",
    "h2_beyond_wall_mae_ev",
    "h2_beyond_wall_teacher_mae_ev",
    "h2_wall_mae_ev",
    "h2_well_mae_ev",
    "h2_middle_mae_ev",
    "h2_tail_mae_ev",
    "h2_teacher_mae_ev",
    "h2_npe_ev",
    "h2_bond_length_angstrom",
    "h2_well_depth_ev",
    "protons_mae_ev",
)
_MAX_BASELINE_ROWS = 12


def cells(run: summary.Run) -> str:
    """Section with every cell of the grid: means of the metrics over its seeds, and their spread."""
    metrics = [name for name in _TABLE_METRICS if np.any(np.isfinite(run.replicas[name]))]
    headers = ["Model", "Rung", "Parameters", "Structures", "Replicas"]
    headers += [f"{words.METRICS[name][0]}, {words.METRICS[name][1]}" for name in metrics]
    rows: list[list[str | tuple[str, float]]] = []
    for arm in summary.arms_of(run):
        for rung in summary.rungs_of(run, arm):
            for cell in summary.cells_of(run, arm, rung):
                finite = f"{cell.num_finite} of {cell.num_replicas}"
                rows.append(
                    [
                        words.arm(arm),
                        rung,
                        (words.count(cell.num_params), cell.num_params),
                        (words.count(cell.num_train), cell.num_train),
                        finite if cell.num_finite < cell.num_replicas else str(cell.num_replicas),
                        *[_mean_and_spread(cell, name) for name in metrics],
                    ]
                )
    note = "Mean ± standard deviation over the finite seeds of a cell. Click a heading to sort."
    return page.element("h2", "Every cell") + page.element("p", note, "soft") + page.sortable(headers, rows)


def _mean_and_spread(cell: summary.Cell, name: str) -> tuple[str, float]:
    mean, spread = cell.mean[name], cell.spread[name]
    text = words.number(mean, 3) + (f" ± {words.number(spread)}" if np.isfinite(spread) else "")
    return text, mean


def fits(run: summary.Run) -> str:
    """Section with exponents, laws and rank correlations of every arm, rung and metric."""
    headers = ["Model", "Rung", "Metric", "Used", "Left out", "slope in N", "slope in D"]
    headers += ["E", "alpha", "beta", "alpha at most data", "beta at largest size", "foretells best", "without numbers"]
    rows: list[list[str | tuple[str, float]]] = [
        [
            words.arm(record["arm"]),
            record["rung"],
            words.metric(record["metric"]),
            (str(record["num_points"]), record["num_points"]),
            (str(record["num_excluded"]), record["num_excluded"]),
            *[_sorted_interval(record["slopes"][name]) for name in ("num_params", "num_train")],
            *[_sorted_interval(record["joint"][name]) for name in ("E", "alpha", "beta")],
            _sorted_interval(record["along_num_params"]["alpha"]),
            _sorted_interval(record["along_num_train"]["alpha"]),
            record["best_form"] or "–",
            record["slopes"]["reason"] or record["joint"]["reason"],
        ]
        for record in run.fits["fits"]
    ]
    method = run.fits["method"]
    note = (
        "Slopes are exponents of a pure power law, negative where the metric falls. E, alpha and beta belong to "
        f"E + A N^-alpha + B D^-beta; the two columns after them to E + A x^-alpha in one variable. Exponents are "
        f"sought between {method['exponent_range'][0]:g} and {method['exponent_range'][1]:g}; "
        f"{method['num_bootstrap']:,} resamples; {method['groups']}. The form that "
        "foretells best is fitted without the quarter of cells with the largest N D and judged there."
    )
    correlations: list[list[str | tuple[str, float]]] = [
        [
            words.arm(record["arm"]),
            record["rung"],
            words.metric(record["metric"]),
            _sorted_interval(record),
            (str(record["num_points"]), record["num_points"]),
        ]
        for record in run.fits["rank_correlations"]
    ]
    return (
        page.element("h2", "Scaling laws")
        + page.element("p", note, "soft")
        + page.sortable(headers, rows)
        + page.element("h3", "Does a better in-distribution error go with a better H₂ curve?")
        + page.element("p", "Spearman correlation with the in-distribution energy error over all replicas.", "soft")
        + page.sortable(["Model", "Rung", "Metric", "Correlation", "Replicas"], correlations)
    )


def _sorted_interval(record: dict[str, Any]) -> tuple[str, float]:
    estimate = record["estimate"]
    return words.interval(record), np.nan if estimate is None else estimate


def baselines(run: summary.Run) -> str:
    """Section with the best curves that no network had a part in; empty if none were given."""
    if not run.baselines:
        return ""
    headers = list(run.baselines[0])
    rows = sorted(run.baselines, key=lambda row: float(row.get("h2_mae_ev") or "inf"))[:_MAX_BASELINE_ROWS]
    note = "Curves that no network had a part in, judged by the same metrics."
    cells = [[_baseline_cell(row[name]) for name in headers] for row in rows]
    return (
        page.element("h2", "Physics without learning") + page.element("p", note, "soft") + page.sortable(headers, cells)
    )


def _baseline_cell(text: str) -> str | tuple[str, float]:
    try:
        value = float(text)
    except ValueError:
        return text
    return words.number(value, 3), value
