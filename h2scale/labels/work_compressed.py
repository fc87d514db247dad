"""Tasks of a Kohn-Sham campaign with two atoms far closer than in the molecule, and the minima they may start from."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from h2scale.data import leaks
from h2scale.electronic_structure import tight_binding
from h2scale.labels import compression, geometries, known_minima, molecules, scans, structures
from h2scale.labels.recipe import Recipe
from h2scale.labels.store import Failure, Result, TaskFunction

_COMPRESSION = (0.26, 0.5)
"""Of a bond's length; H2's wall, whose exam begins at 0.2 angstrom, is compressed to 0.27."""
_HYDROGEN_DISTANCES_ANGSTROM = (0.2, 0.7)
_POINTS = 4
_KELVIN = 300.0
_SHORTEST_TO_OTHERS_ANGSTROM = 0.5  # of two hydrogens pushed together: nearer, they would show another wall


def known_minimum(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """Minima of a molecule as an existing dataset holds them.

    Extras: `hessian_<k>`, GFN2's second derivatives at the k-th structure, eV/angstrom^2.
    """
    del parent, rng
    mol = molecules.molecule(arguments["smiles"])
    minima = known_minima.of_molecule(recipe.minima, mol.smiles)
    if known_minima.digest(minima) != arguments["digest"]:
        return Result((), [Failure("minima changed", mol.smiles, f"{recipe.minima} is not what was planned with")])
    if any(tuple(minimum.atomic_numbers.tolist()) != mol.atomic_numbers for minimum in minima):
        return Result((), [Failure("atoms in another order", mol.smiles, f"in {recipe.minima}")])
    tight = tight_binding.TightBinding(mol.atomic_numbers, mol.charge, mol.spin_multiplicity)
    hessians = {f"hessian_{k}": geometries.hessian(tight, minimum.positions) for k, minimum in enumerate(minima)}
    return Result(minima, [], hessians)


def compressed(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """One bond compressed to 0.26 to 0.5 of its length, on top of a 300 K displacement."""
    mol = molecules.molecule(arguments["smiles"])
    if not len(parent.structures):
        return Result((), [])
    start = arguments["start"]
    bonds = compression.bonds_to_compress(mol)
    bond = bonds[start % len(bonds)]
    positions = structures.displace(mol, parent, start, _KELVIN, rng)
    factors = _inward(_COMPRESSION, rng)
    path = [compression.compress(positions, mol, bond, factor) for factor in factors]
    # Hydrogens nearer to each other than in H2 are the subject of `hydrogen_pairs` alone.
    nearest = leaks.BOND_LENGTH_WINDOW_ANGSTROM[0]
    fits = [compression.shortest_hydrogen_distance(moved, mol) > nearest for moved in path]
    return _pushed(recipe, mol, positions, path, fits, "compressed", bond)


def hydrogen_pairs(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """Two hydrogens of a molecule, not bonded to each other, moved together to 0.2 to 0.7 angstrom, on top of a 300 K
    displacement."""
    mol = molecules.molecule(arguments["smiles"])
    if not len(parent.structures):
        return Result((), [])
    start = arguments["start"]
    minimum = parent.structures[start % len(parent.structures)]  # the one that `displace` takes
    pairs = compression.hydrogen_pairs(minimum.positions, mol)
    if not pairs:
        return Result((), [])
    pair = pairs[start % len(pairs)]
    positions = structures.displace(mol, parent, start, _KELVIN, rng)
    distances = _inward(_HYDROGEN_DISTANCES_ANGSTROM, rng)
    path = [compression.bring_together(positions, pair, distance) for distance in distances]
    fits = [compression.shortest_of_pair(moved, pair) > _SHORTEST_TO_OTHERS_ANGSTROM for moved in path]
    # Their bonds are broken, which may leave open shells on the atoms that they were bonded to.
    left, right = (compression.neighbor(mol, hydrogen) for hydrogen in pair)
    open_shells = (left, right) if left != right else (left, pair[0])
    return _pushed(recipe, mol, positions, path, fits, "hydrogen_pair", open_shells)


def _inward(bounds: tuple[float, float], rng: np.random.Generator) -> list[float]:
    """One random number in each of four intervals of equal ratio, decreasing."""
    edges = np.geomspace(*bounds, _POINTS + 1)
    return [float(rng.uniform(low, high)) for low, high in itertools.pairwise(edges)][::-1]


def _pushed(
    recipe: Recipe,
    mol: molecules.Molecule,
    positions: np.ndarray,
    path: Sequence[np.ndarray],
    fits: Sequence[bool],
    regime: str,
    polarised: tuple[int, int],
) -> Result:
    """Labels along a path that begins at `positions`, which is solved only to start the others and is no label.

    Args:
        recipe: of the campaign.
        mol: the molecule.
        positions: near the minimum.
        path: further and further from it.
        fits: which geometries of the path are wanted; the others count as failures.
        regime: of the labels.
        polarised: two atoms with opposite spins in one of the starts.
    """
    wanted = [moved for moved, fit in zip(path, fits, strict=True) if fit]
    too_close = Failure("nuclei too close", mol.smiles, f"{regime}, beside the pair itself")
    failures = [too_close] * (len(path) - len(wanted))
    if not wanted:
        return Result((), failures)
    spins = np.zeros(len(positions))
    spins[list(polarised)] = 1.0, -1.0
    species = structures.species_of(mol)
    outcome = scans.label_scan(
        species,
        [positions, *wanted],
        structures.label_level(recipe),
        center=0,
        polarisations=[spins],
    )
    labelled = [
        structures.make_structure(recipe, species, mol.smiles, regime, label)
        for label in outcome.labels[1:]
        if label is not None
    ]
    failures += [
        Failure("scan dropped" if reason.startswith("scan") else "self-consistency", mol.smiles, reason)
        for index, reason in outcome.failures.items()
        if index
    ]
    return Result(labelled, failures)


WORK: Mapping[str, TaskFunction] = {
    function.__name__: function for function in (known_minimum, compressed, hydrogen_pairs)
}
