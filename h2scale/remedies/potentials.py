"""Networks on positions as rungs: the library as a dataset that a study trains on, and its replicas on the curves."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from h2scale import units
from h2scale.data import dataset as dataset_lib
from h2scale.data import partition, rungs, splits, storage
from h2scale.evaluation import replica as replica_lib
from h2scale.remedies import library, pair_prior
from h2scale.remedies.library import Curve, Geometry, Library
from h2scale.types import Structure


class Potential(NamedTuple):
    """A trained replica, with the priors that were taken off its labels."""

    replica: replica_lib.Replica
    with_priors: bool


def to_dataset(data: Library, *, with_priors: bool) -> dataset_lib.Dataset:
    """Molecules with energies relative to isolated atoms, in eV, less the priors; without forces."""
    energies = library.relative(data.molecules, data.atoms, "label") * units.HARTREE_EV
    structures = []
    for own, energy in zip(data.molecules, energies, strict=True):
        numbers = np.array(own.atomic_numbers, np.int32)
        known = pair_prior.prior_ev(numbers, own.positions) if with_priors else 0.0
        structures.append(
            Structure(
                atomic_numbers=numbers,
                positions=own.positions,
                energy=float(energy - known),
                forces=np.full((len(numbers), 3), np.nan),
                charge=own.charge,
                spin_multiplicity=own.spin_multiplicity,
                rung=rungs.RUNGS[0],
                regime="equilibrium",
                molecule=own.name,
                teacher=f"ccsd(t)/{data.basis}",
                spin_squared=0.0,
            )
        )
    level = f"ccsd(t)/{data.basis}" + (", less pair priors" if with_priors else "")
    return dataset_lib.from_structures(structures, {"level": level, "has_forces": False})


def save_dataset(path: Path, data: Library, *, with_priors: bool) -> None:
    """Write what `to_dataset` makes."""
    storage.save_dataset(path, to_dataset(data, with_priors=with_priors))


def divide(data: Library, settings: splits.SplitSettings) -> partition.Partition:
    """Sides of the library's molecules, as a study divides them."""
    return partition.divide(to_dataset(data, with_priors=False), settings)


def load(folder: Path, replica_id: str, *, with_priors: bool) -> Potential:
    """Trained replica of a study."""
    return Potential(replica_lib.load_replica(folder, replica_id), with_priors)


def molecule_errors_ev(potential: Potential, data: Library) -> np.ndarray:
    """Signed errors of the energies relative to atoms, eV, (n_molecules,)."""
    labels = library.relative(data.molecules, data.atoms, "label") * units.HARTREE_EV
    return np.array([energy_ev(potential, own) for own in data.molecules]) - labels


def curve_errors_ev(potential: Potential, curve: Curve) -> np.ndarray:
    """Signed errors along a curve, eV, (n_points,); NaN where it holds an element that the network does not know."""
    own = np.array([energy_ev(potential, point) for point in curve.points])
    own -= sum(energy_ev(potential, atom) for atom in curve.atoms)
    return own - curve.reference_ev


def energy_ev(potential: Potential, geometry: Geometry) -> float:
    """Energy relative to isolated neutral atoms, eV; a network that takes no charge answers as if there were none."""
    numbers, positions = np.array(geometry.atomic_numbers), np.asarray(geometry.positions, float)
    if not set(numbers.tolist()) <= set(potential.replica.settings.species):
        return float("nan")
    if potential.with_priors and int(numbers.sum()) == geometry.charge:
        return pair_prior.bare_ev(numbers, positions)
    charge = geometry.charge if potential.replica.settings.conditioning != "none" else 0
    learned = potential.replica.energy(numbers, positions, charge, geometry.spin_multiplicity)
    return learned + (pair_prior.prior_ev(numbers, positions) if potential.with_priors else 0.0)
