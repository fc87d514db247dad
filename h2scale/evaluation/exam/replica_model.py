"""A trained replica under examination: every question of a section is one batch through one compiled program."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from h2scale.evaluation import replica as replica_lib
from h2scale.evaluation.exam import models
from h2scale.models.settings import ModelSettings
from h2scale.types import Graph

BATCH = 128
"""Structures per call; a shorter batch repeats its last structure, so that each number of atoms compiles once."""


class ReplicaModel:
    """Answers with a replica of a run, in float64."""

    def __init__(self, replica: replica_lib.Replica) -> None:
        self.replica = replica
        self.failure = ""
        self.environment: dict[str, Any] = {}
        self._params = replica.params.astype(jnp.float64)

    def ask(self, asks: Sequence[models.Ask], *, reuse: bool = False) -> list[models.Answer]:
        """One answer per structure, in order; an unknown element or a charge it takes none of is refused."""
        answers = [self._refusal(ask) for ask in asks]
        for n_atoms in sorted({len(ask.numbers) for ask in asks}):
            places = [i for i, ask in enumerate(asks) if answers[i] is None and len(ask.numbers) == n_atoms]
            for start in range(0, len(places), BATCH):
                chunk = places[start : start + BATCH]
                for place, answer in zip(chunk, self._batch([asks[i] for i in chunk]), strict=True):
                    answers[place] = answer
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
        padded = asks + [asks[-1]] * (BATCH - len(asks))
        graph = _graph(padded, settings)
        energies, forces = (np.asarray(value) for value in replica_lib.compiled(settings)(self._params, graph))
        forces = forces.reshape(BATCH, -1, 3)
        return [
            models.Answer(float(energy), force, models.OK, "")
            if np.isfinite(energy)
            else models.Answer(np.nan, None, models.ERROR, f"the energy is {energy}")
            for energy, force in zip(energies[: len(asks)], forces[: len(asks)], strict=True)
        ]


def entry(workdir: str, replica_id: str, replica: replica_lib.Replica, teacher: str) -> models.Entry:
    """How a replica is called in the results; one without conditioning takes neither charge nor spin."""
    conditioned = replica.settings.conditioning != "none"
    return models.Entry(
        name=replica_id,
        entry=f"{workdir}#{replica_id}",
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
    """Structures of one size with every ordered pair of their atoms as an edge, masked beyond the cutoff."""
    n_atoms = len(asks[0].numbers)
    positions = np.array([ask.positions for ask in asks])  # (n_graph, n_atoms, 3)
    receivers, senders = np.nonzero(~np.eye(n_atoms, dtype=bool))
    if not len(senders):  # an edge that is masked: models are not made for arrays of no edges
        receivers = senders = np.zeros(1, int)
    lengths = np.linalg.norm(positions[:, receivers] - positions[:, senders], axis=-1)
    first = n_atoms * np.arange(len(asks))[:, None]
    species = [settings.species.index(number) for ask in asks for number in ask.numbers]
    return Graph(
        positions=jnp.asarray(positions.reshape(-1, 3)),
        species=jnp.asarray(species, jnp.int32),
        node_graph=jnp.asarray(np.repeat(np.arange(len(asks)), n_atoms), jnp.int32),
        senders=jnp.asarray((first + senders).ravel(), jnp.int32),
        receivers=jnp.asarray((first + receivers).ravel(), jnp.int32),
        charge=jnp.asarray([float(ask.charge) for ask in asks]),
        spin_multiplicity=jnp.asarray([float(ask.spin) for ask in asks]),
        node_mask=jnp.ones(n_atoms * len(asks), bool),
        edge_mask=jnp.asarray(((lengths < settings.cutoff) & (lengths > 0)).ravel()),
        graph_mask=jnp.ones(len(asks), bool),
    )
