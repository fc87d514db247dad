"""Figure of a sweep: validation error against learning rate, by width, and what every other setting changes."""

import re
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from h2scale.report import style, words

_DECIMALS = re.compile(r"(\d)_(\d)")
_ERROR = "validation_energy_mae_ev_per_atom"


def sweep(rows: list[dict[str, Any]]) -> Figure:
    """Draw validation error against learning rate: a row of panels per model, a panel per rung, a colour per width.

    Args:
        rows: of `tuning.csv`. Arms named like their model are lines; settings varied one at a time are marks.
    """
    models = list(dict.fromkeys(row["model"] for row in rows))
    rungs = list(dict.fromkeys(row["rung"] for row in rows))
    figure, grid = style.panels(len(models), len(rungs), 4.8, 3.6, sharex="row")
    colours = style.size_colours([row["num_features"] for row in rows if row["arm"] == row["model"]])
    others = list(dict.fromkeys(row["arm"] for row in rows if row["arm"] != row["model"]))
    marks = dict(zip(others, "^vs<>DPX*hpd", strict=False))
    for line, model in enumerate(models):
        for column, rung in enumerate(rungs):
            axes, inside = grid[line, column], [r for r in rows if (r["model"], r["rung"]) == (model, rung)]
            for width, colour in colours.items():
                own = sorted(
                    (row["learning_rate"], 1e3 * row[_ERROR])
                    for row in inside
                    if row["arm"] == model and row["num_features"] == width
                )
                if own:
                    axes.plot(*np.transpose(own), "o-", color=colour, linewidth=1.6, markersize=4)
            for row in inside:
                if row["arm"] != model:
                    axes.plot(
                        row["learning_rate"],
                        1e3 * row[_ERROR],
                        marks.get(row["arm"], "x"),
                        color=style.GREY,
                        markersize=5,
                        alpha=0.8,
                    )
            style.log_axis(axes.xaxis)
            style.log_axis(axes.yaxis)
            size = next((row["num_train"] for row in inside), np.nan)
            axes.set_title(f"{words.arm(model)}, {words.rung(rung).lower()}, {words.count(size)} structures")
            axes.set_xlabel("Learning rate")
        grid[line, 0].set_ylabel("Validation error (meV/atom)")
    handles = [
        Line2D([], [], color=colour, marker="o", label=f"{width:g} features") for width, colour in colours.items()
    ]
    handles += [
        Line2D([], [], color=style.GREY, linestyle="", marker=marks.get(arm, "x"), label=_title(arm)) for arm in others
    ]
    style.legend_below(figure, handles)
    return figure


def _title(arm: str) -> str:
    """Words of an arm's name, whose numbers have no point: `ema_decay_0_998`."""
    return _DECIMALS.sub(r"\1.\2", arm).replace("_", " ")
