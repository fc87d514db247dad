"""A trained replica, loaded from its workdir, with its energies and forces."""

import functools
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.graphs import build
from h2scale.models import flat, widths
from h2scale.models import potential as potential_lib
from h2scale.models.settings import ModelSettings
from h2scale.training import checkpoints
from h2scale.training.metadata import PopulationMetadata
from h2scale.types import Graph

CHECKPOINTS_FOLDER = "checkpoints"


class Replica:
    """A trained potential. Energies are relative to isolated atoms at the teacher's level.

    Numbers are computed in the widest float that JAX has enabled, whatever the precision of training.
    """

    def __init__(self, settings: ModelSettings, params: jax.Array) -> None:
        self.settings = settings
        self.params = params
        self.num_params = params.size

    def energy(
        self, atomic_numbers: np.ndarray, positions: np.ndarray, charge: int = 0, spin_multiplicity: int = 1
    ) -> float:
        """Energy in eV of one structure.

        Args:
            atomic_numbers: shape (n_atoms,).
            positions: shape (n_atoms, 3), angstrom.
            charge: total charge in units of e.
            spin_multiplicity: 2S + 1.

        Raises:
            ValueError: an element the replica was not built for, shapes that disagree, or a charge for a replica
                that takes none.
        """
        return self.energy_and_forces(atomic_numbers, positions, charge, spin_multiplicity)[0]

    def forces(
        self, atomic_numbers: np.ndarray, positions: np.ndarray, charge: int = 0, spin_multiplicity: int = 1
    ) -> np.ndarray:
        """Forces in eV/angstrom, shape (n_atoms, 3); arguments and errors as for `energy`."""
        return self.energy_and_forces(atomic_numbers, positions, charge, spin_multiplicity)[1]

    def energy_and_forces(
        self, atomic_numbers: np.ndarray, positions: np.ndarray, charge: int = 0, spin_multiplicity: int = 1
    ) -> tuple[float, np.ndarray]:
        """Energy and forces from one evaluation; arguments and errors as for `energy`."""
        if not self.settings.takes_charge and charge != 0:
            raise ValueError(f"this replica takes no charge and knows only neutral structures; got charge={charge}.")
        dtype = jax.dtypes.canonicalize_dtype(jnp.float64)
        graph = build.graph_from_structure(
            atomic_numbers, positions, charge, spin_multiplicity, self.settings.cutoff, self.settings.species, dtype
        )
        # Rounded up to a power of two: a trajectory whose neighbour lists change compiles a few times, not always.
        graph = build.pad_edges(graph, 1 << (len(graph.senders) - 1).bit_length())
        energy, forces = compiled(self.settings)(self.params.astype(dtype), graph)
        return float(energy[0]), np.asarray(forces)


def load_replica(workdir: str | Path, replica_id: str) -> Replica:
    """Return the trained potential of one row of replicas.csv, with the parameters that were best on validation.

    Args:
        workdir: the folder of a run.
        replica_id: as in replicas.csv.

    Raises:
        ValueError: no checkpoint in the workdir holds that replica; the ids that exist are listed.
    """
    known: list[str] = []
    for folder in sorted((Path(workdir) / CHECKPOINTS_FOLDER).glob("*")):
        with checkpoints.PopulationCheckpoints(str(folder), keep=None) as store:
            if store.latest_step() is None:
                continue
            metadata = PopulationMetadata.from_json(store.load_metadata())
            if replica_id in metadata.replica_ids:
                params = store.load_state()["best_params"][metadata.replica_ids.index(replica_id)]
                model = metadata.model(replica_id)
                return Replica(model, jnp.asarray(params[widths.places(model, metadata.settings)]))
            known.extend(metadata.replica_ids)
    listed = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "") if known else "none"
    raise ValueError(f"{workdir} has no checkpoint of the replica {replica_id!r}; replicas there: {listed}.")


@functools.cache
def compiled(settings: ModelSettings) -> Callable[[jax.Array, Graph], tuple[jax.Array, jax.Array]]:
    """Return energies and forces as a function of parameter vector and graph, jitted once per settings."""
    return jax.jit(flat.flat_potential(potential_lib.make_potential(settings)).energy_and_forces)
