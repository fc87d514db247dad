"""Energies and metrics of bare nuclei, of H2+ and of held-out ions by a potential that takes a charge, inside jit.

Every curve is measured from the model's own separated parts (`physics.energy_zero`); how far those lie from the exact
ones is a metric of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.graphs import batching, build
from h2scale.models import potential as potential_lib
from h2scale.physics import charged_systems, energy_zero
from h2scale.physics import metrics as metrics_lib
from h2scale.types import Graph, Structure

KINDS = {1: "ionization", -1: "affinity", 2: "double_ionization"}
"""Name of what it costs to bring a neutral molecule to each charge; the affinity is what an electron gains."""


class ChargeChange(NamedTuple):
    """A molecule at one geometry, neutral and charged, and the label of the difference."""

    neutral: Structure
    charged: Structure

    @property
    def energy_ev(self) -> float:
        """Energy of the charged structure minus that of the neutral one, eV."""
        return self.charged.energy - self.neutral.energy


class ChargedSettings(NamedTuple):
    """Settings of a potential that the graphs depend on, and what it is asked; static."""

    species: tuple[int, ...]  # the species table, atomic numbers; hydrogen is among them
    cutoff: float  # angstrom
    changes: tuple[ChargeChange, ...]  # held-out molecules


class _Pairs(NamedTuple):
    """Two atoms at many distances, of many systems, one after another."""

    distances: np.ndarray  # (n,), angstrom
    species: np.ndarray  # (n, 2), place in the species table
    charge: np.ndarray  # (n,)
    spin_multiplicity: np.ndarray  # (n,)


class _Exact(NamedTuple):
    """Exact numbers that those of a check are compared with, on the host."""

    curves: dict[str, np.ndarray]  # by system, eV relative to separated parts
    cation_far: float  # H2+ far apart, likewise
    ionizations: tuple[float, float]  # of one and of both electrons of H2, eV


Metrics = dict[str, jax.Array]
ChargedCheck = Callable[[Any], tuple[Metrics, dict[str, jax.Array]]]


def make_charged_check(potential: potential_lib.Potential, settings: ChargedSettings) -> ChargedCheck:
    """Return a pure function of parameters that gives metrics by name, and curves in eV by system.

    Systems with elements that the potential lacks are left out. Numbers are in the widest float that is enabled.
    """
    systems = {
        name: system for name, system in charged_systems.SYSTEMS.items() if set(system.numbers) <= set(settings.species)
    }
    pairs = _pairs(systems, settings.species)
    alone = _alone(settings)
    ions = [one for change in settings.changes for one in change]
    exact = _Exact(
        {name: charged_systems.exact_ev(name) for name in systems},
        float(charged_systems.h2_cation_ev(np.array(charged_systems.CATION_FAR_ANGSTROM))),
        (charged_systems.h2_ionization_ev(1), charged_systems.h2_ionization_ev(2)),
    )

    def check(params: Any) -> tuple[Metrics, dict[str, jax.Array]]:
        dtype = jax.dtypes.canonicalize_dtype(jnp.float64)
        params = jax.tree.map(lambda leaf: leaf.astype(dtype), params)
        energies, slopes = _pair_energies(potential, params, pairs, settings.cutoff, dtype)
        isolated = dict(zip(alone, _energies(potential, params, list(alone.values()), settings, dtype), strict=True))
        ends = np.cumsum([len(system.distances_angstrom) for system in systems.values()])
        of_system = dict(zip(systems, jnp.split(energies, ends)[:-1], strict=True))
        slope_of = dict(zip(systems, jnp.split(slopes, ends)[:-1], strict=True))
        relative = {name: of_system[name] - _parts(name, isolated) for name in systems}
        metrics = _own_parts(isolated)
        for name in [name for name in systems if name in charged_systems.BARE_PAIRS]:
            metrics |= _bare_metrics(name, relative[name], slope_of[name], exact.curves[name])
        metrics |= _cation_metrics(relative[charged_systems.H2_CATION], energies[ends[-1] :], isolated, exact)
        changes = _energies(potential, params, ions, settings, dtype) if ions else jnp.zeros(0, dtype)
        metrics |= _change_metrics(settings.changes, changes[1::2] - changes[::2])
        return metrics, relative

    return check


def _pairs(systems: dict[str, charged_systems.System], species: tuple[int, ...]) -> _Pairs:
    """Points of every system, then H2+ far apart and H2 with charges 0, 1 and 2 at its bond length."""
    bond, far = charged_systems.H2_BOND_ANGSTROM, charged_systems.CATION_FAR_ANGSTROM
    points = [
        *(
            (distance, system.numbers, system.charge, system.spin_multiplicity)
            for system in systems.values()
            for distance in system.distances_angstrom
        ),
        (far, (1, 1), 1, 2),
        (bond, (1, 1), 0, 1),
        (bond, (1, 1), 1, 2),
        (bond, (1, 1), 2, 1),
    ]
    distances, numbers, charges, spins = zip(*points, strict=True)
    places = batching.species_indices(np.ravel(numbers), species).reshape(-1, 2)
    return _Pairs(np.array(distances), places, np.array(charges), np.array(spins))


def _pair_energies(
    potential: potential_lib.Potential, params: Any, pairs: _Pairs, cutoff: float, dtype: jax.typing.DTypeLike
) -> tuple[jax.Array, jax.Array]:
    """Energies in eV and their slopes in eV/angstrom, each (n,)."""

    def energy(distance: jax.Array, species: jax.Array, charge: jax.Array, spin: jax.Array) -> jax.Array:
        graph = build.dimer_graphs(distance[None], species, charge, spin, cutoff)
        return potential.energy(params, graph)[0]

    numbers = [jnp.asarray(values, dtype) for values in (pairs.distances, pairs.charge, pairs.spin_multiplicity)]
    distances, charges, spins = numbers
    return jax.vmap(jax.value_and_grad(energy))(distances, jnp.asarray(pairs.species), charges, spins)


def _alone(settings: ChargedSettings) -> dict[str, Structure]:
    """Separated parts of the systems."""

    def atom(number: int, charge: int, spin_multiplicity: int) -> Structure:
        zeros = np.zeros((1, 3))
        numbers = np.array([number], np.int32)
        return Structure(numbers, zeros, 0.0, zeros, charge, spin_multiplicity, "", "", "", "", 0.0)

    parts = {"H": atom(1, 0, 2), "H+": atom(1, 1, 1)}
    return parts | ({"He2+": atom(2, 2, 1)} if 2 in settings.species else {})


def _parts(name: str, isolated: dict[str, jax.Array]) -> jax.Array:
    """Energy of a system's separated parts by the model itself, eV."""
    if name == charged_systems.H2_CATION:
        return isolated["H"] + isolated["H+"]
    first, second = ("H+" if number == 1 else "He2+" for number in charged_systems.SYSTEMS[name].numbers)
    return isolated[first] + isolated[second]


