"""Figure of bare nuclei: the error of each arm against the distance."""

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from h2scale.physics import charged_systems
from h2scale.report import style, summary
from h2scale.runtime import tables

_TITLES = {"protons": "Two protons", "helium_proton": "He²⁺ and a proton", "helium_nuclei": "Two He²⁺"}
ARMS = {
    "embedding": "embedding",
    "embedding_nuclei": "embedding, saw isolated nuclei",
    "embedding_cutoff16": "embedding, saw isolated nuclei, cutoff 16 Å",
    "embedding_sees_pairs": "embedding, saw He²⁺ with H⁺",
    "embedding_sees_pairs_cutoff16": "embedding, saw He²⁺ with H⁺, cutoff 16 Å",
    "embedding_anions": "embedding, saw isolated nuclei and anions",
    "embedding_pinned": "embedding, isolated atoms and ions pinned",
    "charges": "partial charges",
    "charges_nuclei": "partial charges, saw isolated nuclei",
    "bare": "repulsion of bare nuclei put in",
    "bare_nuclei": "repulsion of bare nuclei put in, saw isolated nuclei",
}
"""Arms of `experiments/charged.py` in words; an arm of another name is called by it."""
_FLOOR_EV = 1e-4  # errors below are drawn there; rounding alone is smaller


def nuclei_errors(run: summary.Run, cells: Mapping[str, tables.Table]) -> Figure:
    """Draw the median absolute error of bare pairs against Coulomb's law, one panel a pair, one line an arm.

    Args:
        run: the tables of a study.
        cells: replicas of each arm whose curves are drawn.
    """
    figure, grid = style.panels(1, len(_TITLES), 4.0, 4.6, sharey=True)
    colours = {arm: colormaps["tab20"](place / 20) for place, arm in enumerate(cells)}
    for axes, (system, title) in zip(grid[0], _TITLES.items(), strict=True):
        for arm, rows in cells.items():
            found = [curve for _, curve in summary.curves_of(run, rows, system)]
            if found:
                errors = [np.abs(curve["energy_ev"] - curve["exact_ev"]) for curve in found]
                error = np.maximum(np.median(errors, axis=0), _FLOOR_EV)
                axes.plot(found[0]["distance_angstrom"], error, color=colours[arm], linewidth=1.8)
        for edge in (charged_systems.NEAR_BELOW_ANGSTROM, charged_systems.FAR_FROM_ANGSTROM):
            axes.axvline(edge, color=style.GREY, linewidth=1, linestyle=(0, (1, 2)))
        style.distance_axis(axes)
        axes.set_xlim(0.2, 20)
        style.log_axis(axes.yaxis, 10.0 ** np.arange(-4, 4))
        axes.set(title=title, xlabel="Distance (Å)")
    grid[0, 0].set_ylabel("Error of the energy (eV)")
    style.legend_below(
        figure, [Line2D([], [], color=colour, linewidth=2, label=ARMS.get(arm, arm)) for arm, colour in colours.items()]
    )
    return figure
