"""The figure of physics without learning: H2 curves of standard methods, and their errors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from h2scale.physics import baselines
from h2scale.report import curve_figures, style

_ERROR_FLOOR_EV = 1e-4
# A family shares a colour (Okabe and Ito); restricted is dashed, corrected dotted.
_LINES = {
    "RHF": ("#D55E00", "--"),
    "UHF": ("#D55E00", "-"),
    "UHF - c s^2": ("#D55E00", ":"),
    "PBE0": ("#0072B2", "--"),
    "UPBE0": ("#0072B2", "-"),
    "B3LYP": ("#56B4E9", "--"),
    "CAS(2,2)": ("#009E73", "-"),
    "CAS(2,2) - c (n_g - 1)^2": ("#009E73", ":"),
}
_FCI_COLOURS = ("#c9c9c9", "#9a9a9a", "#5f5f5f", style.INK)


def baseline_curves(rows: Sequence[baselines.Row]) -> Figure:
    """Draw energy and absolute error against distance, a line per method and basis; errors are cut at 1e-4 eV."""
    figure, grid = style.panels(1, 2, 5.6, 4.4)
    energy_axes, error_axes = grid[0]
    handles = []
    for (method, basis), (colour, dashes) in _looks(rows).items():
        own = [row for row in rows if (row.method, row.basis) == (method, basis)]
        distance = [row.distance_angstrom for row in own]
        look: dict[str, Any] = {"color": colour, "linestyle": dashes, "linewidth": 1.5}
        energy_axes.plot(distance, [row.energy_ev for row in own], **look)
        error_axes.plot(distance, np.maximum(np.abs([row.error_ev for row in own]), _ERROR_FLOOR_EV), **look)
        handles.append(Line2D([], [], label=f"{method}/{basis}", **look))
    energy_axes.plot(
        distance, [row.energy_ev - row.error_ev for row in own], color="black", linewidth=0, marker=".", markersize=3
    )
    handles.append(Line2D([], [], color="black", linewidth=0, marker=".", label="exact"))
    for axes, title in ((energy_axes, "H2 without learning"), (error_axes, "Error against the exact curve")):
        style.distance_axis(axes)
        axes.set_xlabel(curve_figures.DISTANCE)
        axes.set_title(title)
    energy_axes.set_ylim(-6, 12)
    energy_axes.set_ylabel(curve_figures.ENERGY)
    error_axes.set_yscale("log")
    error_axes.set_ylim(_ERROR_FLOOR_EV, 20)
    error_axes.set_ylabel("Absolute error (eV)")
    figure.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.3)
    return figure


def _looks(rows: Sequence[baselines.Row]) -> dict[tuple[str, str], tuple[str, str]]:
    """Colour and line style of every method and basis; full CI darkens from basis to basis."""
    looks, shades = {}, iter(_FCI_COLOURS * len(rows))
    for name in dict.fromkeys((row.method, row.basis) for row in rows):
        looks[name] = _LINES[name[0]] if name[0] in _LINES else (next(shades), "-")
    return looks
