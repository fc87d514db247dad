"""Laws, slopes and correlations of a run: from `replicas.csv` to `fits.json`.

Layout of `fits.json` (null where there is no number; a neighbouring `reason` says why):

    method     huber_delta, num_bootstrap, confidence, exponent_range, groups (words)
    fits       one record for each arm, rung and metric:
        arm, rung, metric, num_points, num_excluded (points without a finite, positive value)
        joint      the law E + A N^-alpha + B D^-beta: formula, reason, and for each of E, A, B, alpha, beta
                   {estimate, low, high}
        slopes     log metric against log N and log D at once: reason, and for num_params and num_train
                   {estimate, low, high, p_value, direction}; direction is falls, rises, no trend or unknown
        along_num_params, along_num_train
                   E + A x^-alpha in one variable at the largest value of the other: fixed (that value), reason, and
                   {estimate, low, high} for E, A, alpha
        bands      the joint law on a fine grid in one variable at the largest value of the other, for plotting:
                   {num_params: {fixed, x, fit, low, high}, num_train: {...}}, or null
        forms      for every law, root mean square of log(metric / prediction) on held-out largest cells
        best_form  the smallest of these, or null
    rank_correlations
                   for each arm and rung, Spearman correlation of each H2 metric with the in-distribution energy error:
                   metric, estimate, low, high, num_points

An arm is a model together with whatever else differs between its replicas besides size, data and seed.
"""

import json
import os
from pathlib import Path

import numpy as np

from h2scale.runtime import files, tables
from h2scale.scaling import estimation, laws, parametric, slopes
from h2scale.scaling.parametric import fit_parametric  # users' scripts call fits.fit_parametric

__all__ = ("arm_labels", "fit_parametric", "fit_study", "write_fits")

METRICS = (
    "test_energy_mae_ev_per_atom",
    "test_force_mae_ev_per_angstrom",
    *tables.H2_ERROR_COLUMNS,
    "h2_npe_ev",
    "protons_mae_ev",
)
_IN_DISTRIBUTION = "test_energy_mae_ev_per_atom"
_SWITCHES = {
    "prior": "prior {}",
    "isolated_atom_exact": "isolated atoms exact: {:.0f}",
    "include_h2_equilibrium": "H₂ minimum: {:.0f}",
    "include_isolated_atoms": "isolated atoms trained on: {:.0f}",
    "include_hydrogen_pairs": "hydrogen pairs: {:.0f}",
    "pinned_share": "pinned share {:g}",
    "energy_weight": "energy weight {:g}",
    "force_weight": "force weight {:g}",
    "conditioning": "conditioning {}",
    "electrostatics": "electrostatics {}",
    "ions": "ions trained on: {:.0f}",
    "spin_states": "spin states trained on: {:.0f}",
    "include_anions": "anions trained on: {:.0f}",
    "include_bare_nuclei": "isolated nuclei trained on: {:.0f}",
    "include_helium_with_proton": "He²⁺ with H⁺ trained on: {:.0f}",
    "l_max": "l_max {:g}",
    "num_layers": "{:g} layers",
    "cutoff_angstrom": "cutoff {:g} Å",
    "teacher": "{}",
    "protons_status": "protons {}",
}
_SCHEDULES = {"learning_rate": "rate {:g}", "steps": "{:g} steps"}
_CELL = ("model", "num_features", "rung", "num_train", "seed")
_NUM_BAND_POINTS = 24
_HUBER_DELTA = 1e-3


def write_fits(workdir: str | os.PathLike, *, num_bootstrap: int = 1000, seed: int = 0) -> None:
    """Read `replicas.csv` in a folder and write `fits.json` beside it, in the layout above.

    Args:
        workdir: the folder of a run.
        num_bootstrap: resamples for each interval of a law.
        seed: of the resampling.

    Raises:
        ValueError: `replicas.csv` is missing or malformed.
    """
    workdir = Path(workdir)
    replicas = tables.read_table(workdir / "replicas.csv")
    study = fit_study(replicas, num_bootstrap=num_bootstrap, seed=seed)
    files.write_text(workdir / "fits.json", json.dumps(study, indent=1, allow_nan=False) + "\n")


