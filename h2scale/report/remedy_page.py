"""The page and the sentence of the ladder; every number comes from its tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from h2scale.remedies import library, rungs
from h2scale.report import page, remedy_figures, remedy_sentence, style
from h2scale.report import remedy_numbers as numbers
from h2scale.runtime import files, tables, workdir

PAGE = "report.html"
_TITLE = "How much physics must be built in?"
_SHOWN = ("plain", "practical", "pairs", "pairs-dc-ap", "ap-dcsd", "uccsd(t)")
_FIGURES = (
    (
        "ladder",
        "Mean error of rungs and methods on every curve beyond its well, 0.02 or less at the floor; crosses: worse "
        "there than the base. Under the names: processor time of a molecule of two heavy atoms.",
    ),
    ("exponents", "Exponents of the error on held-out molecules beside those of the broken-bond error, by rung."),
    ("scaling", "Error against data, solid on broken bonds, dotted on held-out molecules; darker is larger."),
    ("curves", "Signed errors along the curves, each relative to its own atoms."),
)


def write(path: Path) -> str:
    """Write figures and page of a run of the ladder, and return its sentence.

    Args:
        path: the workdir, with `members.csv`, `regions.csv`, `shapes.csv`, `points.csv` and `exponents.csv`, and maybe
            `costs.csv`.
    """
    members, regions = (tables.read_table(path / name) for name in ("members.csv", "regions.csv"))
    points, exponents = (tables.read_table(path / name) for name in ("points.csv", "exponents.csv"))
    shapes = tables.read_table(path / "shapes.csv")
    seconds = _seconds(path / "costs.csv")
    found = set(members["rung"].tolist())
    learned = [name for name in rungs.LEARNED if name in found]
    order = [*learned, *(name for name in library.METHODS if name in found)]
    compared = numbers.compared(regions)
    drawn = {
        "ladder": remedy_figures.ladder(regions, members, order, seconds, compared),
        "exponents": remedy_figures.exponents(exponents, learned),
        "scaling": remedy_figures.scaling(members, learned),
        "curves": remedy_figures.curves(points, [name for name in _SHOWN if name in found]),
    }
    saved = {name: style.save(figure, path / workdir.FIGURES_FOLDER, name) for name, figure in drawn.items()}
    said = remedy_sentence.sentence(members, regions, exponents, learned)
    body = [
        page.element("h1", _TITLE),
        page.element("p", said, "lead"),
        *(page.picture(saved[name], caption, caption) for name, caption in _FIGURES),
        page.element("h2", "Rungs and methods"),
        page.element("p", _about(compared)),
        page.sortable(*_summary(members, regions, shapes, order, seconds, compared)),
        page.element("h2", "Curves by region, kcal/mol"),
        page.sortable(*_by_region(regions)),
    ]
    files.write_text(path / PAGE, page.document(_TITLE, body))
    return said


def _about(compared: Sequence[str]) -> str:
    return (
        "Errors in kcal/mol. Means are over curves of trained elements with more than two correlated electrons, for "
        f"which nothing here is exact: {', '.join(compared) or 'none'}. The largest error, the shapes and the last "
        "column are of every curve that a rung was asked."
    )


def _summary(
    members: tables.Table,
    regions: tables.Table,
    shapes: tables.Table,
    order: Sequence[str],
    seconds: Mapping[str, float],
    compared: Sequence[str],
) -> tuple[list[str], list[list[str | tuple[str, float]]]]:
    rows: list[list[str | tuple[str, float]]] = []
    for rung in order:
        means = [numbers.mean_kcal(regions, rung, compared, part) for part in ("broken", "whole")]
        spoiled = numbers.spoiled(regions, rung)
        params = int(members["num_params"][members["rung"] == rung].max())
        errors = (numbers.held_out(members, rung), *(mean for mean, _ in means), numbers.worst(regions, rung)[1])
        cells = [(f"{v:.2f}" if np.isfinite(v) else "–", v) for v in errors]
        for place, (mean, number) in enumerate(means, start=1):
            if 0 < number < len(compared):
                cells[place] = (f"{mean:.2f} ({number} of {len(compared)})", mean)
        cost = seconds.get(rung, float("nan"))
        cells.append((f"{cost:.2g}" if np.isfinite(cost) else "–", cost))
        own = shapes["right"][shapes["rung"] == rung]
        cells.append((f"{np.sum(own == 1)} of {len(own)}", float(np.mean(own == 1)) if len(own) else float("nan")))
        rows.append([rung, (str(params), float(params)), *cells, ", ".join(spoiled) or "none"])
    return [
        "rung",
        "most parameters",
        "held out",
        "broken bonds",
        "mean of curves",
        "largest on any curve",
        "seconds a molecule",
        "curves right in shape",
        "worse than its base on",
    ], rows


def _seconds(path: Path) -> dict[str, float]:
    """Seconds a molecule by rung; none where they were not measured."""
    if not path.exists():
        return {}
    table = tables.read_table(path)
    return dict(zip(table["rung"].tolist(), table["seconds"].tolist(), strict=True))


def _by_region(regions: tables.Table) -> tuple[list[str], list[list[str | tuple[str, float]]]]:
    columns = ("rung", "system", "region", "reference")
    rows: list[list[str | tuple[str, float]]] = []
    for place in range(len(regions["rung"])):
        numbers = [float(regions[name][place]) for name in ("mean_kcal", "largest_kcal", "base_mean_kcal")]
        worse = "yes" if regions["worse_than_base"][place] > 0 else ""
        texts: list[str | tuple[str, float]] = [str(regions[name][place]) for name in columns]
        rows.append([*texts, *((f"{value:.2f}", value) if np.isfinite(value) else "–" for value in numbers), worse])
    return [*columns, "mean", "largest", "its base", "worse"], rows
