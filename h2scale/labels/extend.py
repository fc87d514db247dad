"""A dataset extended by the labels of a later campaign at the same level.

    python -m h2scale.labels.extend pbe0_def2svp runs/labels-compressed/pbe0_def2svp.h5 longer.h5

New structures come after all old ones, so that the old keep their place in every order of training. Energies of both
are relative to the isolated atoms of the first; isolated atoms of the second are left out.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from h2scale import elements
from h2scale.data import dataset as dataset_lib
from h2scale.data import rungs, storage
from h2scale.errors import InputError

EXIT_BAD_INPUT = 2
_SAME_ZERO_EV = 1e-3
_ADDED_UP = ("tasks_finished", "tasks_planned")


def extend(dataset: dataset_lib.Dataset, addition: dataset_lib.Dataset) -> dataset_lib.Dataset:
    """Return all of `dataset`, then what `addition` holds besides isolated atoms; energies in eV.

    Raises:
        InputError: the levels of theory or the isolated atoms' energies differ, or a structure is in both.
    """
    if dataset.manifest["level"] != addition.manifest["level"]:
        raise InputError(
            f"both datasets must be of one level; got {dataset.manifest['level']} and {addition.manifest['level']}."
        )
    added = addition.select(np.flatnonzero(addition.rung != rungs.ATOM))
    repeated = _fingerprints(dataset) & _fingerprints(added)
    if repeated:
        molecule = min(repeated)[0]
        raise InputError(f"{len(repeated)} structures are in both datasets, the first of {molecule}.")
    columns = {
        name: np.concatenate([getattr(dataset, name), getattr(added, name)])
        for name in (*dataset_lib.ATOM_COLUMNS, *dataset_lib.NUMBER_COLUMNS, *dataset_lib.TEXT_COLUMNS)
    }
    columns["energy"][len(dataset) :] += np.add.reduceat(
        _zero_shift(dataset, addition)[added.atomic_numbers], added.atom_offset
    )
    return dataset_lib.Dataset(**columns, manifest=_manifest(dataset, addition))


def _fingerprints(dataset: dataset_lib.Dataset) -> set[tuple[str, bytes]]:
    """Molecule and positions of every structure."""
    rounded = np.round(dataset.positions * 1e6).astype(np.int64)
    parts = np.split(rounded, dataset.atom_offset[1:])
    return {(molecule, part.tobytes()) for molecule, part in zip(dataset.molecule.tolist(), parts, strict=True)}


def _zero_shift(dataset: dataset_lib.Dataset, addition: dataset_lib.Dataset) -> np.ndarray:
    """Difference of an atom's energy in `addition` from that in `dataset`, eV, by atomic number."""
    old, new = (which.manifest["isolated_atom_energies_ev"] for which in (dataset, addition))
    shift = np.full(len(elements.SYMBOLS), np.nan)
    for symbol in new:
        if symbol not in old or abs(new[symbol] - old[symbol]) > _SAME_ZERO_EV:
            raise InputError(
                f"isolated {symbol} must have the same energy in both datasets; got {old.get(symbol)} and "
                f"{new[symbol]} eV."
            )
        shift[elements.ATOMIC_NUMBERS[symbol]] = new[symbol] - old[symbol]
    return shift


def _manifest(dataset: dataset_lib.Dataset, addition: dataset_lib.Dataset) -> dict[str, object]:
    old, new = dataset.manifest, addition.manifest
    counted = {name: dict(Counter(old.get(name, {})) + Counter(new.get(name, {}))) for name in ("failures", "dropped")}
    summed = {name: old[name] + new[name] for name in _ADDED_UP if name in old and name in new}
    return {**old, **counted, **summed}


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="name of a shipped dataset or path of one")
    parser.add_argument("addition", help="likewise")
    parser.add_argument("output", type=Path, help="a new .h5 file")
    arguments = parser.parse_args(argv)
    try:
        if arguments.output.exists():
            raise InputError(f"{arguments.output} exists already; remove it or write to another file.")
        old, new = (storage.load_dataset(path) for path in (arguments.dataset, arguments.addition))
        whole = extend(old, new)
        storage.save_dataset(arguments.output, whole)
    except (InputError, ValueError) as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    print(f"{len(old)} structures and {len(whole) - len(old)} more: {arguments.output}")


if __name__ == "__main__":
    main()
