"""The shape metrics of MLIP Arena, ml-peg and matbench-discovery on their own grids, charges and spins.

Numbers compare with those of the three benchmarks for the same elements; none has a limit here, because none of them
tests for the right energy. All pairs have charge 0 and multiplicity 1, as in the three.
"""

import functools
from collections.abc import Callable

import numpy as np
from ase.data import atomic_masses, chemical_symbols, covalent_radii
from ase.data.vdw_alvarez import vdw_radii

from h2scale.exam import grading, models
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.models import Model
from h2scale.exam.references import diatomic_systems, tables
from h2scale.exam.sections import curve_shape, pbe_metrics

ARENA_STEP_ANGSTROM = 0.01
ML_PEG_DISTANCES = np.linspace(0.18, 6.0, 100)
MATBENCH_DISTANCES = np.geomspace(0.1, 6.0, 119)
_INNER, _OUTER, _OUTER_MAX = 0.9, 3.1, 6.0
_INNER_WALL = 0.8

Metric = tuple[str, str, bool, Callable[[np.ndarray, np.ndarray, np.ndarray], float]]
_COMMON: tuple[Metric, ...] = (
    ("force flips", "", True, lambda r, e, f: curve_shape.force_flips(f)),
    ("Spearman, repulsion", "", False, lambda r, e, f: curve_shape.spearman_repulsion(r, e)),
    ("Spearman, attraction", "", False, lambda r, e, f: curve_shape.spearman_attraction(r, e)),
)
_FORCE_VARIATION: tuple[Metric, ...] = (
    ("force jump", "eV/Å", True, lambda r, e, f: curve_shape.force_jump(f)),
    ("force total variation", "eV/Å", True, lambda r, e, f: curve_shape.force_total_variation(f)),
)
_ARENA: tuple[Metric, ...] = (
    *_COMMON,
    ("conservation deviation", "eV/Å", True, curve_shape.conservation_deviation),
    ("tortuosity", "", False, lambda r, e, f: curve_shape.tortuosity(e)),
    ("energy jump", "eV", False, lambda r, e, f: curve_shape.energy_jump(e)),
    ("energy-difference flips", "", False, lambda r, e, f: curve_shape.energy_flips(e)),
    ("energy total variation", "eV", False, lambda r, e, f: curve_shape.energy_total_variation(e)),
    ("steepest slope", "eV/Å", False, lambda r, e, f: curve_shape.steepest_slope(r, e)),
    ("Spearman, force descending", "", True, lambda r, e, f: curve_shape.spearman_force_descending(r, f)),
    ("Spearman, force ascending", "", True, lambda r, e, f: curve_shape.spearman_force_ascending(r, f)),
    *_FORCE_VARIATION,
)
_ML_PEG: tuple[Metric, ...] = (
    *_COMMON,
    ("energy minima", "", False, lambda r, e, f: curve_shape.minima_ml_peg(e)),
    ("inflections", "", False, lambda r, e, f: curve_shape.inflections_ml_peg(r, e)),
)
_MATBENCH: tuple[Metric, ...] = (
    _COMMON[0],
    ("tortuosity", "", False, lambda r, e, f: curve_shape.tortuosity(e)),
    ("energy jump", "eV", False, lambda r, e, f: curve_shape.energy_jump(e)),
    ("energy-difference flips", "", False, lambda r, e, f: curve_shape.energy_flips(e)),
    *_FORCE_VARIATION,
)
PBE_LABEL = "PBE/def2-TZVPD, unrestricted"
"""Stands for matbench-discovery's own PBE curves, which are of plane waves and projectors, for the elements it has."""


def scored_window(number: int) -> tuple[float, float]:
    """0.9 covalent radii to 3.1 van der Waals radii of one element, angstrom, as Arena and matbench have it."""
    outer = vdw_radii[number]
    return _INNER * covalent_radii[number], min(_OUTER * outer, _OUTER_MAX) if np.isfinite(outer) else _OUTER_MAX


def arena_distances(number: int) -> np.ndarray:
    """Grid of MLIP Arena for a homonuclear pair: linear, about 0.01 angstrom apart."""
    low, high = scored_window(number)
    return np.linspace(low, high, int((high - low) / ARENA_STEP_ANGSTROM))


