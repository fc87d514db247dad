"""The page on whether training has converged: what twice the steps change in the errors on held-out molecules."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from h2scale.report import page, style, words
from h2scale.runtime import files, tables, workdir
from h2scale.scaling import pairs

TOLERANCE = 0.05
"""Relative change of a test error by twice the steps up to which training counts as converged."""

_CELL = ("arm", "rung", "num_features", "num_train")
_METRIC, _FORCE_METRIC = "test_energy_mae_ev", "test_force_mae_ev_per_angstrom"
TABLE_FILE = "convergence.csv"
_COLUMNS = (
    *(*_CELL, "steps", "num_seeds"),
    *("energy_ratio", "energy_ratio_low", "energy_ratio_high"),
    *("force_ratio", "force_ratio_low", "force_ratio_high"),
    "verdict",
)


class Doubling(NamedTuple):
    """Errors after twice the steps, divided by those before, in one cell."""

    cell: dict[str, Any]  # values of `_CELL`
    steps: int  # before
    energy: pairs.Ratio
    force: pairs.Ratio

    @property
    def verdict(self) -> str:
        """Converged, not converged or inconclusive, by the interval of the energies' ratio and `TOLERANCE`."""
        low, high = self.energy.low, self.energy.high
        if low >= 1 - TOLERANCE and high <= 1 + TOLERANCE:
            return "converged"
        if high < 1 - TOLERANCE or low > 1 + TOLERANCE:
            return "not converged"
        return "inconclusive"


def write_page(folder: Path) -> Path:
    """Write `convergence.csv`, the figure and `report.html` of a finished run, and return the page.

    Raises:
        ValueError: the table of replicas is missing or malformed, or no cell was trained for two lengths, one twice
            the other.
    """
    replicas = tables.read_table(folder / workdir.REPLICAS_FILE)
    found = doublings(replicas)
    if not found:
        raise ValueError(f"{folder}: no cell was trained for two lengths, one twice the other, with one seed.")
    (folder / TABLE_FILE).unlink(missing_ok=True)
    tables.append_rows(folder / TABLE_FILE, _COLUMNS, [_row(one) for one in found])
    svg = style.save(figure(replicas), folder / workdir.FIGURES_FOLDER, "convergence")
    verdicts = "; ".join(f"{_words(one.cell)}, {words.count(one.steps)} steps: {one.verdict}" for one in found)
    note = (
        "Errors on held-out molecules after twice the steps, each length with a schedule of its own, divided by those "
        "before: geometric mean over seeds with its 95 % interval. Converged means that the interval of the energies' "
        f"ratio lies within {TOLERANCE:.0%} of 1, not converged that it lies outside; else these seeds cannot tell."
    )
    caption = "Error on held-out molecules against the length of training; dots are seeds, lines their mean."
    headers = ["Cell", "Steps", "Energy error at twice the steps", "Force error", "Seeds", "Verdict"]
    body = [
        page.element("h1", "Has training converged?"),
        page.element("p", verdicts + ".", "lead"),
        page.picture(svg, "Error against steps of training", caption),
        page.element("p", note, "soft"),
        page.sortable(headers, [_cells_of_table(one) for one in found]),
    ]
    path = folder / "report.html"
    files.write_text(path, page.document("h2scale: has training converged?", body))
    return path


def doublings(replicas: tables.Table) -> list[Doubling]:
    """Compare every length of training with twice that length, in every cell that holds both; paired by seed."""
    found = []
    for cell, rows in _cells(replicas):
        lengths = sorted(set(rows["steps"].tolist()))
        for length in lengths:
            if 2 * length in lengths:
                short, long = (
                    tables.select(rows, (rows["steps"] == steps) & rows["finite"]) for steps in (length, 2 * length)
                )
                _, first, second = np.intersect1d(short["seed"], long["seed"], return_indices=True)
                energy, force = (
                    pairs.ratio(long[name][second], short[name][first], short["seed"][first])
                    for name in (_METRIC, _FORCE_METRIC)
                )
                found.append(Doubling(cell, int(length), energy, force))
    return found


def figure(replicas: tables.Table) -> Figure:
    """Draw the in-distribution error against the steps of training, a panel for each cell with several lengths."""
    cells = [(cell, rows) for cell, rows in _cells(replicas) if len(set(rows["steps"].tolist())) > 1]
    drawn, grid = style.panels(1, len(cells), 4.4, 3.4)
    for axes, (cell, rows) in zip(grid[0], cells, strict=True):
        colour = style.rung_colour(cell["rung"])
        lengths = np.unique(rows["steps"])
        means = [np.nanmean(rows[_METRIC][rows["steps"] == length]) for length in lengths]
        axes.plot(lengths, means, color=colour, linewidth=2)
        axes.plot(rows["steps"], rows[_METRIC], "o", color=colour, markersize=5, alpha=0.7, markeredgewidth=0)
        style.log_axis(axes.xaxis, lengths, counts=True)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("Steps of training")
        axes.set_title(f"{cell['num_features']:g} features, {words.count(cell['num_train'])} structures")
    grid[0, 0].set_ylabel(words.metric(_METRIC))
    shown = dict.fromkeys(cell["rung"] for cell, _ in cells)
    style.legend_below(
        drawn, [Line2D([], [], color=style.rung_colour(rung), linewidth=2, label=words.rung(rung)) for rung in shown]
    )
    return drawn


def _cells(replicas: tables.Table) -> Iterator[tuple[dict[str, Any], tables.Table]]:
    """Yield every arm, rung, width and training set with its replicas, in the order of the table."""
    keys = list(zip(*(replicas[name].tolist() for name in _CELL), strict=True))
    for key in dict.fromkeys(keys):
        yield dict(zip(_CELL, key, strict=True)), tables.select(replicas, np.array([one == key for one in keys]))


def _row(one: Doubling) -> dict[str, Any]:
    ratios = {
        f"{name}_ratio{end}": getattr(ratio, bound)
        for name, ratio in (("energy", one.energy), ("force", one.force))
        for end, bound in (("", "estimate"), ("_low", "low"), ("_high", "high"))
    }
    return {**one.cell, "steps": one.steps, "num_seeds": one.energy.num_pairs, **ratios, "verdict": one.verdict}


def _cells_of_table(one: Doubling) -> list[str | tuple[str, float]]:
    ratios = [(words.interval(ratio._asdict(), 3), ratio.estimate) for ratio in (one.energy, one.force)]
    count = one.energy.num_pairs
    return [_words(one.cell), (words.count(one.steps), one.steps), *ratios, (str(count), count), one.verdict]


def _words(cell: dict[str, Any]) -> str:
    data = f"{words.count(cell['num_train'])} structures ({words.rung(cell['rung'])})"
    return f"{cell['num_features']:g} features on {data}"
