"""Steps that several tasks of a Kohn-Sham campaign share: levels, structures, relaxed and displaced geometries."""

import functools
from collections.abc import Callable

import numpy as np

from h2scale import electronic_structure, elements
from h2scale.data import rungs
from h2scale.electronic_structure import fields, kohn_sham
from h2scale.labels import dft, geometries, molecules
from h2scale.labels.recipe import Recipe
from h2scale.labels.store import Result
from h2scale.types import Structure

MAX_FORCE_EV_PER_ANGSTROM = 0.05
MIN_DISTANCE_ANGSTROM = 0.15
_STEPS = 40


def label_level(recipe: Recipe) -> kohn_sham.Level:
    """The level of theory of a campaign."""
    return kohn_sham.Level(recipe.functional, recipe.basis, recipe.grid_level)


def species_of(mol: molecules.Molecule) -> dft.Species:
    """Elements, charge and spin of a molecular graph."""
    symbols = tuple(elements.SYMBOLS[number] for number in mol.atomic_numbers)
    return dft.Species(symbols, mol.charge, mol.spin_multiplicity)


def make_structure(recipe: Recipe, species: dft.Species, molecule: str, regime: str, label: dft.Label) -> Structure:
    """A labelled structure; energies are total energies."""
    return Structure(
        atomic_numbers=np.array(electronic_structure.nuclear_charges(species.symbols), np.int32),
        positions=label.positions,
        energy=label.energy,
        forces=label.forces,
        charge=species.charge,
        spin_multiplicity=species.spin_multiplicity,
        rung=rungs.RUNG_OF_REGIME[regime],
        regime=regime,
        molecule=molecule,
        teacher=recipe.level_name,
        spin_squared=label.spin_squared,
        convergence=label.convergence,
    )


def make_evaluator(recipe: Recipe, species: dft.Species) -> Callable[[np.ndarray], tuple[float, np.ndarray, dft.Label]]:
    """Energy, forces and label of a geometry, each call started from the orbitals of the last."""
    state: dict[str, fields.Orbitals | None] = {"orbitals": None}

    def evaluate(positions: np.ndarray) -> tuple[float, np.ndarray, dft.Label]:
        label, state["orbitals"] = dft.label(species, positions, label_level(recipe), state["orbitals"])
        return label.energy, label.forces, label

    return evaluate


def relax(recipe: Recipe, species: dft.Species, positions: np.ndarray, hessian: np.ndarray | None) -> dft.Label:
    """The label of a local minimum near `positions` (angstrom), started from second derivatives if there are any.

    Raises:
        ValueError: no convergence of the field or of the geometry.
    """
    evaluate = functools.cache(_keyed(make_evaluator(recipe, species), positions.shape))
    found, _, _ = geometries.minimize(
        lambda p: evaluate(p.tobytes())[:2],
        positions,
        max_force=MAX_FORCE_EV_PER_ANGSTROM,
        max_steps=_STEPS,
        hessian=hessian,
    )
    return evaluate(found.tobytes())[2]


def _keyed(function: Callable, shape: tuple[int, ...]) -> Callable:
    return lambda key: function(np.frombuffer(key).reshape(shape).copy())


def displace(
    mol: molecules.Molecule, parent: Result, sample: int, kelvin: float, rng: np.random.Generator
) -> np.ndarray:
    """A thermal displacement of one of the parent's minima, drawn again while two nuclei come too near."""
    index = sample % len(parent.structures)
    positions, masses = parent.structures[index].positions, molecules.masses(mol.atomic_numbers)
    modes = geometries.normal_modes(parent.extras[f"hessian_{index}"], positions, masses)
    while True:
        moved = geometries.thermal(positions, modes, masses, kelvin, rng)
        if geometries.shortest_distance(moved) > MIN_DISTANCE_ANGSTROM:
            return moved
