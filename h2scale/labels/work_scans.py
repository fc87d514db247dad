"""Tasks of a Kohn-Sham campaign that follow a path: whole curves, stretched bonds, scaled molecules."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from h2scale import electronic_structure
from h2scale.data import bonding, rungs
from h2scale.labels import dft, geometries, molecules, scans, structures
from h2scale.labels.recipe import Recipe
from h2scale.labels.store import Failure, Result
from h2scale.physics import curves

_COMPRESSION, _STRETCH = (0.5, 0.97), (1.05, 4.0)
_POINTS_COMPRESSED, _POINTS_STRETCHED = 3, 5
_SCALING = (0.6, 1.8)
_POINTS_SCALED = 7
_CURVE = (0.4, 5.0)


def h2_curve(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """H2 on the test distances, or on distances between them that rung `h2` may train on."""
    del parent, rng
    if arguments["part"] == "test":
        distances, regime = curves.H2_TEST_DISTANCES_ANGSTROM, "h2_test_curve"
    else:
        distances, regime = curves.h2_training_distances(), "h2_curve"
    return _diatomic(recipe, ("H", "H"), 0, 1, distances, rungs.H2_MOLECULE, regime)


def curve(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """A diatomic from 0.4 to 5 times the sum of its covalent radii."""
    del parent, rng
    symbols = tuple(arguments["symbols"])
    charge, multiplicity = arguments["charge"], arguments["spin_multiplicity"]
    radii = bonding.covalent_radii(electronic_structure.nuclear_charges(symbols))
    distances = np.geomspace(*_CURVE, arguments["points"]) * radii.sum()
    regime = "ion" if charge else "curve" if arguments["ground_state"] else "spin_state"
    return _diatomic(recipe, symbols, charge, multiplicity, distances, molecules.diatomic_name(symbols, charge), regime)


def scan(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """One bond compressed to half and stretched to four times its length, on top of a 300 K displacement."""
    mol = molecules.molecule(arguments["smiles"])
    number, start = len(mol.atomic_numbers), arguments["start"]
    cut = geometries.bond_to_cut(number, mol.bonds, start)
    if cut is None or not len(parent.structures):
        return Result((), [])
    bond, side = cut
    positions = structures.displace(mol, parent, start, 300.0, rng)
    factors = [*_stratified(_COMPRESSION, _POINTS_COMPRESSED, rng), *_stratified(_STRETCH, _POINTS_STRETCHED, rng)]
    path = [geometries.stretch(positions, bond, side, factor) for factor in factors]
    regimes = ["compressed" if factor < 1 else "stretched" for factor in factors]
    # Where fragments keep several unpaired electrons each, a search from the polarised bond may end in excited states.
    fragments = [[atom for atom in range(number) if atom not in side], side] if arguments.get("multiple_bond") else []
    shells = arguments.get("isolated_open_p_shells", 0)
    return _scanned(
        recipe,
        mol,
        path,
        regimes,
        _POINTS_COMPRESSED,
        [_opposite(number, bond)],
        fragments=fragments,
        own_grid=shells > 0,
        alone=_POINTS_STRETCHED - 1 if shells == 2 else 0,
    )


def scaled(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """All distances multiplied by 0.6 to 1.8, on top of a 300 K displacement."""
    mol = molecules.molecule(arguments["smiles"])
    if not len(parent.structures):
        return Result((), [])
    positions = structures.displace(mol, parent, arguments["start"], 300.0, rng)
    factors = _stratified(_SCALING, _POINTS_SCALED, rng)
    center = int(np.argmin(np.abs(np.log(factors))))
    path = [geometries.scale(positions, factor) for factor in factors]
    return _scanned(recipe, mol, path, ["scaled"] * len(path), center, scaled_polarisations(mol), every_point=True)


def scaled_polarisations(mol: molecules.Molecule) -> list[np.ndarray]:
    """Spins, (n_atoms,) each, from which a molecule with long bonds is searched: opposite along the whole graph, and
    opposite on two bonded atoms only, once for every kind of bond."""
    number = len(mol.atomic_numbers)
    return [_alternating(mol), *(_opposite(number, bond) for bond in molecules.distinct_bonds(mol.smiles))]


def _stratified(bounds: tuple[float, float], number: int, rng: np.random.Generator) -> list[float]:
    """One random factor in each of `number` intervals of equal ratio, increasing."""
    edges = np.geomspace(*bounds, number + 1)
    return [float(rng.uniform(low, high)) for low, high in itertools.pairwise(edges)]


def _opposite(number: int, bond: tuple[int, int]) -> np.ndarray:
    """Opposite spins of the two atoms of a bond, none elsewhere."""
    spins = np.zeros(number)
    spins[list(bond)] = 1.0, -1.0
    return spins


def _alternating(mol: molecules.Molecule) -> np.ndarray:
    """Spins of neighbouring atoms opposite along the bonds, as far as rings allow."""
    spins = np.zeros(len(mol.atomic_numbers))
    spins[0], queue = 1.0, [0]
    while queue:
        here = queue.pop()
        for bond in mol.bonds:
            if here in bond:
                other = bond[0] + bond[1] - here
                if spins[other] == 0:
                    spins[other] = -spins[here]
                    queue.append(other)
    return spins


def _scanned(
    recipe: Recipe,
    mol: molecules.Molecule,
    path: Sequence[np.ndarray],
    regimes: Sequence[str],
    center: int,
    polarisations: Sequence[np.ndarray],
    *,
    fragments: Sequence[Sequence[int]] = (),
    own_grid: bool = False,
    alone: int = 0,
    every_point: bool = False,
) -> Result:
    far_enough = [k for k, p in enumerate(path) if geometries.shortest_distance(p) > structures.MIN_DISTANCE_ANGSTROM]
    failures = [
        Failure("nuclei too close", mol.smiles, f"{regimes[k]} below {structures.MIN_DISTANCE_ANGSTROM} angstrom")
        for k in range(len(path))
        if k not in far_enough
    ]
    outcome = scans.label_scan(
        structures.species_of(mol),
        [path[k] for k in far_enough],
        structures.label_level(recipe),
        center=far_enough.index(center),
        polarisations=polarisations,
        fragments=fragments,
        own_grid=own_grid,
        alone=alone,
        every_point=every_point,
    )
    labelled = [
        structures.make_structure(recipe, structures.species_of(mol), mol.smiles, regimes[k], label)
        for k, label in zip(far_enough, outcome.labels, strict=True)
        if label is not None
    ]
    failures += [
        Failure("scan dropped" if reason.startswith("scan") else "self-consistency", mol.smiles, reason)
        for reason in outcome.failures.values()
    ]
    return Result(labelled, failures)


def _diatomic(
    recipe: Recipe,
    symbols: tuple[str, str],
    charge: int,
    multiplicity: int,
    distances: np.ndarray,
    name: str,
    regime: str,
) -> Result:
    species = dft.Species(symbols, charge, multiplicity)
    path = [np.array([[0.0, 0.0, -d / 2], [0.0, 0.0, d / 2]]) for d in distances]
    radii = bonding.covalent_radii(electronic_structure.nuclear_charges(symbols)).sum()
    center = int(np.argmin(np.abs(np.log(distances / radii))))
    opposite = [np.array([1.0, -1.0])] if charge == 0 else []
    isolated_shell = geometries.count_isolated_open_p_shells(electronic_structure.nuclear_charges(symbols), (1,)) > 0
    outcome = scans.label_scan(
        species,
        path,
        structures.label_level(recipe),
        center=center,
        polarisations=opposite,
        own_grid=isolated_shell,
        alone=int(isolated_shell),  # the points of a curve are so many that the others start from the last one
    )
    labelled = [
        structures.make_structure(recipe, species, name, regime, label) for label in outcome.labels if label is not None
    ]
    failures = [
        Failure("scan dropped" if reason.startswith("scan") else "self-consistency", name, reason)
        for reason in outcome.failures.values()
    ]
    return Result(labelled, failures)
