"""A potential's own curves for H2 and for two bare protons, judged inside jit."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.evaluation import curve_metrics
from h2scale.graphs import build
from h2scale.models import potential as potential_lib
from h2scale.physics import curves
from h2scale.training import population
from h2scale.types import Graph

FAR_DISTANCE_ANGSTROM = 20.0
"""Where a pair of hydrogen atoms counts as separated in the test of size consistency."""


class DimerSettings(NamedTuple):
    """What a potential needs to know to be asked about two hydrogen nuclei; static."""

    species: tuple[int, ...]  # the species table, atomic numbers; hydrogen is among them
    cutoff: float  # angstrom
    conditioned: bool  # whether the potential takes charge and spin


def make_physics_check(potential: potential_lib.Potential, settings: DimerSettings) -> population.PhysicsCheck:
    """Returns a pure function of parameters and reference curves that scores H2 and, if it can be asked, two protons.

    The curves are computed in the widest float that is enabled, whatever the parameters' precision. A potential
    without a charge input is never asked about the protons: their metric is NaN and no energies are returned.
    """

    def pair_energies(params: population.Params, distances: jax.Array, charge: int, spin: int) -> jax.Array:
        pair = (settings.species.index(1),) * 2
        graph = build.dimer_graphs(distances, pair, charge, spin, settings.cutoff)
        return potential.energy(params, graph)

    def hydrogen_atom(dtype: jax.typing.DTypeLike) -> Graph:
        return build.graph_from_structure(
            np.ones(1, np.int32), np.zeros((1, 3)), 0, 2, settings.cutoff, settings.species, dtype
        )

    def check(
        params: population.Params, references: curves.References
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        dtype = jax.dtypes.canonicalize_dtype(jnp.float64)
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
        distances = references.distances_angstrom.astype(dtype)
        h2 = pair_energies(params, distances, 0, 1)
        metrics = curve_metrics.h2_metrics(distances, h2, references.exact_ev, references.teacher_ev)._asdict()
        far = pair_energies(params, jnp.full((1,), FAR_DISTANCE_ANGSTROM, dtype), 0, 1)[0]
        atom = potential.energy(params, hydrogen_atom(dtype))[0]
        metrics["h2_size_consistency_error_ev"] = curve_metrics.size_consistency_error(far, atom)
        energies = {"h2": h2}
        metrics["protons_mae_ev"] = jnp.full((), jnp.nan, dtype)
        if settings.conditioned:
            protons = pair_energies(params, references.protons_distances_angstrom.astype(dtype), 2, 1)
            metrics["protons_mae_ev"] = curve_metrics.protons_mae_ev(protons, references.protons_ev)
            energies["protons"] = protons
        return metrics, energies

    return check
