"""Energies and metrics of a potential for H2 and, if it takes a charge, for charged systems, computed inside jit."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.evaluation import charged_checks
from h2scale.graphs import build
from h2scale.models import potential as potential_lib
from h2scale.physics import curves
from h2scale.physics import metrics as metrics_lib
from h2scale.training import population as population_lib
from h2scale.types import Graph

FAR_DISTANCE_ANGSTROM = 20.0
"""Where a pair of hydrogen atoms counts as separated in the test of size consistency."""


class DimerSettings(NamedTuple):
    """Settings of a potential that graphs of two hydrogen nuclei depend on; static."""

    species: tuple[int, ...]  # the species table, atomic numbers; hydrogen is among them
    cutoff: float  # angstrom
    takes_charge: bool  # whether the potential is told the total charge
    changes: tuple[charged_checks.ChargeChange, ...] = ()  # of held-out molecules, asked of those that are told


def make_physics_check(potential: potential_lib.Potential, settings: DimerSettings) -> population_lib.PhysicsCheck:
    """Return a pure function of parameters and reference curves that scores H2 and, given a charge, what has one.

    The curves are computed in the widest float that is enabled, whatever the parameters' precision. A potential
    that is told no charge predicts nothing for the protons: their metric is NaN and no energies are returned.
    """
    charged = None
    if settings.takes_charge:
        charged = charged_checks.make_charged_check(
            potential, charged_checks.ChargedSettings(settings.species, settings.cutoff, settings.changes)
        )

    def make_graphs(references: curves.References, dtype: jax.typing.DTypeLike) -> list[Graph]:
        """Return the curve of H2, H2 pulled apart, and one atom, for one call of the potential."""

        def pairs(distances: jax.Array) -> Graph:
            return build.dimer_graphs(distances, (settings.species.index(1),) * 2, 0, 1, settings.cutoff)

        atom = build.graph_from_structure(
            np.ones(1, np.int32), np.zeros((1, 3)), 0, 2, settings.cutoff, settings.species, dtype
        )
        far = jnp.full((1,), FAR_DISTANCE_ANGSTROM, dtype)
        return [pairs(jnp.asarray(references.distances_angstrom).astype(dtype)), pairs(far), atom]

    def check(
        params: population_lib.Params, references: curves.References
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        dtype = jax.dtypes.canonicalize_dtype(jnp.float64)
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
        graphs = make_graphs(references, dtype)
        predictions = potential.energy(params, build.concatenate(graphs))
        h2, far, atom = jnp.split(predictions, np.cumsum([len(graph.charge) for graph in graphs])[:-1])

        metrics = metrics_lib.h2_metrics(
            jnp.asarray(references.distances_angstrom),
            h2,
            jnp.asarray(references.exact_ev),
            jnp.asarray(references.teacher_ev),
        )._asdict()
        metrics["h2_size_consistency_error_ev"] = metrics_lib.size_consistency_error(far[0], atom[0])
        energies = {"h2": h2}
        if charged is None:
            metrics["protons_mae_ev"] = jnp.full((), jnp.nan, dtype)
        else:
            charged_metrics, charged_energies = charged(params)
            metrics |= charged_metrics
            energies |= charged_energies
        return metrics, energies

    return check
