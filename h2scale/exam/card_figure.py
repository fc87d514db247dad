"""The figure of a report card: every curve of one model beside its references."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_COLUMNS = 4
_REFERENCE_STYLES = ("-", "--", "-.", ":")


def draw(results: dict[str, Any]) -> Figure:
    """Return one panel for each curve of a model of exam.json; its energies are in eV, distances in angstrom.

    Raises:
        ValueError: the results hold no curve.
    """
    curves = results["curves"]
    if not curves:
        raise ValueError(f"{results['name']} has no curve to draw: its sections gave no energies.")
    columns = min(_COLUMNS, len(curves))
    rows = math.ceil(len(curves) / columns)
    figure = Figure(figsize=(3.4 * columns, 2.6 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, curve in zip(panels, curves, strict=False):
        _panel(axes, curve, results["name"])
    for axes in panels[len(curves) :]:
        axes.set_axis_off()
    figure.supxlabel("distance (Å)")
    figure.supylabel("energy (eV)")
    return figure


def _panel(axes: Axes, curve: dict[str, Any], name: str) -> None:
    distances = np.array(curve["distances"], float)
    for style, (label, energies) in zip(_REFERENCE_STYLES * 8, curve["references"].items(), strict=False):
        axes.plot(distances, np.array(energies, float), color="black", linestyle=style, linewidth=1.2, label=label)
    energies = np.array(curve["energies"], float)
    axes.plot(distances, energies, color="tab:blue", linewidth=1.6, label=name)
    axes.set_xscale("log")
    guide = np.array(next(iter(curve["references"].values()), curve["energies"]), float)
    if np.isfinite(guide).any():
        low = min(float(np.nanmin(guide)), 0.0)
        depth = max(-low, 0.5)
        top = 1.6 * depth if low < -0.1 else min(float(np.nanmax(guide)), 20.0) + 0.5
        axes.set_ylim(low - 0.5 * depth, top)
    axes.set_title(f"{curve['system']}, {curve['section']}", fontsize=9)
    axes.legend(fontsize=6, frameon=False)
