"""A trained replica as a model of the exam, which predicts a request in batches by one compiled program."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from h2scale.evaluation import replica as replica_lib
from h2scale.exam import models
from h2scale.models.settings import ModelSettings
from h2scale.types import Graph

SHAPES = ((3, 128), (8, 16))
"""Most atoms of a structure and structures per call, smallest first: padded to these, two programs do for the exam."""


class ReplicaModel:
    """Predictions of a replica of a run, in float64."""

    def __init__(self, replica: replica_lib.Replica, watch: models.Watch = models.ignore) -> None:
        self.replica = replica
        self.failure = ""
        self.environment: dict[str, Any] = {}
        self._watch = watch
        self._params = replica.params.astype(jnp.float64)

    def predict(self, queries: Sequence[models.Query], *, reuse: bool = False) -> list[models.Prediction]:
        """Return one prediction per query, in order; an unknown element or a charge it takes none of is refused."""
        refusals = [self._refusal(query) for query in queries]
        predicted: dict[int, models.Prediction] = {}
        for shape in SHAPES:
            places = [
                place
                for place, refusal in enumerate(refusals)
                if refusal is None and _shape_of(queries[place]) == shape
            ]
            for start in range(0, len(places), shape[1]):
                chunk = places[start : start + shape[1]]
                for place, prediction in zip(chunk, self._batch([queries[i] for i in chunk], shape), strict=True):
                    predicted[place] = prediction
                    self._watch(queries[place], prediction)
        return [predicted[place] if refusal is None else refusal for place, refusal in enumerate(refusals)]

    def _refusal(self, query: models.Query) -> models.Prediction | None:
        settings = self.replica.settings
        if _shape_of(query) is None:
            reason = f"{len(query.numbers)} atoms are more than the {SHAPES[-1][0]} that the exam's programs take"
            return models.Prediction(np.nan, None, models.REFUSED, reason)
        unknown = [number for number in query.numbers if number not in settings.species]
        if unknown:
            reason = f"atomic number {unknown[0]} is not among the replica's {list(settings.species)}"
            return models.Prediction(np.nan, None, models.REFUSED, reason)
        if not settings.takes_charge and query.charge != 0:
            return models.Prediction(np.nan, None, models.REFUSED, "the replica takes no charge")
        return None

    def _batch(self, queries: list[models.Query], shape: tuple[int, int]) -> list[models.Prediction]:
        settings = self.replica.settings
        program = replica_lib.compiled(settings)
        energies, forces = (np.asarray(value) for value in program(self._params, _graph(queries, settings, shape)))
        ends = np.cumsum([len(query.numbers) for query in queries])
        return [
            models.Prediction(float(energy), force, models.OK, "")
            if np.isfinite(energy)
            else models.Prediction(np.nan, None, models.ERROR, f"the energy is {energy}")
            for energy, force in zip(energies, np.split(forces[: ends[-1]], ends[:-1]), strict=False)
        ]


def entry(workdir: str, replica_id: str, replica: replica_lib.Replica, teacher: str) -> models.Entry:
    """Return the entry of a replica in the results; one without conditioning takes neither charge nor spin."""
    return models.Entry(
        name=replica_id,
        entry=f"{Path(workdir).name}#{replica_id}",
        charge="info:charge" if replica.settings.takes_charge else "none",
        spin="info:spin" if replica.settings.takes_spin else "none",
        facts={
            "package": "h2scale",
            "level_of_theory": teacher,
            "weights": "trained by h2scale",
            "num_params": str(replica.num_params),
        },
    )


def _shape_of(query: models.Query) -> tuple[int, int] | None:
    """Smallest of `SHAPES` that holds a structure; None if none does."""
    return next((shape for shape in SHAPES if len(query.numbers) <= shape[0]), None)


def _graph(queries: list[models.Query], settings: ModelSettings, shape: tuple[int, int]) -> Graph:
    """Graph of the structures, padded to a shape, with every ordered pair of atoms within the cutoff as an edge."""
    max_atoms, batch = shape
    sizes = np.array([len(query.numbers) for query in queries])
    n_node, n_edge = batch * max_atoms, batch * max_atoms * (max_atoms - 1)
    positions, species, node_graph = np.zeros((n_node, 3)), np.zeros(n_node, np.int32), np.full(n_node, batch - 1)
    total = int(sizes.sum())
    positions[:total] = np.concatenate([query.positions for query in queries])
    species[:total] = [settings.species.index(number) for query in queries for number in query.numbers]
    node_graph[:total] = np.repeat(np.arange(len(queries)), sizes)
    offsets = np.cumsum(sizes) - sizes
    pairs = np.concatenate(
        [first + np.argwhere(~np.eye(n, dtype=bool)) for first, n in zip(offsets, sizes, strict=True)]
    )
    lengths = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    near = pairs[(lengths < settings.cutoff) & (lengths > 0)]
    edges = np.full((n_edge, 2), n_node - 1)
    edges[: len(near)] = near
    charge, spin = np.zeros(batch), np.ones(batch)
    charge[: len(queries)] = [query.charge for query in queries]
    spin[: len(queries)] = [query.spin for query in queries]
    return Graph(
        positions=jnp.asarray(positions),
        species=jnp.asarray(species),
        node_graph=jnp.asarray(node_graph, jnp.int32),
        senders=jnp.asarray(edges[:, 1], jnp.int32),
        receivers=jnp.asarray(edges[:, 0], jnp.int32),
        charge=jnp.asarray(charge),
        spin_multiplicity=jnp.asarray(spin),
        node_mask=jnp.arange(n_node) < total,
        edge_mask=jnp.arange(n_edge) < len(near),
        graph_mask=jnp.arange(batch) < len(queries),
    )
