"""Makes the shipped dataset `pbe0_def2svp` out of two extxyz files of total energies.

    python -m h2scale.data.build_shipped --seed-labels seed_labels.extxyz --output h2scale/data/shipped

The seed labels are small molecules of H, C, N, O, F enumerated by valence, relaxed, displaced along normal modes,
stretched, compressed and scaled. They hold no H2 to train on: its minimum and 57 distances come from
`shipped/h2_pbe0_def2svp.extxyz`, computed at the same level. The manifest says how, and counts what was left out.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
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
ENERGY_TOLERANCE_EV = 1e-3

SUPERSEDED: Mapping[tuple[str, str, float], float] = MappingProxyType(
    {
        ("N#N", "stretched", -2962.4683): 2.432,
        ("C=C", "stretched", -2125.5757): 0.754,
        ("FOF", "scaled", -7456.1807): 0.652,
        ("N#CF", "scaled", -5220.3645): 0.422,
    }
)
"""Seed labels that are not of the lowest solution: molecule, regime and total energy (eV), and by how much (eV) another
solution at the same level lies below it, found from atomic or fragment densities of opposite spin. A label known to be
of the wrong state is not one; a stretched N2 came out 2.4 eV above two nitrogen atoms."""

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
        "thermal and compressed frames are restricted only (18 examined, all stable); stretched and scaled frames may "
        "not be of the lowest solution (19 of the most distorted were solved again from atomic or fragment spins: 4 "
        "were not and are dropped); "
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
        structure
        for path in (seed_labels, h2_labels)
        for structure in extxyz.read_extxyz(path, TEACHER, rungs.RUNG_OF_REGIME)
    ]
    distinct, repeated = without_duplicates(totals)
    lowest, superseded = without_superseded(distinct)
    converted = [_converted(structure) for structure in lowest]
    atoms = extxyz.isolated_atom_energies(converted)
    manifest = {
        **PROVENANCE,
        "isolated_atom_energies_ev": {extxyz.SYMBOLS[z]: energy for z, energy in sorted(atoms.items())},
        "dropped": {
            "a lower solution exists at the same level": superseded,
            "identical to an earlier frame of the same molecule": repeated,
        },
    }
    return dataset_lib.from_structures(extxyz.atomization_energies(converted, atoms), manifest)


def without_superseded(structures: Sequence[Structure]) -> tuple[list[Structure], list[str]]:
    """Structures (total energies as labelled, eV) without those listed in `SUPERSEDED`.

    Returns:
        What is kept, in order, and a line for each structure left out.
    """
    kept, dropped = [], []
    for structure in structures:
        matches = [
            excess
            for (molecule, regime, energy), excess in SUPERSEDED.items()
            if (molecule, regime) == (structure.molecule, structure.regime)
            and abs(energy - structure.energy) < ENERGY_TOLERANCE_EV
        ]
        if matches:
            name = f"{structure.molecule}, {structure.regime}, {structure.energy:.4f} eV"
            dropped.append(f"{name}: {matches[0]} eV above a lower one")
        else:
            kept.append(structure)
    return kept, dropped


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
            name = f"{structure.molecule}, {structure.regime}, {structure.energy:.4f} eV"
            dropped.append(f"{name}: frame {index} repeats frame {earlier}")
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
