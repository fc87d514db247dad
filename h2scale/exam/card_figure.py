"""The figure of a report card: every curve of one model beside its references."""

import math
from typing import Any

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_COLUMNS = 4
_REFERENCE_STYLES = ("-", "--", "-.", ":")
_TICKS_ANGSTROM = (0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
_RATIOS = ("bare nuclei", "compression")
"""Sections near Coulomb's law of the nuclei, over which they are drawn: thousands of eV would leave nothing to see."""


def draw(results: dict[str, Any]) -> Figure:
    """Return one panel for each curve of a model of exam.json; distances are in angstrom, energies in eV.

    Bare and compressed nuclei are shown as a part of their Coulomb repulsion.

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


def _is_ratio(curve: dict[str, Any]) -> bool:
    return curve["section"] in _RATIOS and bool(curve["references"])


def _panel(axes: Axes, curve: dict[str, Any], name: str) -> None:
    distances = np.array(curve["distances"], float)
    references = {label: np.array(energies, float) for label, energies in curve["references"].items()}
    energies = np.array(curve["energies"], float)
    if _is_ratio(curve):
        exact = next(iter(references.values()))
        references = {label: values / exact for label, values in references.items()}
        energies = energies / exact
    for style, (label, values) in zip(_REFERENCE_STYLES * 8, references.items(), strict=False):
        axes.plot(distances, values, color="black", linestyle=style, linewidth=1.2, label=label)
    axes.plot(distances, energies, color="tab:blue", linewidth=1.6, label=name)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticker.FixedLocator(_TICKS_ANGSTROM))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.set_xlim(distances.min(), distances.max())
    if _is_ratio(curve):
        axes.set_ylim(-0.25, 1.5)
        axes.set_ylabel("E R / (Z Z 14.4 eV Å)", fontsize=7)
    else:
        axes.set_ylim(*_limits(next(iter(references.values()), energies)))
    axes.set_title(f"{curve['system']}, {curve['section']}", fontsize=9)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6, frameon=False)


def _limits(guide: np.ndarray) -> tuple[float, float]:
    """Lowest and highest energy of a panel, eV: the well of the guide, or all of what has none."""
    if not np.isfinite(guide).any():
        return -1.0, 1.0
    low = min(float(np.nanmin(guide)), 0.0)
    depth = max(-low, 0.5)
    top = 1.6 * depth if low < -0.1 else min(float(np.nanmax(guide)), 20.0) + 0.5
    return low - 0.5 * depth, top