def matbench_distances(number: int) -> np.ndarray:
    """Points of matbench-discovery's run that it scores for a homonuclear pair."""
    low, high = scored_window(number)
    grid = MATBENCH_DISTANCES
    return grid[(grid >= low) & (grid <= high)]


def matbench_wall_distances(number: int) -> np.ndarray:
    """Points of its run at which matbench-discovery looks for the wall: from 0.8 covalent radii on."""
    high = scored_window(number)[1]
    grid = MATBENCH_DISTANCES
    return grid[(grid >= _INNER_WALL * covalent_radii[number]) & (grid <= high)]


def examine(
    model: Model,
    conditioning: Conditioning,
    level_of_theory: str = "",
    *,
    elements: tuple[str, ...] = diatomic_systems.ORGANIC,
) -> grading.Part:
    """Metrics of Arena and matbench on homonuclear pairs, and of ml-peg on all pairs of the elements."""
    del conditioning, level_of_theory  # every pair is neutral, and no reference depends on the model
    findings: list[grading.Finding] = []
    for symbol in elements:
        number = chemical_symbols.index(symbol)
        findings += _curve(model, "shape, MLIP Arena", (number, number), arena_distances(number), _ARENA)
        findings += _curve(model, "shape, matbench-discovery", (number, number), matbench_distances(number), _MATBENCH)
        findings += _against_pbe(model, number)
    for first, second in diatomic_systems.organic_pairs():
        if first in elements and second in elements:
            pair = (chemical_symbols.index(first), chemical_symbols.index(second))
            findings += _curve(model, "shape, ml-peg", pair, ML_PEG_DISTANCES, _ML_PEG)
    return grading.Part(findings, [])


def _curve(
    model: Model, section: str, pair: tuple[int, int], distances: np.ndarray, metrics: tuple[Metric, ...]
) -> list[grading.Finding]:
    predictions = model.predict([models.dimer(*pair, distance, 0, 1) for distance in distances])
    energies = grading.energies(predictions) - predictions[-1].energy
    forces = grading.bond_forces(predictions)
    place = (section, "".join(chemical_symbols[number] for number in pair))
    return [
        grading.measure(
            place, name, unit, predictions, functools.partial(compute, distances, energies, forces), forces=needs_forces
        )
        for name, unit, needs_forces, compute in metrics
    ]


def _against_pbe(model: Model, number: int) -> list[grading.Finding]:
    """Metrics of matbench-discovery against PBE, where a PBE curve of the pair is shipped."""
    symbol = chemical_symbols[number]
    shipped = tables.shipped(f"{symbol}2", PBE_LABEL)
    if not shipped:
        return []
    distances = matbench_wall_distances(number)
    predictions = model.predict([models.dimer(number, number, distance, 0, 1) for distance in distances])
    energies, forces = grading.energies(predictions), grading.bond_forces(predictions)
    pbe = tables.resample(shipped[0], distances)
    scored = distances >= scored_window(number)[0]
    r, e, f = distances[scored], energies[scored], forces[scored]
    p, push = pbe[scored], tables.bond_force(shipped[0], r)
    mass = atomic_masses[number] / 2
    return [
        grading.measure(
            ("shape, matbench-discovery", symbol * 2),
            f"PBE {name}",
            unit,
            predictions,
            compute,
            forces=needs_forces,
            reason=f"PBE is {PBE_LABEL} here, VASP's in the benchmark",
        )
        for name, unit, needs_forces, compute in (
            ("energy MAE", "eV", False, lambda: pbe_metrics.energy_error(r, e, p)),
            ("force MAE", "eV/Å", True, lambda: pbe_metrics.force_error(r, f, push)),
            ("bond-length error", "Å", False, lambda: pbe_metrics.bond_length_error(r, e, p)),
            ("well-depth error", "eV", False, lambda: pbe_metrics.depth_error(e, p)),
            ("frequency error", "1/cm", False, lambda: pbe_metrics.frequency_error(r, e, p, mass)),
            ("wall-distance MAE", "Å", False, lambda: pbe_metrics.wall_error(distances, energies, pbe)),
        )
    ]
