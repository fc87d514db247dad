"""The figure of one bond's dissociation curve: remedy, base and reference."""

import numpy as np
from matplotlib.figure import Figure

from h2scale.report import style
from h2scale.runtime import tables

_REMEDY, _BASE = "#0072B2", "#D55E00"


def curve(table: tables.Table, *, title: str, remedy: str, base: str) -> Figure:
    """Draw energy against distance.

    Args:
        table: columns `distance_angstrom`, `energy_ev`, `base_ev`, `reference_ev`, `reference` of `h2scale curve`.
        title: the molecule.
        remedy: the remedy's title.
        base: its base's name.
    """
    figure, grid = style.panels(1, 1, 6.4, 4.2)
    axes = grid[0, 0]
    distance = table["distance_angstrom"]
    if np.isfinite(table["reference_ev"]).any():
        label = str(table["reference"][0])
        axes.plot(distance, table["reference_ev"], color=style.INK, linewidth=0, marker="o", markersize=4, label=label)
    axes.plot(distance, table["base_ev"], color=_BASE, linestyle="--", linewidth=1.4, label=f"{base}, its base")
    axes.plot(distance, table["energy_ev"], color=_REMEDY, linewidth=1.8, label=remedy)
    axes.axhline(0, color=style.GREY, linewidth=0.8)
    deepest = min(float(np.nanmin(table["energy_ev"])), -0.1)
    axes.set_ylim(1.15 * deepest, max(-deepest, 1.0))
    axes.set_xlabel("Bond length (Å)")
    axes.set_ylabel("Energy relative to isolated atoms (eV)")
    axes.set_title(title)
    axes.legend(loc="upper right")
    return figure
