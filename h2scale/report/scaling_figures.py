"""Figures of error against scale and against training, and the headline that joins them with the curves."""

import textwrap
from typing import Any

import numpy as np
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from h2scale.report import curve_figures, style, summary, words
from h2scale.report.claims import regions

_INSIDE, _OUTSIDE = "test_energy_mae_ev_per_atom", "h2_beyond_wall_mae_ev"
_REGION = regions.REGIONS[0]
_DOTS = (0, (1.2, 1.4))
_AXES = {"num_params": "Parameters", "num_train": "Training structures"}


def error_against_scale(run: summary.Run, arm: str) -> Figure:
    """Draw in-distribution and H2 error side by side, against parameters and against data, with fitted law and band."""
    figure, grid = style.panels(2, 2, 4.6, 3.4, sharex="row", sharey="col")
    rungs = summary.rungs_of(run, arm)
    for row, axis in enumerate(_AXES):
        for column, metric in enumerate((_INSIDE, _OUTSIDE)):
            axes = grid[row, column]
            for rung in rungs:
                _draw_replicas(axes, run, arm, rung, axis, metric)
                _draw_band(axes, summary.fit_of(run, arm, rung, metric), axis, style.rung_colour(rung))
            style.log_axis(axes.yaxis)
            style.log_axis(axes.xaxis, run.replicas[axis][run.arms == arm], counts=True)
            axes.set_xlabel(_AXES[axis])
            axes.set_ylabel(words.METRICS[metric][1])
            if row == 0:
                axes.set_title(words.METRICS[metric][0])
    lines = [Line2D([], [], color=style.rung_colour(rung), linewidth=2, label=words.rung(rung)) for rung in rungs]
    style.legend_below(figure, lines)
    return figure


def heat_map(run: summary.Run, arm: str) -> Figure:
    """Draw the mean H2 error over seeds in every cell of size and data, one panel per rung."""
    rungs = summary.rungs_of(run, arm)
    cells = {rung: summary.cells_of(run, arm, rung) for rung in rungs}
    levels = [cell.mean[_OUTSIDE] for rung in rungs for cell in cells[rung] if cell.mean[_OUTSIDE] > 0]
    figure, grid = style.panels(1, len(rungs), 3.6 if len(rungs) > 1 else 5.0, 3.4, sharey=True)
    low, high = (min(levels), max(levels)) if levels else (0.1, 1.0)
    scale = colors.LogNorm(low * 0.95, high * 1.05)
    image: Any = None
    for axes, rung in zip(grid[0], rungs, strict=True):
        image = _draw_heat(axes, cells[rung], scale)
        axes.set_title(words.rung(rung))
        axes.set_xlabel(_AXES["num_train"])
    grid[0, 0].set_ylabel(_AXES["num_params"])
    bar = figure.colorbar(image, ax=grid[0].tolist(), shrink=0.85, pad=0.02, aspect=24)
    bar.set_label(words.metric(_OUTSIDE))
    style.log_axis(bar.ax.yaxis)
    bar.outline.set_visible(False)
    return figure


def training(run: summary.Run, arm: str) -> Figure:
    """Draw H2 error against validation error as training proceeds, at the most data; one panel per rung."""
    rungs = summary.rungs_of(run, arm)
    figure, grid = style.panels(1, len(rungs), 3.6 if len(rungs) > 1 else 6.0, 3.8, sharey=True)
    colours = style.size_colours(run.replicas["num_params"][run.arms == arm].tolist())
    for axes, rung in zip(grid[0], rungs, strict=True):
        rows = summary.at_largest(summary.rows_of(run, arm, rung), "num_train")
        for identity, num_params in zip(rows["replica_id"], rows["num_params"], strict=True):
            chosen = run.history["replica_id"] == identity
            inside = run.history["validation_energy_mae_ev_per_atom"][chosen]
            outside = run.history[_OUTSIDE][chosen]
            axes.plot(inside, outside, color=colours[num_params], linewidth=1.2, alpha=0.9)
            axes.plot(inside[:1], outside[:1], "o", color="white", markeredgecolor=colours[num_params], markersize=5)
            axes.plot(inside[-1:], outside[-1:], "o", color=colours[num_params], markersize=6)
        style.log_axis(axes.xaxis)
        style.log_axis(axes.yaxis)
        axes.invert_xaxis()
        axes.set_title(words.rung(rung))
        axes.set_xlabel("Validation error (eV/atom), falling →")
    grid[0, 0].set_ylabel(words.metric(_OUTSIDE))
    marks = [
        Line2D([], [], marker="o", linestyle="", color="white", markeredgecolor=style.GREY, label="first evaluation"),
        Line2D([], [], marker="o", linestyle="", color=style.GREY, label="end of training"),
    ]
    sizes = [
        Line2D([], [], color=colour, linewidth=2, label=f"{words.short_count(size)} parameters")
        for size, colour in colours.items()
    ]
    style.legend_below(figure, [*marks, *sizes])
    return figure


