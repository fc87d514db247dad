"""Physics without learning: curves of the methods, their errors, one figure."""

import concurrent.futures
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from ml_collections import FrozenConfigDict

from h2scale import config as config_lib
from h2scale import units
from h2scale.errors import InputError
from h2scale.physics import baselines, curves, potential_curve
from h2scale.report import baseline_figures, style
from h2scale.runtime import processes, progress, tables, workdir

BASELINES_CSV, SUMMARY_CSV = "baselines.csv", "baselines_summary.csv"
_CURVES = "curves"


def run(config: FrozenConfigDict, folder: str) -> Path:
    """Write the tables and the figure of the baselines and return the workdir.

    Raises:
        InputError: a basis or method is not known, or the workdir is of another run.
    """
    path = workdir.open_workdir(folder, config_lib.flatten(config))
    settings = config.baselines
    shortest, *_, longest = curves.H2_TEST_DISTANCES_ANGSTROM
    try:
        rows = run_baselines(
            path,
            distances_angstrom=np.geomspace(shortest, longest, settings.num_distances),
            basis=settings.basis,
            fci_bases=settings.fci_bases,
            workers=settings.workers,
        )
    except ValueError as error:
        raise InputError(str(error)) from error
    style.save(baseline_figures.baseline_curves(rows), path / workdir.FIGURES_FOLDER, "baselines")
    print(f"{summary_markdown(baselines.summarize(rows))}\nTables and figure: {path}")
    return path


def run_baselines(
    path: Path,
    *,
    distances_angstrom: Sequence[float] | np.ndarray,
    basis: str,
    fci_bases: Sequence[str],
    workers: int = 0,
) -> list[baselines.Row]:
    """Compute every baseline and write `baselines.csv` and `baselines_summary.csv` into the workdir.

    Curves are cached in `curves/` of the workdir, so that a second run computes only what is missing.

    Args:
        path: the workdir.
        distances_angstrom: increasing.
        basis: of all methods but full CI.
        fci_bases: full CI is done in each.
        workers: single-threaded processes; 0 means one per core, 1 works in this process.

    Raises:
        ValueError: bad distances or basis, or a point that does not converge.
    """
    distances = potential_curve.checked_distances(np.asarray(distances_angstrom, float) / units.BOHR_ANGSTROM)
    tasks = baselines.plan_tasks(basis, fci_bases)
    found = _compute_all(tasks, baselines.with_bond_length(distances), path / _CURVES, workers)
    rows = baselines.make_rows(found, basis, distances)
    summary = baselines.summarize(rows)
    _write(path / BASELINES_CSV, baselines.Row._fields, rows)
    _write(path / SUMMARY_CSV, baselines.Summary._fields, summary)
    return rows


def summary_markdown(summary: Sequence[baselines.Summary]) -> str:
    """Return the summary as a Markdown table, errors in eV."""
    header = ("method", "basis", "MAE", "wall", "well", "middle", "tail", "NPE", "largest error")
    lines = [" | ".join(header), " | ".join(["---"] * 2 + ["---:"] * 7)]
    for line in summary:
        lines.append(" | ".join([line.method, line.basis, *(f"{value:.3f}" for value in line[2:])]))
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def _compute_all(
    tasks: Sequence[baselines.Task], distances: np.ndarray, cache: Path, workers: int
) -> dict[baselines.Task, potential_curve.Curve]:
    found = {}
    count = min(workers or os.cpu_count() or 1, len(tasks))
    with progress.Progress(len(tasks), len(tasks), things="curves", rate="curves") as bar:
        bar.say(f"Computing {len(tasks)} curves of {len(distances)} distances each.")
        for task, curve in _finished(tasks, distances, cache, count):
            found[task] = curve
            bar.finish_replicas(1)
            bar.advance(1, 1)
    return {task: found[task] for task in tasks}


def _finished(
    tasks: Sequence[baselines.Task], distances: np.ndarray, cache: Path, workers: int
) -> Iterator[tuple[baselines.Task, potential_curve.Curve]]:
    """Every task with its curve, in the order in which they finish."""
    if workers == 1:
        for task in tasks:
            yield task, baselines.compute_curve(task, distances, cache)
        return
    with processes.pool(workers) as pool:
        futures = {pool.submit(baselines.compute_curve, task, distances, cache): task for task in tasks}
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result()


def _write(path: Path, columns: Sequence[str], rows: Sequence[baselines.Row] | Sequence[baselines.Summary]) -> None:
    path.unlink(missing_ok=True)
    tables.append_rows(path, columns, [row._asdict() for row in rows])
