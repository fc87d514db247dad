"""Bare nuclei, H2+ and ions by arm: tables of what each way of being told the charge is worth, and a figure."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from h2scale.report import charged_figures, page, style, summary, words
from h2scale.report.claims import record
from h2scale.runtime import tables
from h2scale.scaling import decisions

PAIRS = {"protons": "H⁺ H⁺", "helium_proton": "He²⁺ H⁺", "helium_nuclei": "He²⁺ He²⁺"}
WINDOWS = {"near": "below 0.62 Å", "middle": "0.62 to 6 Å", "far": "beyond 6 Å"}
CURED_SHARE = 0.1
"""A window counts as cured by an arm whose mean error there is below this share of the first arm's."""
_OTHERS = (
    ("proton_offset_ev", "Isolated H⁺, eV"),
    ("helium_nucleus_offset_ev", "Isolated He²⁺, eV"),
    ("h2_cation_mae_ev", "H₂⁺ curve, eV"),
    ("h2_cation_bond_length_angstrom", "H₂⁺ bond, Å"),
    ("h2_cation_dissociation_error_ev", "H₂⁺ at 20 Å, eV"),
    ("h2_ionization_error_ev", "H₂ to H₂⁺, eV"),
    ("h2_double_ionization_error_ev", "H₂ to 2 H⁺, eV"),
    ("test_ionization_mae_ev", "Held-out to +1, eV"),
    ("test_affinity_mae_ev", "to -1, eV"),
    ("test_double_ionization_mae_ev", "to +2, eV"),
    ("test_energy_mae_ev", "Held-out energy, eV"),
)


def is_the_question(run: summary.Run) -> bool:
    """Return whether every replica takes a charge: a study of how to tell it, which its page opens with."""
    return "protons_near_mae_ev" in run.replicas and bool(np.all(run.replicas["protons_status"] == "scored"))


def verdict_sentence(run: summary.Run, judged: Sequence[record.Verdict]) -> str:
    """Sentence that says which arms get two protons right, from the verdicts of each."""
    right = [one.arm for one in judged if one.arm and one.verdict == decisions.REFUTED]
    put_in = [arm for arm in right if set(run.replicas["prior"][run.arms == arm].tolist()) == {"coulomb"}]
    learned = ", ".join(words.arm(arm) for arm in right if arm not in put_in) or "none"
    told = f"Of {words.plural(len(summary.arms_of(run)), 'arm')} that are told the charge"
    return f"{told}, {learned} learned that two bare protons repel as 1/R; {len(put_in)} have it put in by hand."


def section(run: summary.Run, figures: Path) -> str:
    """Write the tables and draw the figure; empty where no replica takes a charge."""
    if "protons_near_mae_ev" not in run.replicas or not np.any(_scored(run.replicas)):
        return ""
    cells = _largest_cells(run)
    svg = style.save(charged_figures.nuclei_errors(run, cells), figures, "bare_nuclei")
    caption = (
        "Error of the energy of two bare nuclei against Z Z / R, each from its own isolated nuclei: median over the "
        "seeds of each arm's largest model with the most data. Dotted lines part the windows."
    )
    note = (
        "Mean absolute errors against Coulomb's law in eV, forces behind the stroke in eV/Å; each curve is measured "
        "from the model's own separated nuclei. Mean over the seeds of the largest model with the most data."
    )
    other = (
        "Isolated nuclei, H₂⁺ at 20 Å and ionization energies are signed, model minus exact; held-out molecules mean "
        "absolute errors against labels, +2 asked and never trained on. Isolated H⁺ is measured from the model's own "
        "H."
    )
    headers = ["Arm", "Seeds", *(f"{pair}, {window}" for pair in PAIRS.values() for window in WINDOWS.values())]
    return "".join(
        [
            page.element("h2", "Two bare nuclei, H₂⁺ and ions"),
            page.picture(svg, "Errors of bare nuclei against distance", caption),
            "" if is_the_question(run) else page.element("p", cures(run), "lead"),
            page.element("p", note, "soft"),
            page.sortable(headers, [_window_row(arm, rows) for arm, rows in cells.items()]),
            page.element("p", other, "soft"),
            page.sortable(["Arm", *(title for _, title in _OTHERS)], [_other_row(arm, cells[arm]) for arm in cells]),
        ]
    )


def cures(run: summary.Run) -> str:
    """Sentence that says, of two protons, which arms cure which window, beside the first arm of the table."""
    cells = _largest_cells(run)
    first, *others = cells
    sentences = []
    for window, title in WINDOWS.items():
        name = f"protons_{window}_mae_ev"
        reference = _mean(cells[first], name)
        cured = [
            charged_figures.ARMS.get(arm, arm) for arm in others if _mean(cells[arm], name) < CURED_SHARE * reference
        ]
        who = "; ".join(cured) if cured else "no arm"
        sentences.append(f"{title[0].upper()}{title[1:]}, where it is {words.number(reference)} eV: {who}.")
    title = charged_figures.ARMS.get(first, first)
    share = words.number(CURED_SHARE)
    return f"What brings the two-proton error of the arm “{title}” below {share} of what it is. {' '.join(sentences)}"


def _scored(replicas: tables.Table) -> np.ndarray:
    return (replicas["protons_status"] == "scored") & replicas["finite"]


def _largest_cells(run: summary.Run) -> dict[str, tables.Table]:
    """Scored replicas of the largest model and most data of each arm by its name, the reference first."""
    names = dict.fromkeys(name for label in summary.arms_of(run) for name in run.replicas["arm"][run.arms == label])
    cells = {}
    for name in names:
        scored = tables.select(run.replicas, _scored(run.replicas) & (run.replicas["arm"] == name))
        if len(scored["arm"]):
            cells[name] = summary.at_largest(summary.at_largest(scored, "num_train"), "num_params")
    return cells


def _mean(rows: tables.Table, name: str) -> float:
    values = rows[name][np.isfinite(rows[name])]
    return float(values.mean()) if len(values) else np.nan


def _window_row(arm: str, rows: tables.Table) -> list[str | tuple[str, float]]:
    cells: list[str | tuple[str, float]] = [
        charged_figures.ARMS.get(arm, arm),
        (str(len(rows["arm"])), len(rows["arm"])),
    ]
    for pair in PAIRS:
        for window in WINDOWS:
            energy = _mean(rows, f"{pair}_{window}_mae_ev")
            force = _mean(rows, f"{pair}_{window}_force_mae_ev_per_angstrom")
            cells.append((f"{words.number(energy)} / {words.number(force)}", energy))
    return cells


def _other_row(arm: str, rows: tables.Table) -> list[str | tuple[str, float]]:
    return [
        charged_figures.ARMS.get(arm, arm),
        *((words.number(_mean(rows, name), 3), _mean(rows, name)) for name, _ in _OTHERS),
    ]