def headline(run: summary.Run, arm: str, title: str) -> Figure:
    """Draw the answer in one picture: the largest models' H2 curves, and both errors against size and data."""
    figure, grid = style.panels(1, 3, 4.0, 3.9, width_ratios=[1.15, 1, 1])
    rungs = summary.rungs_of(run, arm)
    for rung in rungs:
        rows = summary.at_largest(summary.at_largest(summary.rows_of(run, arm, rung), "num_train"), "num_params")
        found = summary.curves_of(run, rows, "h2")
        for _, curve in found:
            grid[0, 0].plot(
                curve["distance_angstrom"], curve["energy_ev"], color=style.rung_colour(rung), linewidth=1.8
            )
        if found:
            grid[0, 0].plot(found[0][1]["distance_angstrom"], found[0][1]["exact_ev"], color=style.INK, linewidth=2.4)
    style.distance_axis(grid[0, 0])
    grid[0, 0].set(ylim=(-6, 12), yticks=range(-6, 13, 3), xlabel=curve_figures.DISTANCE, ylabel="Energy (eV)")
    grid[0, 0].set_title("H₂ by the largest model")
    for axes, axis in zip(grid[0, 1:], _AXES, strict=True):
        for rung in rungs:
            rows = summary.at_largest(
                summary.rows_of(run, arm, rung), "num_train" if axis == "num_params" else "num_params"
            )
            h2 = regions.errors(run.curves, rows["replica_id"], _REGION)
            for errors, dashes in ((rows["test_energy_mae_ev"], _DOTS), (h2, "-")):
                _draw_means(axes, rows[axis], errors, style.rung_colour(rung), dashes)
        style.log_axis(axes.yaxis)
        style.log_axis(axes.xaxis, run.replicas[axis][run.arms == arm], counts=True)
        axes.set_xlabel(_AXES[axis])
        axes.set_title("Error against " + ("size" if axis == "num_params" else "data"))
    limits = [axes.get_ylim() for axes in grid[0, 1:]]
    for axes in grid[0, 1:]:
        axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    grid[0, 1].set_ylabel("Mean absolute error (eV)")
    handles = [Line2D([], [], color=style.INK, linewidth=2.4, label="exact curve")]
    handles += [Line2D([], [], color=style.rung_colour(rung), linewidth=2, label=words.rung(rung)) for rung in rungs]
    handles += [
        Line2D([], [], color=style.GREY, linewidth=2, label=f"H₂ error {_REGION.title}"),
        Line2D([], [], color=style.GREY, linewidth=2, linestyle=_DOTS, label="in-distribution error"),
    ]
    style.legend_below(figure, handles)
    figure.suptitle("\n".join(textwrap.wrap(title, 96)), fontsize=14, fontweight="bold", x=0.01, ha="left")
    return figure


def _draw_replicas(axes: Axes, run: summary.Run, arm: str, rung: str, axis: str, metric: str) -> None:
    rows = summary.rows_of(run, arm, rung)
    other = "num_train" if axis == "num_params" else "num_params"
    largest = rows[other] == rows[other].max()
    colour = style.rung_colour(rung)
    axes.plot(
        rows[axis][~largest], rows[metric][~largest], "o", color=colour, markersize=3, alpha=0.18, markeredgewidth=0
    )
    axes.plot(rows[axis][largest], rows[metric][largest], "o", color=colour, markersize=5, markeredgewidth=0)


def _draw_band(axes: Axes, record: dict[str, Any], axis: str, colour: str) -> None:
    if record["bands"] is None:
        return
    band = {key: np.array(values, dtype=float) for key, values in record["bands"][axis].items()}
    axes.plot(band["x"], band["fit"], color=colour, linewidth=1.8)
    axes.fill_between(band["x"], band["low"], band["high"], color=colour, alpha=0.16, linewidth=0)


def _draw_means(axes: Axes, x: np.ndarray, errors: np.ndarray, colour: str, dashes: str | tuple) -> None:
    """Draw the errors of single replicas, and a line through the means of those that share x."""
    known = np.isfinite(errors)
    places = np.unique(x[known])
    axes.plot(places, [errors[known & (x == at)].mean() for at in places], color=colour, linewidth=2, linestyle=dashes)
    axes.plot(x, errors, "o", color=colour, markersize=4, alpha=0.7, markeredgewidth=0)


def _draw_heat(axes: Axes, cells: list[summary.Cell], scale: colors.LogNorm) -> Any:
    sizes, data = (sorted({getattr(cell, name) for cell in cells}) for name in _AXES)
    values = np.full((len(sizes), len(data)), np.nan)
    for cell in cells:
        values[sizes.index(cell.num_params), data.index(cell.num_train)] = cell.mean[_OUTSIDE]
    image = axes.imshow(values, origin="lower", aspect="auto", norm=scale, cmap="cividis")
    for row, column in np.ndindex(values.shape):
        value = float(values[row, column])
        dark = np.isfinite(value) and scale(value) < 0.5
        text = words.number(value) if np.isfinite(value) else "diverged"
        axes.text(column, row, text, ha="center", va="center", fontsize=9, color="white" if dark else style.INK)
    axes.set_xticks(range(len(data)), [words.short_count(value) for value in data])
    axes.set_yticks(range(len(sizes)), [words.short_count(value) for value in sizes])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return image
