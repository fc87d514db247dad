"""Figures of energy against distance: the models' curves of H2 and of two bare protons."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from h2scale.physics import curves
from h2scale.report import style, summary, words
from h2scale.runtime import tables

DISTANCE = "H–H distance (Å)"
ENERGY = "Energy relative to two separated atoms (eV)"
_REGION_EDGES = (0.2, curves.WALL_BELOW_ANGSTROM, curves.WELL_BELOW_ANGSTROM, curves.TAIL_BEYOND_ANGSTROM, 8.0)
_REGIONS = ("wall", "well", "middle", "tail")


def h2_curves(run: summary.Run, arm: str) -> Figure:
    """Draw H2 curves of every size and seed at the most data, beside exact, FCI and teacher; one panel per rung."""
    rungs = summary.rungs_of(run, arm)
    figure, grid = style.panels(1, len(rungs), _panel_width(rungs), 4.0, sharey=True)
    colours = _size_colours(run, arm)
    for axes, rung in zip(grid[0], rungs, strict=True):
        found = summary.curves_of(run, summary.at_largest(summary.rows_of(run, arm, rung), "num_train"), "h2")
        for num_params, curve in found:
            axes.plot(
                curve["distance_angstrom"], curve["energy_ev"], color=colours[num_params], linewidth=1.3, alpha=0.9
            )
        if found:
            draw_references(axes, found[0][1])
        frame(axes, words.rung(rung), (-6, 12))
    grid[0, 0].set_ylabel(ENERGY)
    _legend(figure, colours, REFERENCE_LINES)
    return figure


def signed_error(run: summary.Run, arm: str) -> Figure:
    """Draw model minus exact along the curve with the four regions shaded, and the teacher's own error."""
    rungs = summary.rungs_of(run, arm)
    figure, grid = style.panels(1, len(rungs), _panel_width(rungs), 4.0, sharey=True)
    colours = _size_colours(run, arm)
    for axes, rung in zip(grid[0], rungs, strict=True):
        _shade_regions(axes)
        axes.axhline(0, color=style.INK, linewidth=1.2)
        found = summary.curves_of(run, summary.at_largest(summary.rows_of(run, arm, rung), "num_train"), "h2")
        for num_params, curve in found:
            error = curve["energy_ev"] - curve["exact_ev"]
            axes.plot(curve["distance_angstrom"], error, color=colours[num_params], linewidth=1.3, alpha=0.9)
        if found:
            curve = found[0][1]
            error = curve["teacher_ev"] - curve["exact_ev"]
            axes.plot(curve["distance_angstrom"], error, color=style.TEACHER, linewidth=2, linestyle=(0, (4, 1.5)))
        axes.set_yscale("symlog", linthresh=0.1, linscale=0.6)
        frame(axes, words.rung(rung), (-40, 40))
        axes.set_yticks([-10, -1, -0.1, 0, 0.1, 1, 10], [f"{words.MINUS}10", f"{words.MINUS}1", "", "0", "", "1", "10"])
    grid[0, 0].set_ylabel("Model minus exact energy (eV)")
    teacher = Line2D([], [], color=style.TEACHER, linewidth=2, linestyle=(0, (4, 1.5)), label="teacher minus exact")
    _legend(figure, colours, [teacher])
    return figure


def proton_curves(run: summary.Run, arm: str) -> Figure:
    """Draw the energy of two bare protons beside 1/R, for arms that take the charge as input."""
    rungs = summary.rungs_of(run, arm)
    figure, grid = style.panels(1, len(rungs), _panel_width(rungs), 4.0, sharey=True)
    colours = _size_colours(run, arm)
    for axes, rung in zip(grid[0], rungs, strict=True):
        found = summary.curves_of(run, summary.at_largest(summary.rows_of(run, arm, rung), "num_train"), "protons")
        for num_params, curve in found:
            axes.plot(
                curve["distance_angstrom"], curve["energy_ev"], color=colours[num_params], linewidth=1.3, alpha=0.9
            )
        if found:
            curve = found[0][1]
            axes.plot(curve["distance_angstrom"], curve["exact_ev"], color=style.INK, linewidth=2.2)
        frame(axes, words.rung(rung), (-12, 76))
    grid[0, 0].set_ylabel("Energy of two bare protons (eV)")
    _legend(figure, colours, [Line2D([], [], color=style.INK, linewidth=2.2, label="exact, 14.4 eV Å / R")])
    return figure


def draw_references(axes: Axes, curve: tables.Table) -> None:
    """Draw exact, FCI and teacher curves over the others; a reference without numbers leaves no line."""
    distance = curve["distance_angstrom"]
    axes.plot(distance, curve["teacher_ev"], color=style.TEACHER, linewidth=2, linestyle=(0, (4, 1.5)), zorder=4)
    axes.plot(distance, curve["exact_ev"], color=style.INK, linewidth=2.2, zorder=5)
    axes.plot(distance, curve["fci_ev"], color="#bdbdbd", linewidth=0.9, linestyle=(0, (2, 2)), zorder=6)


REFERENCE_LINES = [
    Line2D([], [], color=style.INK, linewidth=2.2, label="exact"),
    Line2D([], [], color="#9a9a9a", linewidth=1.2, linestyle=(0, (2, 2)), label="FCI, finite basis"),
    Line2D([], [], color=style.TEACHER, linewidth=2, linestyle=(0, (4, 1.5)), label="teacher"),
]


def _size_colours(run: summary.Run, arm: str) -> dict[float, style.Colour]:
    return style.size_colours(run.replicas["num_params"][run.arms == arm].tolist())


def _panel_width(rungs: list[str]) -> float:
    return 3.6 if len(rungs) > 1 else 6.0


def frame(axes: Axes, title: str, limits: tuple[float, float]) -> None:
    """Set distance axis, energy limits in eV and title of one panel."""
    style.distance_axis(axes)
    axes.set_ylim(*limits)
    axes.set_xlabel(DISTANCE)
    axes.set_title(title)


def _shade_regions(axes: Axes) -> None:
    for index, name in enumerate(_REGIONS):
        low, high = _REGION_EDGES[index : index + 2]
        axes.axvspan(low, high, color="#f3f4f7" if index % 2 == 0 else "white", zorder=0, linewidth=0)
        axes.text(np.sqrt(low * high), 28, name, ha="center", va="center", fontsize=8.5, color=style.GREY)


def _legend(figure: Figure, colours: dict[float, style.Colour], references: list[Line2D]) -> None:
    sizes = [
        Line2D([], [], color=colour, linewidth=2, label=f"{words.short_count(size)} parameters")
        for size, colour in colours.items()
    ]
    style.legend_below(figure, [*references, *sizes])
