"""Networks on positions as rungs: the library as a dataset that a study trains on, and its replicas on the curves."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from h2scale import units
from h2scale.data import dataset as dataset_lib
from h2scale.data import partition, rungs, splits, storage
from h2scale.evaluation import replica as replica_lib
from h2scale.graphs import build
from h2scale.models import flat
from h2scale.models import potential as potential_lib
from h2scale.models.settings import ModelSettings
from h2scale.remedies import library, pair_prior
from h2scale.remedies.library import Geometry, Library
from h2scale.types import Graph, Structure


class Potential(NamedTuple):
    """A trained replica, with the priors that were taken off its labels."""

    replica: replica_lib.Replica
    with_priors: bool


class Judged(NamedTuple):
    """Signed errors of a potential relative to its own atoms, eV."""

    molecules: np.ndarray  # (n_molecules,)
    curves: dict[str, np.ndarray]  # (n_points,), by system


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


def make_judge(data: Library) -> Callable[[Potential], Judged]:
    """Return the errors of a potential on everything in a library; one call of one program evaluates all of it.

    A curve with an element that the network does not know has NaN.
    """
    labels = library.relative(data.molecules, data.atoms, "label") * units.HARTREE_EV
    parts = [data.molecules, *(part for curve in data.curves for part in (curve.points, curve.atoms))]
    every = [own for part in parts for own in part]
    ends = np.cumsum([len(part) for part in parts])[:-1]
    graphs = functools.cache(functools.partial(_graph, tuple(every)))
    priors = np.array([_prior_ev(own) for own in every])
    bare = np.array([_is_bare(own) for own in every])

    def judge(potential: Potential) -> Judged:
        settings = potential.replica.settings
        known, graph = graphs(settings.species, settings.cutoff, settings.conditioning != "none")
        energies = np.full(len(every), np.nan)
        params = potential.replica.params.astype(graph.positions.dtype)
        energies[known] = np.asarray(_compiled(settings)(params, graph), float)
        if potential.with_priors:
            energies = np.where(bare, priors, energies + priors)
        molecules, *sides = np.split(energies, ends)
        curves = zip(data.curves, sides[::2], sides[1::2], strict=True)
        return Judged(
            molecules - labels, {curve.system: own - atoms.sum() - curve.reference_ev for curve, own, atoms in curves}
        )

    return judge


def energy_ev(potential: Potential, geometry: Geometry) -> float:
    """Energy relative to isolated neutral atoms, eV; a network that takes no charge answers as if there were none."""
    numbers, positions = np.array(geometry.atomic_numbers), np.asarray(geometry.positions, float)
    if not set(numbers.tolist()) <= set(potential.replica.settings.species):
        return float("nan")
    if potential.with_priors and _is_bare(geometry):
        return _prior_ev(geometry)
    charge = geometry.charge if potential.replica.settings.conditioning != "none" else 0
    learned = potential.replica.energy(numbers, positions, charge, geometry.spin_multiplicity)
    return learned + (_prior_ev(geometry) if potential.with_priors else 0.0)


def _prior_ev(geometry: Geometry) -> float:
    """Energy that the priors give, eV: of bare nuclei all of it, else the pair prior's."""
    numbers, positions = np.array(geometry.atomic_numbers), np.asarray(geometry.positions, float)
    return (pair_prior.bare_ev if _is_bare(geometry) else pair_prior.prior_ev)(numbers, positions)


def _is_bare(geometry: Geometry) -> bool:
    return sum(geometry.atomic_numbers) == geometry.charge


def _graph(
    geometries: tuple[Geometry, ...], species: tuple[int, ...], cutoff: float, conditioned: bool
) -> tuple[np.ndarray, Graph]:
    """Mask of the geometries that hold known elements alone, (n,), and these as one graph."""
    known = np.array([set(own.atomic_numbers) <= set(species) for own in geometries])
    dtype = jax.dtypes.canonicalize_dtype(jnp.float64)
    graphs = [
        build.graph_from_structure(
            np.array(own.atomic_numbers),
            np.asarray(own.positions, float),
            own.charge if conditioned else 0,
            own.spin_multiplicity,
            cutoff,
            species,
            dtype,
        )
        for own, is_known in zip(geometries, known, strict=True)
        if is_known
    ]
    return known, build.concatenate(graphs)


@functools.cache
def _compiled(settings: ModelSettings) -> Callable[[jax.Array, Graph], jax.Array]:
    return jax.jit(flat.flat_potential(potential_lib.make_potential(settings)).energy)
