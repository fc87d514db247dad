"""Subset of a large dataset: all structures of some molecules, so that a split by molecule stays one.

    python -m h2scale.data.subset gfn2xtb.h5 small.h5 --structures 45000 [--seed 0]

Molecules with fewer heavy atoms than `--keep-below` (5) stay all; others are drawn at random until the next is too
much, and a larger subset of the same seed holds the smaller ones. What is no molecule to train on (isolated atoms, H2's
curves) stays too. Positions and forces are rounded to float32, which halves the file; energies are not.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from h2scale.data import dataset as dataset_lib
from h2scale.data import rungs, storage
from h2scale.errors import InputError

EXIT_BAD_INPUT = 2
_DRAWN_RUNGS = ("equilibrium", "thermal", "stretched", rungs.ION, rungs.SPIN_STATE, rungs.HYDROGEN_PAIR)


def subset(dataset: dataset_lib.Dataset, structures: int, keep_below: int = 5, seed: int = 0) -> dataset_lib.Dataset:
    """Structures of `dataset` in its order, at most so many.

    Args:
        dataset: any.
        structures: largest number of structures.
        keep_below: molecules with fewer atoms other than hydrogen stay all.
        seed: of the order in which molecules are drawn.

    Raises:
        InputError: what has to stay is more than that already.
    """
    heavy = np.add.reduceat((dataset.atomic_numbers > 1).astype(int), dataset.atom_offset)
    stays = ~np.isin(dataset.rung, _DRAWN_RUNGS) | (heavy < keep_below)
    if np.count_nonzero(stays) > structures:
        raise InputError(
            f"structures must be at least {np.count_nonzero(stays)}, which atoms, H2 and molecules below "
            f"{keep_below} heavy atoms take; got {structures}."
        )
    names, which, sizes = np.unique(dataset.molecule[~stays], return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    fits = np.cumsum(sizes[order]) <= structures - np.count_nonzero(stays)
    drawn = np.zeros(len(names), bool)
    drawn[order[fits]] = True
    kept = stays.copy()
    kept[~stays] = drawn[which]
    chosen = dataset.select(np.flatnonzero(kept))
    rounded = {name: getattr(chosen, name).astype(np.float32).astype(np.float64) for name in ("positions", "forces")}
    taken = {
        "structures_of": len(dataset),
        "molecules_of": len(np.unique(dataset.molecule)),
        "keep_below_heavy_atoms": keep_below,
        "seed": seed,
        "rounded_to_float32": list(rounded),
    }
    return dataclasses.replace(chosen, **rounded, manifest={**dataset.manifest, "subset": taken})


def main(argv: Sequence[str] | None = None) -> None:
    """Write a subset of a dataset; the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="name of a shipped dataset or path of one")
    parser.add_argument("output", type=Path, help="a new .h5 file")
    parser.add_argument("--structures", type=int, required=True, help="at most so many")
    parser.add_argument("--keep-below", type=int, default=5, help="heavy atoms below which molecules stay all")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    try:
        if arguments.output.exists():
            raise InputError(f"{arguments.output} exists already; remove it or write to another file.")
        whole = storage.load_dataset(arguments.dataset)
        chosen = subset(whole, arguments.structures, arguments.keep_below, arguments.seed)
        storage.save_dataset(arguments.output, chosen)
    except (InputError, ValueError) as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    print(
        f"{len(chosen)} of {len(whole)} structures, {arguments.output.stat().st_size / 1e6:.1f} MB: {arguments.output}"
    )


if __name__ == "__main__":
    main()
