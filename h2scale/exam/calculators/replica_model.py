"""A trained replica under examination: every question of a section is one batch through one compiled program."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from h2scale.evaluation import replica as replica_lib
from h2scale.exam import models
from h2scale.models.settings import ModelSettings
from h2scale.types import Graph

BATCH = 128
MAX_ATOMS = 3
"""Structures per call, and atoms in the largest of them: everything is padded to these, so that one program does."""


class ReplicaModel:
    """Answers with a replica of a run, in float64."""

    def __init__(self, replica: replica_lib.Replica, answered: models.Watch = models.pass_over) -> None:
        self.replica = replica
        self.failure = ""
        self.environment: dict[str, Any] = {}
        self._answered = answered
        self._params = replica.params.astype(jnp.float64)

    def ask(self, asks: Sequence[models.Ask], *, reuse: bool = False) -> list[models.Answer]:
        """One answer per structure, in order; an unknown element or a charge it takes none of is refused."""
        answers = [self._refusal(ask) for ask in asks]
        places = [place for place, refused in enumerate(answers) if refused is None]
        for start in range(0, len(places), BATCH):
            chunk = places[start : start + BATCH]
            for place, answer in zip(chunk, self._batch([asks[i] for i in chunk]), strict=True):
                answers[place] = answer
                self._answered(asks[place], answer)
        return answers

    def _refusal(self, ask: models.Ask) -> models.Answer | None:
        settings = self.replica.settings
        unknown = [number for number in ask.numbers if number not in settings.species]
        if unknown:
            reason = f"atomic number {unknown[0]} is not among the replica's {list(settings.species)}"
            return models.Answer(np.nan, None, models.REFUSED, reason)
        if settings.conditioning == "none" and ask.charge != 0:
            return models.Answer(np.nan, None, models.REFUSED, "the replica takes no charge")
        return None

    def _batch(self, asks: list[models.Ask]) -> list[models.Answer]:
        settings = self.replica.settings
        program = replica_lib.compiled(settings)
        energies, forces = (np.asarray(value) for value in program(self._params, _graph(asks, settings)))
        ends = np.cumsum([len(ask.numbers) for ask in asks])
        return [
            models.Answer(float(energy), force, models.OK, "")
            if np.isfinite(energy)
            else models.Answer(np.nan, None, models.ERROR, f"the energy is {energy}")
            for energy, force in zip(energies, np.split(forces[: ends[-1]], ends[:-1]), strict=False)
        ]


def entry(workdir: str, replica_id: str, replica: replica_lib.Replica, teacher: str) -> models.Entry:
    """How a replica is called in the results; one without conditioning takes neither charge nor spin."""
    conditioned = replica.settings.conditioning != "none"
    return models.Entry(
        name=replica_id,
        entry=f"{Path(workdir).name}#{replica_id}",
        charge="info:charge" if conditioned else "none",
        spin="info:spin" if conditioned else "none",
        facts={
            "package": "h2scale",
            "level_of_theory": teacher,
            "weights": "trained by h2scale",
            "num_params": str(replica.num_params),
        },
    )


def _graph(asks: list[models.Ask], settings: ModelSettings) -> Graph:
    """Up to `BATCH` structures, padded, with every ordered pair of atoms within the cutoff as an edge."""
    sizes = np.array([len(ask.numbers) for ask in asks])
    n_node, n_edge = BATCH * MAX_ATOMS, BATCH * MAX_ATOMS * (MAX_ATOMS - 1)
    positions, species, node_graph = np.zeros((n_node, 3)), np.zeros(n_node, np.int32), np.full(n_node, BATCH - 1)
    total = int(sizes.sum())
    positions[:total] = np.concatenate([ask.positions for ask in asks])
    species[:total] = [settings.species.index(number) for ask in asks for number in ask.numbers]
    node_graph[:total] = np.repeat(np.arange(len(asks)), sizes)
    offsets = np.cumsum(sizes) - sizes
    pairs = np.concatenate(
        [first + np.argwhere(~np.eye(n, dtype=bool)) for first, n in zip(offsets, sizes, strict=True)]
    )
    lengths = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    near = pairs[(lengths < settings.cutoff) & (lengths > 0)]
    edges = np.full((n_edge, 2), n_node - 1)
    edges[: len(near)] = near
    charge, spin = np.zeros(BATCH), np.ones(BATCH)
    charge[: len(asks)] = [ask.charge for ask in asks]
    spin[: len(asks)] = [ask.spin for ask in asks]
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
        graph_mask=jnp.arange(BATCH) < len(asks),
    )