def _own_parts(isolated: dict[str, jax.Array]) -> Metrics:
    """Offsets of isolated nuclei from the exact ones, eV; the proton's from the model's own neutral hydrogen."""
    offsets = {"proton_offset_ev": isolated["H+"] - isolated["H"] - energy_zero.EXACT_NUCLEUS_EV[1]}
    if "He2+" in isolated:
        offsets["helium_nucleus_offset_ev"] = isolated["He2+"] - energy_zero.EXACT_NUCLEUS_EV[2]
    return offsets


def _bare_metrics(name: str, energies: jax.Array, slopes: jax.Array, exact: np.ndarray) -> Metrics:
    """Mean absolute errors of energy and force of two bare nuclei, whole and by window."""
    distances = charged_systems.SYSTEMS[name].distances_angstrom
    error = jnp.abs(energies - exact)
    force_error = jnp.abs(-slopes - exact / distances)
    found = {f"{name}_mae_ev": jnp.mean(error)}
    for window in charged_systems.WINDOWS:
        inside = charged_systems.in_window(distances, window)
        found[f"{name}_{window}_mae_ev"] = jnp.mean(error[inside])
        found[f"{name}_{window}_force_mae_ev_per_angstrom"] = jnp.mean(force_error[inside])
    return found


def _cation_metrics(energies: jax.Array, others: jax.Array, isolated: dict[str, jax.Array], exact: _Exact) -> Metrics:
    """Errors of H2+ along its curve, far apart and at its minimum, and of the ionization energies of H2.

    Args:
        energies: of H2+, relative to the model's own parts, eV.
        others: H2+ far apart, and H2 with charges 0, 1 and 2 at its bond length, eV.
        isolated: the parts.
        exact: what they are compared with.
    """
    far, neutral, cation, bare = others
    distances = jnp.asarray(charged_systems.CATION_DISTANCES_ANGSTROM, energies.dtype)
    bond_length, lowest = metrics_lib.deepest_minimum(distances, energies)
    return {
        "h2_cation_mae_ev": jnp.mean(jnp.abs(energies - exact.curves[charged_systems.H2_CATION])),
        "h2_cation_bond_length_angstrom": bond_length,
        "h2_cation_well_depth_ev": -lowest,
        "h2_cation_dissociation_error_ev": far - isolated["H"] - isolated["H+"] - exact.cation_far,
        "h2_ionization_error_ev": cation - neutral - exact.ionizations[0],
        "h2_double_ionization_error_ev": bare - neutral - exact.ionizations[1],
    }


