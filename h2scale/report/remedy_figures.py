"""Figures of the ladder: error on broken bonds by rung, exponents beside each other, curves that a rung spoils."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from h2scale.report import remedy_numbers as numbers
from h2scale.report import style
from h2scale.runtime import tables

LEARNED, UNLEARNED, SPOILED = "#0072B2", style.GREY, "#D55E00"
_BROKEN, _HELD_OUT = "#D55E00", "#0072B2"
_FLOOR_KCAL = 0.02
_LINEAR_KCAL = 3.0
"""Signed errors are drawn to scale up to this one, by logarithm beyond."""
_SIGNED_KCAL = (-300, -100, -30, -10, -3, -1, 0, 1, 3, 10, 30, 100, 300)
_METRICS = (("broken_kcal", "broken bonds"), ("test_kcal", "held-out molecules"))
_VARIABLES = (("num_train", "training molecules"), ("num_params", "parameters"))


def ladder(
    regions: tables.Table,
    members: tables.Table,
    order: Sequence[str],
    seconds: Mapping[str, float],
    compared: Sequence[str],
) -> Figure:
    """Draw each rung's error on every broken bond, and on held-out molecules, in the order of the ladder.

    Args:
        regions: `regions.csv`.
        members: `members.csv`.
        order: rungs and methods from left to right.
        seconds: processor time of a molecule, by rung or method; others show none.
        compared: curves that the means are over.
    """
    figure, grid = style.panels(1, 1, max(7.5, 0.78 * len(order)), 4.8)
    axes = grid[0, 0]
    for place, rung in enumerate(order):
        own = tables.select(regions, (regions["rung"] == rung) & (regions["region"] == "broken"))
        worse = own["worse_than_base"] > 0
        at = place + np.linspace(-0.22, 0.22, max(len(own["mean_kcal"]), 1))
        values = np.maximum(own["mean_kcal"], _FLOOR_KCAL)
        colour = LEARNED if (own["base"] != "").any() or rung in ("plain", "priors") else UNLEARNED
        axes.scatter(at[~worse], values[~worse], s=22, color=colour, zorder=3)
        axes.scatter(at[worse], values[worse], s=34, color=SPOILED, marker="X", zorder=4)
        if len(values):
            mean, _ = numbers.mean_kcal(regions, rung, compared, "broken")
            axes.scatter([place], [max(mean, _FLOOR_KCAL)], s=260, marker="_", color=style.INK, zorder=5)
        axes.scatter(
            [place + 0.36], [numbers.held_out(members, rung)], s=34, marker="D", facecolor="none", edgecolor=style.INK
        )
    axes.axhline(numbers.MEAN_KCAL, color=style.GREY, linewidth=0.8, linestyle=":")
    labels = [f"{rung}\n{seconds[rung]:.1g} s" if rung in seconds else rung for rung in order]
    axes.set_xticks(range(len(order)), labels, rotation=35, ha="right")
    style.log_axis(axes.yaxis)
    axes.set_ylabel("Error beyond the well (kcal/mol)")
    axes.set_title("Broken bonds by what is built in")
    style.legend_below(
        figure,
        [
            _mark("o", LEARNED, "broken bond, learned"),
            _mark("o", UNLEARNED, "not learned"),
            _mark("X", SPOILED, "worse than base"),
            _mark("_", style.INK, "mean of bonds that nothing is exact for"),
            _mark("D", style.INK, "held out"),
        ],
    )
    return figure


def exponents(table: tables.Table, order: Sequence[str]) -> Figure:
    """Draw exponents of the held-out and the broken-bond error; intervals of both variables hold together in 95 %."""
    figure, grid = style.panels(1, 2, 5.4, 0.7 + 0.5 * max(len(order), 3), sharey=True)
    for axes, (variable, title) in zip(grid[0], _VARIABLES, strict=True):
        axes.axvline(0, color=style.INK, linewidth=1)
        for shift, (metric, _), colour in zip((0.14, -0.14), _METRICS, (_BROKEN, _HELD_OUT), strict=True):
            _intervals(axes, table, order, metric, variable, shift, colour)
        axes.set_yticks(range(len(order)), order)
        axes.set_xlabel("Exponent of the error (negative: it falls)")
        axes.set_title(f"With {title}")
    grid[0, 0].invert_yaxis()  # both panels: they share it
    style.legend_below(
        figure, [_mark("o", colour, name) for (_, name), colour in zip(_METRICS, (_BROKEN, _HELD_OUT), strict=True)]
    )
    return figure


def scaling(members: tables.Table, order: Sequence[str]) -> Figure:
    """Draw held-out and broken-bond error against training molecules, a panel a rung, a colour a size."""
    columns = min(5, len(order))
    figure, grid = style.panels(-(-len(order) // columns), columns, 3.1, 3.2, sharey=True)
    for axes, rung in zip(grid.ravel(), order, strict=False):
        own = tables.select(members, members["rung"] == rung)
        colours = style.size_colours(own["num_params"].tolist())
        for size, colour in colours.items():
            of_size = tables.select(own, own["num_params"] == size)
            at = np.unique(of_size["num_train"])
            for metric, dashes in (("broken_kcal", "-"), ("test_kcal", ":")):
                mean = [np.exp(np.mean(np.log(of_size[metric][of_size["num_train"] == n]))) for n in at]
                axes.plot(at, mean, dashes, color=colour, linewidth=1.6, marker="o", markersize=3)
        style.log_axis(axes.xaxis, np.unique(own["num_train"]), counts=True)
        style.log_axis(axes.yaxis)
        axes.set_title(rung)
        axes.set_xlabel("Training molecules")
    for axes in grid.ravel()[len(order) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("Mean error (kcal/mol)")
    solid = Line2D([], [], color=style.INK, linestyle="-", label="broken bonds")
    dotted = Line2D([], [], color=style.INK, linestyle=":", label="held out")
    style.legend_below(figure, [solid, dotted])
    return figure


def curves(points: tables.Table, order: Sequence[str]) -> Figure:
    """Draw signed errors along every curve, a panel a system, a line a rung or method."""
    systems = list(dict.fromkeys(points["system"].tolist()))
    columns = min(4, len(systems))
    lines = -(-len(systems) // columns)
    figure, grid = style.panels(lines, columns, 3.5, 2.9)
    colours = dict(zip(order, ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"), strict=False))
    for axes, system in zip(grid.ravel(), systems, strict=False):
        for rung, colour in colours.items():
            own = tables.select(points, (points["system"] == system) & (points["rung"] == rung))
            axes.plot(own["distance_angstrom"], own["error_kcal"], color=colour, linewidth=1.5)
        axes.axhline(0, color=style.INK, linewidth=0.8)
        axes.set_yscale("symlog", linthresh=_LINEAR_KCAL)
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, -_LINEAR_KCAL), max(high, _LINEAR_KCAL))
        axes.yaxis.set_major_locator(FixedLocator(_SIGNED_KCAL))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_title(system)
        axes.set_xlabel("Distance (Å)")
    for axes in grid.ravel()[len(systems) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("Error (kcal/mol)")
    style.legend_below(figure, [Line2D([], [], color=colour, label=rung) for rung, colour in colours.items()])
    return figure


def _intervals(
    axes: Axes, table: tables.Table, order: Sequence[str], metric: str, variable: str, shift: float, colour: str
) -> None:
    for place, rung in enumerate(order):
        own = (table["rung"] == rung) & (table["metric"] == metric) & (table["variable"] == variable)
        for value, low, high in zip(table["exponent"][own], table["low"][own], table["high"][own], strict=True):
            axes.plot([low, high], [place + shift] * 2, color=colour, linewidth=2)
            axes.plot([value], [place + shift], "o", color=colour, markersize=5)


def _mark(marker: str, colour: str, label: str) -> Line2D:
    hollow = "none" if marker == "D" else colour
    return Line2D([], [], color=colour, marker=marker, markerfacecolor=hollow, linewidth=0, label=label)