def fit_study(replicas: tables.Table, *, num_bootstrap: int = 1000, seed: int = 0) -> dict:
    """Return the content of `fits.json` for a table of replicas, ready for JSON."""
    arms = arm_labels(replicas)
    records, correlations = [], []
    for arm in _ordered(arms):
        for rung in _ordered(replicas["rung"][arms == arm]):
            rows = tables.select(replicas, (arms == arm) & (replicas["rung"] == rung))
            for metric in METRICS:
                if metric != "protons_mae_ev" or np.any(rows["protons_status"] == "scored"):
                    record = _fit_metric(rows, metric, num_bootstrap, seed)
                    records.append({"arm": arm, "rung": rung, "metric": metric} | record)
                if metric.startswith("h2_"):
                    record = _correlate(rows, metric)
                    correlations.append({"arm": arm, "rung": rung, "metric": metric} | record)
    method = {
        "huber_delta": _HUBER_DELTA,
        "num_bootstrap": num_bootstrap,
        "confidence": 0.95,
        "exponent_range": list(estimation.EXPONENT_RANGE),
        "groups": "laws resample (N, D) cells with all their seeds; slopes report the widest interval of errors "
        "grouped by (N, D) cell, by (N, seed) and by (D, seed)",
    }
    return {"method": method, "fits": records, "rank_correlations": correlations}


def arm_labels(replicas: tables.Table) -> np.ndarray:
    """Name the arm of every replica: its model, and what distinguishes it from the plain arm of that model.

    The plain arm is the one that is named like its model, or else the first.

    Where no arm is named like the model and one differs in two settings or more, all go by their own names, unless one
    name stands for several settings.

    A learning rate or length is named only where replicas differ in nothing else: tuned ones go with size and rung.
    Arms that are still alike differ in what no column tells, and have their own names.
    """
    labels = np.array(replicas["model"], dtype=object)
    for model in np.unique(replicas["model"]):
        rows = np.flatnonzero(replicas["model"] == model)
        rows = rows[np.argsort(replicas["arm"][rows] != model, kind="stable")]
        for name, words in _SWITCHES.items():
            if name not in replicas:  # a table of before that switch
                continue
            _add(labels, rows, replicas[name], words)
        _name_unlike_the_model(labels, rows, replicas["arm"], model)
    cells = _labels(labels.astype(str), *(replicas[name] for name in _CELL))
    for name, words in _SCHEDULES.items():
        values = replicas[name]
        if any(len(np.unique(values[cells == cell])) > 1 for cell in np.unique(cells)):
            _add(labels, np.arange(len(labels)), values, words)
            cells = _labels(labels.astype(str), *(replicas[name] for name in _CELL))
    if len(np.unique(cells)) < len(cells):
        _add(labels, np.arange(len(labels)), replicas["arm"], "{}")
    return labels.astype(str)


def _add(labels: np.ndarray, rows: np.ndarray, values: np.ndarray, words: str) -> None:
    """Add a setting to the labels of those rows that differ from the first of them in it."""
    for row in rows[1:]:
        if str(values[row]) != str(values[rows[0]]):
            labels[row] = f"{labels[row]}, {words.format(values[row])}"


def _name_unlike_the_model(labels: np.ndarray, rows: np.ndarray, arms: np.ndarray, model: str) -> None:
    names = np.unique(arms[rows])
    alike = {name: np.unique(labels[rows][arms[rows] == name].astype(str)) for name in names}
    several = any(label.count(", ") > 1 for label in labels[rows])
    if several and model not in names and all(len(found) == 1 for found in alike.values()):
        labels[rows] = [f"{model}, {name}" for name in arms[rows]]


def _ordered(labels: np.ndarray) -> list[str]:
    return list(dict.fromkeys(map(str, labels)))


