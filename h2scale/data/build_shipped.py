"""Makes the shipped dataset `pbe0_def2svp` out of two extxyz files of total energies.

    python -m h2scale.data.build_shipped --seed-labels seed_labels.extxyz --output h2scale/data/shipped

The seed labels are small molecules of H, C, N, O, F enumerated by valence, relaxed, displaced along normal modes,
stretched, compressed and scaled. They hold no H2 to train on: its minimum and 57 distances come from
`shipped/h2_pbe0_def2svp.extxyz`, computed at the same level. The manifest says how, and counts what was left out.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from h2scale import units
from h2scale.data import dataset as dataset_lib
from h2scale.data import rungs, storage
from h2scale.data.readers import extxyz
from h2scale.types import Structure

NAME = "pbe0_def2svp"
TEACHER = "pbe0/def2-svp"
H2_LABELS = storage.SHIPPED / "h2_pbe0_def2svp.extxyz"

LABEL_HARTREE_EV = 27.211386024367243
LABEL_BOHR_ANGSTROM = 0.5291772105638411
"""CODATA 2014, which converted the energies and forces of both files; `units.py` is of 2018."""

DUPLICATE_TOLERANCE_ANGSTROM = 1e-6

PROVENANCE: dict[str, Any] = {
    "level": TEACHER,
    "basis": "def2-svp",
    "program": "PySCF 2.14.0",
    "method": "PBE0 Kohn-Sham, density fitting with the default auxiliary basis, grid level 2, conv_tol 1e-8",
    "spin": {
        "equilibrium, thermal, compressed": "restricted; O=O is an unrestricted triplet",
        "stretched, scaled": "unrestricted, mixed guess, stability followed",
        "h2_curve, h2_test_curve": "the lower of restricted and unrestricted (mixed guess, stability followed)",
        "atom": "unrestricted, ground-state multiplicity",
    },
    "units": {"positions": "angstrom", "energy": "eV", "forces": "eV/angstrom", "constants": "CODATA 2018"},
    "energy_zero": "isolated atoms of isolated_atom_energies_ev at the same level",
    "equilibrium_criterion": "largest force component below 0.05 eV/angstrom, bond graph intact, no frequency check",
    "h2_labels": (
        "minimum from the zero of the force, and every second geometric midpoint of the test distances between 0.25 "
        "and 7 angstrom; the same procedure gives the 128 energies of the test curve to 1e-6 eV"
    ),
    "convergence": "every SCF behind these labels converged; those that did not are absent and were not counted",
    "limits": (
        "thermal and compressed frames are restricted only; "
        "one conformer a molecule; no ions; the H2 minimum (0.7609 angstrom) happens to lie 5e-5 of its length from a "
        "test distance"
    ),
}


def build(seed_labels: str | Path, h2_labels: str | Path = H2_LABELS) -> dataset_lib.Dataset:
    """The dataset from its two sources: converted, relative to isolated atoms, without repeated frames.

    Raises:
        ValueError: a source cannot be read, or an element lacks its isolated atom.
    """
    totals = [
        _converted(structure)
        for path in (seed_labels, h2_labels)
        for structure in extxyz.read_extxyz(path, TEACHER, rungs.RUNG_OF_REGIME)
    ]
    atoms = extxyz.isolated_atom_energies(totals)
    relative = extxyz.atomization_energies(totals, atoms)
    kept, dropped = without_duplicates(relative)
    manifest = {
        **PROVENANCE,
        "isolated_atom_energies_ev": {extxyz.SYMBOLS[z]: energy for z, energy in sorted(atoms.items())},
        "dropped": {"identical to an earlier frame of the same molecule": dropped},
    }
    return dataset_lib.from_structures(kept, manifest)


def without_duplicates(structures: Sequence[Structure]) -> tuple[list[Structure], list[str]]:
    """Structures without those whose molecule, elements, regime and positions repeat an earlier one's.

    Returns:
        What is kept, in order, and a line for each structure left out.
    """
    first_seen: dict[tuple, int] = {}
    kept, dropped = [], []
    for index, structure in enumerate(structures):
        cells = tuple((structure.positions / DUPLICATE_TOLERANCE_ANGSTROM).round().astype(int).ravel().tolist())
        key = (structure.molecule, structure.regime, tuple(structure.atomic_numbers.tolist()), cells)
        earlier = first_seen.setdefault(key, index)
        if earlier == index:
            kept.append(structure)
        else:
            dropped.append(f"frame {index} ({structure.molecule}, {structure.regime}) repeats frame {earlier}")
    return kept, dropped


def _converted(structure: Structure) -> Structure:
    to_hartree_per_bohr = LABEL_BOHR_ANGSTROM / LABEL_HARTREE_EV
    return structure._replace(
        energy=structure.energy / LABEL_HARTREE_EV * units.HARTREE_EV,
        forces=structure.forces * to_hartree_per_bohr * units.HARTREE_PER_BOHR_EV_PER_ANGSTROM,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: builds the dataset, stores it and prints its counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed-labels", required=True, help="extxyz of the enumerated molecules")
    parser.add_argument("--h2-labels", default=H2_LABELS, help="extxyz of H2's minimum and training distances")
    parser.add_argument("--output", default=storage.SHIPPED, help="folder to write to")
    arguments = parser.parse_args(argv)
    dataset = build(arguments.seed_labels, arguments.h2_labels)
    path = Path(arguments.output) / f"{NAME}.h5"
    storage.save_dataset(path, dataset)
    print(path, storage.counts(dataset), *dataset.manifest["dropped"].values(), sep="\n")


if __name__ == "__main__":
    main()
