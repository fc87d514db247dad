"""Wording of numbers, metrics and rungs in figures and text."""

import math
from collections.abc import Mapping

MINUS = "\N{MINUS SIGN}"
RUNGS = {
    "equilibrium": "Equilibrium only",
    "thermal": "+ thermal",
    "stretched": "+ stretched bonds",
    "h2": "+ H₂ itself",
}
METRICS = {
    "test_energy_mae_ev_per_atom": ("In-distribution energy error", "eV/atom"),
    "test_energy_mae_ev": ("In-distribution energy error", "eV"),
    "test_energy_median_ae_ev": ("In-distribution energy error, median", "eV"),
    "test_within_43_mev_share": ("In distribution, within 43 meV", "share"),
    "zero_test_energy_mae_ev": ("In distribution, predicting zero", "eV"),
    "zero_test_force_mae_ev_per_angstrom": ("Forces, predicting zero", "eV/Å"),
    "ridge_test_energy_mae_ev": ("In distribution, ridge regression", "eV"),
    "unseen_energy_mae_ev": ("Unseen elements and bonds", "eV"),
    "h2_beyond_wall_mae_ev": ("H₂ error from 0.6 Å on", "eV"),
    "h2_beyond_wall_teacher_mae_ev": ("H₂ distance to the teacher from 0.6 Å on", "eV"),
    "test_force_mae_ev_per_angstrom": ("In-distribution force error", "eV/Å"),
    "h2_mae_ev": ("H₂ curve error", "eV"),
    "h2_wall_mae_ev": ("H₂ wall error (below 0.6 Å)", "eV"),
    "h2_well_mae_ev": ("H₂ well error (0.6 to 1.2 Å)", "eV"),
    "h2_middle_mae_ev": ("H₂ middle error (1.2 to 3 Å)", "eV"),
    "h2_tail_mae_ev": ("H₂ tail error (beyond 3 Å)", "eV"),
    "h2_teacher_mae_ev": ("H₂ distance to the teacher", "eV"),
    "h2_npe_ev": ("H₂ non-parallelity", "eV"),
    "h2_bond_length_angstrom": ("H₂ bond length", "Å"),
    "h2_well_depth_ev": ("H₂ well depth", "eV"),
    "protons_mae_ev": ("Two-proton error", "eV"),
}
_MODELS = {"nequip": "NequIP", "schnet": "SchNet"}


def number(value: float | None, digits: int = 2) -> str:
    """Write a number to so many significant digits, with a true minus sign; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = digits - 1 - math.floor(math.log10(abs(rounded)))
    plain = 1e-4 <= abs(rounded) < 1e6
    text = f"{rounded:,.{max(0, decimals)}f}" if plain else f"{rounded:.{digits - 1}e}"
    return text.replace("-", MINUS)


def interval(record: Mapping[str, float | None] | None, digits: int = 2) -> str:
    """Write an estimate with its interval as `0.4 [0.3, 0.5]`; the estimate alone where there is no interval.

    What is not finite is as if it were not there.
    """
    if record is None or not _is_known(record["estimate"]):
        return "–"
    estimate = number(record["estimate"], digits)
    if not _is_known(record["low"]):
        return f"{estimate} (no interval)"
    return f"{estimate} [{number(record['low'], digits)}, {number(record['high'], digits)}]"


def count(value: float) -> str:
    """Write a whole number with thousands separated: 74,240."""
    return f"{value:,.0f}"


def short_count(value: float) -> str:
    """Write a count for axes and legends: 740, 7.4k, 1.2M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.0f}"


def plural(amount: int, noun: str) -> str:
    """Write an amount with its noun: `1 replica`, `2 replicas`."""
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


def rung(name: str) -> str:
    """Title of a rung."""
    return RUNGS.get(name, name)


def arm(label: str) -> str:
    """Title of an arm, whose label starts with a model's name."""
    head, *rest = label.split(",")
    return ",".join([_MODELS.get(head, head), *rest])


def metric(name: str) -> str:
    """Axis label of a metric, with its unit."""
    title, unit = METRICS[name]
    return f"{title} ({unit})"


def _is_known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