def _labels(*columns: np.ndarray) -> np.ndarray:
    """One integer label for each distinct combination of values."""
    numbers = [np.unique(column, return_inverse=True)[1] for column in columns]
    return np.unique(np.stack(numbers), axis=1, return_inverse=True)[1].ravel()


def _fit_metric(rows: tables.Table, metric: str, num_bootstrap: int, seed: int) -> dict:
    num_params, num_train, loss = rows["num_params"], rows["num_train"], rows[metric]
    cells = _labels(num_params, num_train)
    joint = fit_parametric(
        num_params, num_train, loss, num_bootstrap=num_bootstrap, groups=cells, seed=seed, huber_delta=_HUBER_DELTA
    )
    usable = np.isfinite(loss) & (loss > 0)
    log_metric = np.log(np.where(usable, loss, np.nan))
    groupings = np.stack([cells, _labels(num_params, rows["seed"]), _labels(num_train, rows["seed"])])
    slope = slopes.fit_slope(np.log([num_params, num_train]), log_metric, groupings)
    forms = parametric.compare_forms(num_params, num_train, loss)
    scored = [form for form, score in forms.items() if np.isfinite(score)]
    return {
        "num_points": joint.num_points,
        "num_excluded": joint.num_excluded,
        "joint": {"formula": laws.get(joint.form).formula, "reason": joint.reason}
        | {name: _interval(getattr(joint, name)) for name in ("E", "A", "B", "alpha", "beta")},
        "slopes": {"reason": slope.reason}
        | {
            name: {key: _number(value) for key, value in one._asdict().items()}
            for name, one in zip(("num_params", "num_train"), slope.slopes, strict=True)
        },
        "along_num_params": _along(num_params, num_train, loss, num_bootstrap, seed),
        "along_num_train": _along(num_train, num_params, loss, num_bootstrap, seed),
        "bands": None if joint.reason and np.isnan(joint.E.estimate) else _bands(joint, num_params, num_train),
        "forms": {form: _number(score) for form, score in forms.items()},
        "best_form": min(scored, key=lambda form: forms[form]) if len(scored) > 1 else None,
    }


def _along(x: np.ndarray, other: np.ndarray, loss: np.ndarray, num_bootstrap: int, seed: int) -> dict:
    """The law in `x` where the other variable is largest; its replicas are resampled one by one, being so few."""
    largest = other == other.max()
    fit = parametric.fit_power_law(x[largest], loss[largest], num_bootstrap=num_bootstrap, seed=seed)
    return {"fixed": float(other.max()), "reason": fit.reason} | {
        name: _interval(getattr(fit, name)) for name in ("E", "A", "alpha")
    }


def _bands(joint: parametric.ParametricFit, num_params: np.ndarray, num_train: np.ndarray) -> dict:
    bands = {}
    for name, x, other in (("num_params", num_params, num_train), ("num_train", num_train, num_params)):
        grid = np.geomspace(x.min(), x.max(), _NUM_BAND_POINTS)
        fixed = np.full_like(grid, other.max())
        curves = parametric.predict(joint, *((grid, fixed) if name == "num_params" else (fixed, grid)))
        bands[name] = {"fixed": float(other.max()), "x": grid.tolist()} | {
            key: [_number(value) for value in curve] for key, curve in zip(("fit", "low", "high"), curves, strict=True)
        }
    return bands


def _correlate(rows: tables.Table, metric: str) -> dict:
    cells = _labels(rows["num_params"], rows["num_train"])
    estimate, low, high, count = slopes.rank_correlation(rows[_IN_DISTRIBUTION], rows[metric], cells)
    return {"estimate": _number(estimate), "low": _number(low), "high": _number(high), "num_points": count}


def _interval(interval: parametric.Interval) -> dict:
    return {name: _number(value) for name, value in interval._asdict().items()}


def _number(value: float | str) -> float | str | None:
    """Convert a value for JSON, which has no NaN; seven digits are more than any fit determines."""
    if isinstance(value, str):
        return value
    return float(f"{value:.7g}") if np.isfinite(value) else None
