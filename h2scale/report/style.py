"""The look of every figure: a colour-blind safe palette, plain axes, words in legends."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")

from matplotlib import colormaps, ticker
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from h2scale.runtime import files

INK, GREY, FAINT = "#1a1a1a", "#767676", "#e9e9ec"
# Okabe and Ito, https://jfly.uni-koeln.de/color: distinct to every common form of colour vision
RUNG_COLOURS = {"equilibrium": "#D55E00", "thermal": "#CC79A7", "stretched": "#0072B2", "h2": "#009E73"}
TEACHER = "#E69F00"
_LEGEND_ENTRY_INCHES = 1.53  # "74.2k parameters" with its line
_MARK_INCHES, _LETTER_INCHES = 0.6, 0.075
_MAX_TICKS = 6
_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9a9a9a",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "h2scale",
}


Colour = tuple[float, float, float, float]
"""Red, green, blue and opacity."""


def panels(num_rows: int, num_columns: int, width: float, height: float, **keywords: Any) -> tuple[Figure, np.ndarray]:
    """Make a figure with a grid of axes, (num_rows, num_columns), in the project's look; sizes are of one panel."""
    matplotlib.rcParams.update(_SETTINGS)
    figure = Figure(figsize=(width * num_columns, height * num_rows), layout="constrained")
    return figure, figure.subplots(num_rows, num_columns, squeeze=False, **keywords)


def legend_below(figure: Figure, handles: list[Line2D]) -> None:
    """Draw one legend under all panels, in as many columns as the figure is wide enough for its longest label."""
    longest = max((len(str(handle.get_label())) for handle in handles), default=0)
    entry = max(_LEGEND_ENTRY_INCHES, _MARK_INCHES + longest * _LETTER_INCHES)
    columns = max(1, min(len(handles), int(figure.get_figwidth() / entry)))
    columns = math.ceil(len(handles) / math.ceil(len(handles) / columns))  # rows of equal length
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.3, handlelength=1.8)


def save(figure: Figure, folder: Path, name: str) -> bytes:
    """Write `name`.png and `name`.svg into a folder, which is made if missing, and return the SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    png, svg = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None})
    figure.set_layout_engine("none")  # it is laid out now; doing that again takes as long as drawing
    figure.savefig(png, format="png", dpi=150)
    files.write_bytes(folder / f"{name}.svg", svg.getvalue())
    files.write_bytes(folder / f"{name}.png", png.getvalue())
    return svg.getvalue()


def rung_colour(rung: str) -> str:
    """Colour of a rung; grey for one that the palette does not know."""
    return RUNG_COLOURS.get(rung, GREY)


def size_colours(sizes: Sequence[float]) -> dict[float, Colour]:
    """Assign a colour to each size, light for the smallest and dark for the largest."""
    distinct = sorted(set(sizes))
    positions = np.linspace(0.85, 0.08, len(distinct)) if len(distinct) > 1 else [0.3]
    return {size: colormaps["viridis"](position) for size, position in zip(distinct, positions, strict=True)}


def distance_axis(axes: Axes) -> None:
    """Make the x axis a logarithmic one of distances in plain numbers."""
    axes.set_xscale("log")
    axes.set_xlim(0.2, 8)
    axes.xaxis.set_major_locator(ticker.FixedLocator([0.2, 0.5, 1, 2, 4, 8]))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())


def log_axis(axis: XAxis | YAxis, values: np.ndarray | None = None, *, counts: bool = False) -> None:
    """Put plain numbers on a logarithmic axis, at `values` if given; an axis without data still gets a range."""
    name = "x" if isinstance(axis, XAxis) else "y"
    if not np.isfinite(axis.get_minpos()):
        axis.axes.set(**{f"{name}lim": (0.1, 1.0)})
    axis.axes.set(**{f"{name}scale": "log"})
    axis.set_minor_formatter(ticker.NullFormatter())
    axis.set_major_formatter(ticker.FuncFormatter(_count if counts else _plain))
    if values is None:
        axis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0), numticks=9))
    else:
        axis.set_major_locator(ticker.FixedLocator(np.unique(values).tolist(), nbins=_MAX_TICKS))
        axis.set_minor_locator(ticker.NullLocator())


def _plain(value: float, _: int) -> str:
    return f"{value:g}"


def _count(value: float, _: int) -> str:
    return f"{value / 1e6:.3g}M" if value >= 1e6 else f"{value / 1e3:.3g}k" if value >= 1e3 else f"{value:.0f}"
