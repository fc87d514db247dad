"""Data card: the contents of a dataset in Markdown, made from the dataset alone.

python -m h2scale.labels.card NAME_OR_PATH [--output card.md]
"""

import argparse
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from h2scale import elements
from h2scale.data import dataset as dataset_lib
from h2scale.data import leaks, rungs, storage, validation
from h2scale.runtime import files

_BAR = 40
_ENERGY_EDGES = (-np.inf, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 3, 10, np.inf)
_FORCE_EDGES = (0, 0.05, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, np.inf)
_DISTANCE_EDGES = (0, 0.5, 0.8, 1.0, 1.2, 1.4, 1.6, 2.0, 2.5, 3.0, 4.0, 6.0, np.inf)
_HH_EDGES = (0, 0.4, 0.6, 0.72, 0.79, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 6.0, np.inf)


def data_card(dataset: dataset_lib.Dataset, name: str) -> str:
    """Markdown with counts by element, size, rung and spin, histograms of energies, forces and distances, and flaws."""
    manifest = dataset.manifest
    method = f"{manifest['method']}. " if manifest.get("method") else ""
    sections = [
        f"# {name}",
        f"{len(dataset)} structures of {len(np.unique(dataset.molecule))} molecules, {manifest.get('level', '')}. "
        f"{method}Energies in eV: {manifest.get('energy_zero', '')}.",
        "## Rungs",
        _rungs(dataset),
        "## Elements and sizes",
        _elements(dataset),
        _sizes(dataset),
        "## Charge, spin and kind of solution",
        _spins(dataset),
        "## Energy per atom relative to isolated atoms",
        _histogram(dataset.energy / dataset.n_atoms, _ENERGY_EDGES, "eV/atom"),
    ]
    if np.isfinite(dataset.forces).all():
        largest = np.maximum.reduceat(np.linalg.norm(dataset.forces, axis=1), dataset.atom_offset)
        sections += ["## Largest force of a structure", _histogram(largest, _FORCE_EDGES, "eV/angstrom")]
    sections += [
        "## Distances between two atoms of a structure",
        _distances(dataset),
        "## Two hydrogens",
        "Every H-H distance of a structure, bonded or not, cumulative over the rungs as they are trained on:",
        _hydrogens(dataset),
        "## Failures and known flaws",
        _flaws(dataset),
    ]
    return "\n\n".join(sections) + "\n"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join(["---"] + ["---:"] * (len(header) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def _rungs(dataset: dataset_lib.Dataset) -> str:
    keys, number = np.unique(np.stack([dataset.rung, dataset.regime]), axis=1, return_counts=True)
    order = [*rungs.RUNGS, rungs.ATOM, rungs.ION, rungs.SPIN_STATE, rungs.HYDROGEN_PAIR, rungs.TEST_CURVE]
    rows = []
    listed = sorted(zip(*keys.tolist(), number.tolist(), strict=True), key=lambda row: order.index(row[0]))
    for rung, regime, count in listed:
        molecules = len(np.unique(dataset.molecule[dataset.regime == regime]))
        rows.append((rung, regime, count, molecules))
    return _table(("rung", "how the geometry was made", "structures", "molecules"), rows)


def _elements(dataset: dataset_lib.Dataset) -> str:
    owner = np.repeat(np.arange(len(dataset)), dataset.n_atoms)
    rows = []
    for number in np.unique(dataset.atomic_numbers):
        atoms = dataset.atomic_numbers == number
        structures = np.unique(owner[atoms])
        molecules = len(np.unique(dataset.molecule[structures]))
        rows.append((elements.SYMBOLS[number], int(atoms.sum()), len(structures), molecules))
    return _table(("element", "atoms", "structures", "molecules"), rows)


def _sizes(dataset: dataset_lib.Dataset) -> str:
    heavy = np.add.reduceat((dataset.atomic_numbers > 1).astype(int), dataset.atom_offset)
    rows = []
    for size in np.unique(heavy):
        chosen = heavy == size
        rows.append(
            (size, int(chosen.sum()), len(np.unique(dataset.molecule[chosen])), f"{dataset.n_atoms[chosen].mean():.1f}")
        )
    return _table(("heavy atoms", "structures", "molecules", "mean atoms"), rows)


def _spins(dataset: dataset_lib.Dataset) -> str:
    kinds = np.array([text.split(",")[0] or "not recorded" for text in dataset.convergence.tolist()])
    keys = list(zip(dataset.charge.tolist(), dataset.spin_multiplicity.tolist(), kinds.tolist(), strict=True))
    rows = []
    for key in sorted(set(keys)):
        chosen = np.array([other == key for other in keys])
        spin = dataset.spin_squared[chosen]
        rows.append((*key, int(chosen.sum()), f"{spin.min():.2f} to {spin.max():.2f}"))
    return _table(("charge", "spin multiplicity", "solution", "structures", "<S^2>"), rows)


def _histogram(values: np.ndarray, edges: Sequence[float], unit: str) -> str:
    counts = np.histogram(values, bins=edges)[0]
    rows = [
        (_interval(low, high), int(count), "#" * int(np.ceil(_BAR * count / max(counts.max(), 1))))
        for (low, high), count in zip(itertools.pairwise(edges), counts, strict=True)
        if count
    ]
    lines = ["| " + unit + " | structures | |", "|---|---:|:---|"]
    return "\n".join(lines + [f"| {name} | {count} | `{bar}` |" for name, count, bar in rows])


def _interval(low: float, high: float) -> str:
    if np.isinf(low):
        return f"below {high:g}"
    return f"above {low:g}" if np.isinf(high) else f"{low:g} to {high:g}"


def _distances(dataset: dataset_lib.Dataset) -> str:
    _, first, second, distance = validation.pair_distances(dataset)
    pairs = np.sort(np.stack([dataset.atomic_numbers[first], dataset.atomic_numbers[second]]), axis=0)
    columns = [_interval(low, high) for low, high in itertools.pairwise(_DISTANCE_EDGES)]
    rows = []
    for one, other in np.unique(pairs, axis=1).T.tolist():
        own = distance[(pairs[0] == one) & (pairs[1] == other)]
        name = elements.SYMBOLS[one] + "-" + elements.SYMBOLS[other]
        rows.append((name, f"{own.min():.2f}", *np.histogram(own, bins=_DISTANCE_EDGES)[0].tolist()))
    return _table(("pair", "shortest, angstrom", *columns), rows)


def _hydrogens(dataset: dataset_lib.Dataset) -> str:
    columns = [_interval(low, high) for low, high in itertools.pairwise(_HH_EDGES)]
    rows = []
    for rung in rungs.RUNGS:
        histogram = leaks.h_h_distance_histogram(dataset, rung, np.array(_HH_EDGES))
        rows.append((rung, *histogram.tolist()))
    owner, distance = leaks.h2_pairs(dataset)
    away = owner[(distance < 0.72) | (distance > 0.79)]
    counts = ", ".join(f"{rung} {int(np.isin(dataset.rung[away], rung).sum())}" for rung in rungs.RUNGS)
    return _table(("rung", *columns), rows) + (
        "\n\nOf these, pairs apart from everything else (an H2 by geometry) and away from its bond length, by the rung "
        f"they were made for: {counts}."
    )


def _flaws(dataset: dataset_lib.Dataset) -> str:
    manifest, lines = dataset.manifest, []
    planned = manifest.get("tasks_planned")
    if planned and manifest["tasks_finished"] < planned:
        lines.append(f"unfinished: {manifest['tasks_finished']} of {planned} tasks are done")
    failures = sorted(manifest.get("failures", {}).items(), key=lambda entry: (-entry[1], entry[0]))
    lines += [f"{number} x {cause}" for cause, number in failures]
    for cause, number in manifest.get("dropped", {}).items():
        lines.append(f"left out: {number if isinstance(number, int) else len(number)} x {cause}")
    if "subset" in manifest:
        whole = manifest["subset"]
        lines.insert(
            0,
            f"a subset: all structures of molecules drawn at random out of {whole['structures_of']} structures of "
            f"{whole['molecules_of']} molecules, whose failures these are; positions and forces rounded to float32",
        )
    lines += [part.strip() for part in str(manifest.get("limits", "")).split(";") if part.strip()]
    return "\n".join(f"- {line}" for line in lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Print or write the card of a dataset; the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="name of a shipped dataset or path of one")
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args(argv)
    text = data_card(storage.load_dataset(arguments.dataset, allow_missing_forces=True), Path(arguments.dataset).stem)
    if arguments.output is None:
        print(text)
    else:
        files.write_text(arguments.output, text)


if __name__ == "__main__":
    main()
