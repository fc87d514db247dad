"""Labels per core-second of the scans' search against a plain loop over the same stretched structures.

    python benchmarks/labelling.py [--scans 25] [--heavy-atoms 3]

Scans of eight lengths of random bonds of molecules with up to three heavy atoms, displaced as a campaign would. The
plain loop solves each structure alone: restricted, unrestricted from mixed orbitals, instabilities followed, gradient.
"""

import argparse
import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import time  # noqa: E402
from typing import NamedTuple  # noqa: E402

import numpy as np  # noqa: E402

from h2scale import electronic_structure, elements  # noqa: E402
from h2scale.electronic_structure import kohn_sham, tight_binding  # noqa: E402
from h2scale.labels import dft, geometries, molecules, relabel, scans  # noqa: E402
from h2scale.types import Structure  # noqa: E402

FACTORS = (0.55, 0.7, 0.85, 1.1, 1.5, 2.1, 2.8, 3.7)
LEVEL = kohn_sham.Level()


class Scan(NamedTuple):
    """A path of geometries and what the engine is told of it."""

    species: dft.Species
    path: list[np.ndarray]
    polarisation: np.ndarray
    fragments: list[tuple[int, ...]]  # of a multiple bond, as a campaign does it
    isolated_open_p_shells: int
    name: str


def random_scan(rng: np.random.Generator, heavy_atoms: int) -> Scan:
    """A random bond of a random molecule, stretched."""
    graphs = molecules.enumerate_graphs(heavy_atoms)
    while True:
        mol = molecules.molecule(graphs[rng.integers(len(graphs))])
        found = [(bond, geometries.fragment(len(mol.atomic_numbers), mol.bonds, bond)) for bond in mol.bonds]
        sides = [(bond, side) for bond, side in found if side]
        starts = molecules.embed(mol.smiles, 1, int(rng.integers(2**31)))
        if not sides or not starts or mol.spin_multiplicity != 1:
            continue
        tight = tight_binding.TightBinding(mol.atomic_numbers)
        positions, _, _ = geometries.minimize(tight, starts[0], max_force=0.05, max_steps=300)
        bond, side = sides[rng.integers(len(sides))]
        polarisation = np.zeros(len(positions))
        polarisation[list(bond)] = 1.0, -1.0
        symbols = tuple(elements.SYMBOLS[number] for number in mol.atomic_numbers)
        path = [geometries.stretch(positions, bond, side, factor) for factor in FACTORS]
        multiple = mol.bond_orders[mol.bonds.index(bond)] > 1
        rest = tuple(atom for atom in range(len(positions)) if atom not in side)
        return Scan(
            species=dft.Species(symbols, 0, 1),
            path=path,
            polarisation=polarisation,
            fragments=[rest, side] if multiple else [],
            isolated_open_p_shells=geometries.count_isolated_open_p_shells(mol.atomic_numbers, side),
            name=mol.smiles,
        )


def main() -> None:
    """Print a line per scan and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=25)
    parser.add_argument("--heavy-atoms", type=int, default=3, help="of the largest molecules")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    totals = {"engine": [0, 0.0], "plain": [0, 0.0]}
    worst, lower = 0.0, 0
    with electronic_structure.one_thread():
        for _ in range(arguments.scans):
            species, path, polarisation, fragments, open_shells, name = random_scan(rng, arguments.heavy_atoms)
            begin = time.process_time()
            outcome = scans.label_scan(
                species,
                path,
                LEVEL,
                center=3,
                polarisations=[polarisation],
                fragments=fragments,
                own_grid=open_shells > 0,
                alone=4 if open_shells == 2 else 0,
            )
            engine = time.process_time() - begin
            plain, differences = 0.0, []
            numbers = np.array(electronic_structure.nuclear_charges(species.symbols))
            for label, positions in zip(outcome.labels, path, strict=True):
                alone = Structure(numbers, positions, 0.0, np.zeros_like(positions), 0, 1, "", "", name, "", 0.0)
                begin = time.process_time()
                try:
                    energy, _ = relabel.plain_label(alone, LEVEL.functional, LEVEL.basis, LEVEL.grid_level)
                    totals["plain"][0] += 1
                    if label is not None:
                        differences.append(label.energy - energy)
                except ValueError:
                    pass
                plain += time.process_time() - begin
            totals["engine"][0] += sum(label is not None for label in outcome.labels)
            totals["engine"][1] += engine
            totals["plain"][1] += plain
            worst = max([worst, *differences])
            lower += sum(difference < -1e-5 for difference in differences)
            highest = max(differences, default=float("nan"))
            print(f"{name:12s} engine {engine:6.1f} s, plain {plain:6.1f} s, highest {highest:+.1e} eV", flush=True)
    rates = {route: labels / seconds for route, (labels, seconds) in totals.items()}
    print(
        f"labels per core-second: engine {rates['engine']:.2f}, plain {rates['plain']:.2f},",
        f"ratio {rates['engine'] / rates['plain']:.1f};",
        f"engine labels lower in {lower} cases, higher by at most {worst:.1e} eV",
    )


if __name__ == "__main__":
    main()