def _change_metrics(changes: Sequence[ChargeChange], differences: jax.Array) -> Metrics:
    """Mean absolute errors of the differences of held-out molecules by kind, eV; kinds without any are left out."""
    found = {}
    for charge, name in KINDS.items():
        places = [place for place, change in enumerate(changes) if change.charged.charge == charge]
        if places:
            labels = np.array([changes[place].energy_ev for place in places])
            found[f"test_{name}_mae_ev"] = jnp.mean(jnp.abs(differences[np.array(places)] - labels))
    return found


def _energies(
    potential: potential_lib.Potential,
    params: Any,
    structures: Sequence[Structure],
    settings: ChargedSettings,
    dtype: jax.typing.DTypeLike,
) -> jax.Array:
    """Energies of structures, eV, (n,)."""
    graphs = [_graph(one, max(len(other.atomic_numbers) for other in structures), settings) for one in structures]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *graphs)
    stacked = jax.tree.map(lambda leaf: leaf.astype(dtype) if leaf.dtype.kind == "f" else leaf, stacked)
    return jax.vmap(lambda graph: potential.energy(params, graph)[0])(stacked)


def _graph(structure: Structure, n_node: int, settings: ChargedSettings) -> Graph:
    """One structure padded to `n_node` atoms with every ordered pair of them an edge, masked beyond the cutoff."""
    n_atoms = len(structure.atomic_numbers)
    positions = np.zeros((n_node, 3))
    positions[:n_atoms] = structure.positions
    species = np.zeros(n_node, np.int32)
    species[:n_atoms] = batching.species_indices(structure.atomic_numbers, settings.species)
    receivers, senders = np.nonzero(~np.eye(n_node, dtype=bool)) if n_node > 1 else (np.zeros(1, int),) * 2
    lengths = np.linalg.norm(positions[receivers] - positions[senders], axis=1)
    real = (receivers < n_atoms) & (senders < n_atoms) & (receivers != senders) & (lengths < settings.cutoff)
    last = n_node - 1
    return Graph(
        positions=jnp.asarray(positions),
        species=jnp.asarray(species),
        node_graph=jnp.zeros(n_node, jnp.int32),
        senders=jnp.asarray(np.where(real, senders, last), jnp.int32),
        receivers=jnp.asarray(receivers, jnp.int32),
        charge=jnp.asarray([float(structure.charge)]),
        spin_multiplicity=jnp.asarray([float(structure.spin_multiplicity)]),
        node_mask=jnp.arange(n_node) < n_atoms,
        edge_mask=jnp.asarray(real),
        graph_mask=jnp.ones(1, bool),
    )
