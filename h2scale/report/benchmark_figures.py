"""The figures of the benchmark: time of a training step against edges and against replicas."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from h2scale.benchmark import steps
from h2scale.report import style

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")


def step_time_against_edges(rows: Sequence[steps.Row]) -> Figure:
    """Draw a line per model, replicas trained alone; the dashed line through its end is proportional to the edges."""
    figure, grid = style.panels(1, 1, 5.6, 4.2)
    axes = grid[0, 0]
    for colour, own in zip(_COLOURS, _by_model([row for row in rows if row.replicas == 1]), strict=False):
        edges, milliseconds = _columns(own, "edges")
        _draw(axes, edges, milliseconds, own, colour)
        axes.plot(edges, milliseconds[-1] * edges / edges[-1], color=colour, linestyle="--", linewidth=1.0)
    axes.set(xlabel="Directed edges in a step", ylabel="Time of a training step (ms)", title="Step time against edges")
    style.log_axis(axes.xaxis, counts=True)
    style.log_axis(axes.yaxis)
    axes.plot([], [], color=style.GREY, linestyle="--", linewidth=1.0, label="proportional to edges")
    axes.legend()
    return figure


def step_time_against_replicas(rows: Sequence[steps.Row], molecules: int) -> Figure:
    """Draw the time of a step of all replicas, and the memory of the program, at one number of molecules."""
    figure, grid = style.panels(1, 2, 5.0, 4.2)
    chosen = [row for row in rows if row.molecules == molecules]
    for colour, own in zip(_COLOURS, _by_model(chosen), strict=False):
        replicas, milliseconds = _columns(own, "replicas")
        _draw(grid[0, 0], replicas, milliseconds, own, colour)
        grid[0, 1].plot(*_columns(own, "replicas", "peak_memory_mb"), color=colour, marker="o", label=_label(own[0]))
    grid[0, 0].set(ylabel="Time of a step of all replicas (ms)", title=f"{molecules} molecules each: time")
    grid[0, 1].set(ylabel="Memory of the program (MB)", title=f"{molecules} molecules each: memory")
    for axes in grid[0]:
        axes.set(xlabel="Replicas trained by one program", xlim=(0, None), ylim=(0, None))
        axes.legend()
    return figure


def _by_model(rows: Sequence[steps.Row]) -> list[list[steps.Row]]:
    models = dict.fromkeys((row.features, row.l_max, row.layers) for row in rows)
    return [[row for row in rows if (row.features, row.l_max, row.layers) == model] for model in models]


def _columns(rows: Sequence[steps.Row], x: str, y: str = "step_ms_median") -> tuple[np.ndarray, np.ndarray]:
    pairs = sorted((getattr(row, x), getattr(row, y)) for row in rows)
    first, second = (np.array(column, float) for column in zip(*pairs, strict=True))
    return first, second


def _draw(axes: Axes, x: np.ndarray, milliseconds: np.ndarray, rows: Sequence[steps.Row], colour: str) -> None:
    spread = _columns(rows, "edges" if rows[0].replicas == rows[-1].replicas else "replicas", "step_ms_iqr")[1]
    axes.errorbar(x, milliseconds, yerr=spread / 2, color=colour, marker="o", capsize=2, label=_label(rows[0]))


def _label(row: steps.Row) -> str:
    return f"{row.features} channels, degree {row.l_max}, {row.layers} layers"
