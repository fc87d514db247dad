"""Check of a dataset: labels of a random share computed again, from scratch and by another route.

    python -m h2scale.labels.relabel DATASET [--share 0.01] [--number 50] [--seed 0] [--route plain|engine]

Each structure is solved alone, without neighbours: a restricted field, then an unrestricted one from mixed frontier
orbitals, its instabilities followed, the lower kept; all by PySCF's own classes. `lower` is a flaw of the
dataset: a label that one start undercuts. `higher` shows what searching from several starts gains.
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from h2scale import electronic_structure, elements, units
from h2scale.data import dataset as dataset_lib
from h2scale.data import storage
from h2scale.electronic_structure import kohn_sham
from h2scale.labels import dft, scans
from h2scale.runtime import progress
from h2scale.types import Structure

AGREEMENT_EV = 1e-5


class Comparison(NamedTuple):
    """One structure labelled again."""

    place: int  # in the dataset
    molecule: str
    regime: str
    difference_ev: float  # new minus old total energy; NaN if it did not converge
    force_difference_ev_per_angstrom: float  # largest component
    seconds: float

    @property
    def verdict(self) -> str:
        """Word for the difference: same, lower (the dataset's label is not the lowest), higher, or failed."""
        if np.isnan(self.difference_ev):
            return "failed"
        if abs(self.difference_ev) <= AGREEMENT_EV:
            return "same"
        return "lower" if self.difference_ev < 0 else "higher"


def relabel(dataset: dataset_lib.Dataset, index: int, route: str = "plain") -> Comparison:
    """Label one structure of a Kohn-Sham dataset again, at the level its manifest names, by one of `ROUTES`."""
    structure = dataset[index]
    functional, basis = dataset.manifest["level"].split("/")
    begin = time.process_time()
    try:
        with electronic_structure.one_thread():
            energy, forces = ROUTES[route](structure, functional, basis)
    except ValueError:
        energy, forces = np.nan, np.full((len(structure.positions), 3), np.nan)
    seconds = time.process_time() - begin
    atoms = dataset.manifest["isolated_atom_energies_ev"]
    zero = sum(atoms[elements.SYMBOLS[z]] for z in structure.atomic_numbers)
    return Comparison(
        index,
        structure.molecule,
        structure.regime,
        energy - zero - structure.energy,
        float(np.abs(forces - structure.forces).max()),
        seconds,
    )


def plain_label(structure: Structure, functional: str, basis: str, grid_level: int = 2) -> tuple[float, np.ndarray]:
    """Total energy (eV) and forces (eV/angstrom) by a plain loop over the restricted and the unrestricted field.

    Raises:
        ValueError: no convergence.
    """
    molecule = dft.make_molecule(_species(structure), structure.positions, basis)
    solution = dft.plain_solution(molecule, functional, grid_level)
    forces = electronic_structure.mean_field_forces(solution, accurate=False)
    return solution.energy_hartree * units.HARTREE_EV, forces * units.HARTREE_PER_BOHR_EV_PER_ANGSTROM


def engine_label(structure: Structure, functional: str, basis: str, grid_level: int = 2) -> tuple[float, np.ndarray]:
    """Total energy (eV) and forces (eV/angstrom) by the campaign's engine, as a scan of this one geometry.

    Raises:
        ValueError: no convergence.
    """
    alternating = np.where(np.arange(len(structure.positions)) % 2, -1.0, 1.0)
    outcome = scans.label_scan(
        _species(structure),
        [structure.positions],
        kohn_sham.Level(functional, basis, grid_level),
        center=0,
        polarisations=[alternating] if structure.spin_multiplicity == 1 else [],
    )
    label = outcome.labels[0]
    if label is None:
        raise ValueError(outcome.failures[0])
    return label.energy, label.forces


def _line(found: Comparison) -> str:
    return (
        f"{found.place:6d} {found.molecule:14s} {found.regime:12s} {found.verdict:6s} "
        f"{found.difference_ev:+.2e} eV, forces {found.force_difference_ev_per_angstrom:.1e} eV/angstrom, "
        f"{found.seconds:.1f} s"
    )


def _species(structure: Structure) -> dft.Species:
    symbols = tuple(elements.SYMBOLS[number] for number in structure.atomic_numbers)
    return dft.Species(symbols, structure.charge, structure.spin_multiplicity)


ROUTES = {"plain": plain_label, "engine": engine_label}


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: label a random share again; every comparison goes to stderr as it is made, the counts to stdout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="name of a shipped dataset or path of one")
    parser.add_argument("--share", type=float, default=0.01, help="of the structures")
    parser.add_argument("--number", type=int, default=0, help="of structures, instead of a share")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--route", choices=sorted(ROUTES), default="plain", help="PySCF alone, or the campaign's engine"
    )
    arguments = parser.parse_args(argv)
    dataset = storage.load_dataset(arguments.dataset)
    eligible = np.flatnonzero(dataset.n_atoms > 1)
    number = arguments.number or max(1, round(arguments.share * len(dataset)))
    chosen = np.random.default_rng(arguments.seed).choice(eligible, size=min(number, len(eligible)), replace=False)
    verdicts: Counter[str] = Counter()
    with progress.Progress(len(chosen), len(chosen), things="labels", rate="labels") as bar:
        for index in np.sort(chosen):
            found = relabel(dataset, int(index), arguments.route)
            verdicts[found.verdict] += 1
            bar.say(_line(found))
            bar.finish_replicas(1)
            bar.advance(1, 1)
    print(", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))


if __name__ == "__main__":
    main()
