"""What each unit of a Kohn-Sham campaign does; a function takes its recipe, its arguments and its parent's result."""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from h2scale import units
from h2scale.data import rungs
from h2scale.labels import dft, geometries, molecules, tight_binding
from h2scale.labels.recipe import Recipe
from h2scale.labels.store import Failure, Result
from h2scale.physics import curves, electronic_structure
from h2scale.physics.electronic_structure import kohn_sham
from h2scale.types import Structure

MAX_FORCE_EV_PER_ANGSTROM = 0.05
_START_FORCE = 0.02
_DFT_STEPS, _TIGHT_BINDING_STEPS = 40, 300
_SAME_ENERGY_EV = 0.01
_CONFORMER_WINDOW_EV = 0.35
_KELVIN = (300.0, 1500.0)
_MIN_DISTANCE_ANGSTROM = 0.15
_COMPRESSION, _STRETCH = (0.5, 0.97), (1.05, 4.0)
_POINTS_COMPRESSED, _POINTS_STRETCHED = 3, 5
_SCALING = (0.6, 1.8)
_POINTS_SCALED = 7
_CURVE = (0.4, 5.0)
_HYDROGEN_TRIANGLE_ANGSTROM = 0.88

Work = Callable[[Recipe, Mapping[str, Any], Result | None, np.random.Generator], Result]


def atom(recipe: Recipe, arguments: Mapping[str, Any], parent: Result | None, rng: np.random.Generator) -> Result:
    """An isolated atom or atomic ion: the lowest of several occupations of its open shell."""
    del parent
    symbol = arguments["symbol"]
    species = dft.Species((symbol,), arguments["charge"], arguments["spin_multiplicity"])
    prepared = dft.problem(species, np.zeros((1, 3)), _level(recipe))
    starts = [kohn_sham.polarised(prepared, np.zeros(1))]
    starts += [kohn_sham.scrambled(prepared, starts[0], rng) for _ in range(4)]
    found, failures = [], []
    for start in starts:
        try:
            solution = kohn_sham.unrestricted(prepared, start)
            found.append(solution if prepared.molecule.nelectron < 2 else kohn_sham.relax(prepared, solution)[0])
        except ValueError as error:
            failures.append(Failure("self-consistency", symbol, str(error)))
    if not found:
        return Result((), failures[:1])
    best = min(found, key=lambda solution: solution.energy_hartree)
    # By symmetry there is no force on an atom; what an orientation-dependent grid leaves is noise.
    label = dft.Label(
        np.zeros((1, 3)),
        best.energy_hartree * units.HARTREE_EV,
        np.zeros((1, 3)),
        best.spin_squared,
        f"unrestricted, stable, lowest of {len(found)} starts",
    )
    regime = "atom" if species.charge == 0 else "ion"
    return Result([_structure(recipe, species, f"[{symbol}]", regime, label)])


def triatomic_hydrogen_cation(
    recipe: Recipe, arguments: Mapping[str, Any], parent: Result | None, rng: np.random.Generator
) -> Result:
    """H3+ at its minimum and at random distortions of it."""
    del arguments, parent
    species = dft.Species(("H", "H", "H"), 1, 1)
    angles = np.arange(3) * 2 * np.pi / 3
    circle = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    start = _HYDROGEN_TRIANGLE_ANGSTROM / np.sqrt(3) * circle
    return _ion_set(recipe, species, "[H3+]", start, [start + rng.normal(scale=0.12, size=(3, 3)) for _ in range(20)])


def h2_curve(recipe: Recipe, arguments: Mapping[str, Any], parent: Result | None, rng: np.random.Generator) -> Result:
    """H2 on the test distances, or on distances between them that rung `h2` may train on."""
    del parent, rng
    if arguments["part"] == "test":
        distances, regime = curves.H2_TEST_DISTANCES_ANGSTROM, "h2_test_curve"
    else:
        distances, regime = curves.h2_training_distances(), "h2_curve"
    return _diatomic(recipe, ("H", "H"), 0, 1, distances, rungs.H2_MOLECULE, regime)


def curve(recipe: Recipe, arguments: Mapping[str, Any], parent: Result | None, rng: np.random.Generator) -> Result:
    """A diatomic from 0.4 to 5 times the sum of its covalent radii."""
    del parent, rng
    symbols = tuple(arguments["symbols"])
    charge, multiplicity = arguments["charge"], arguments["spin_multiplicity"]
    radii = molecules.covalent_radii(electronic_structure.nuclear_charges(symbols))
    distances = np.geomspace(*_CURVE, arguments["points"]) * radii.sum()
    regime = "ion" if charge else "curve" if arguments["ground_state"] else "spin_state"
    name = "".join(symbols) + "+" * charge
    return _diatomic(recipe, symbols, charge, multiplicity, distances, name, regime)


def minimum(recipe: Recipe, arguments: Mapping[str, Any], parent: Result | None, rng: np.random.Generator) -> Result:
    """Local minima of a molecule: conformers found at GFN2 level, relaxed at the label's, bonds as in the graph.

    Extras: `hessian_<k>`, GFN2's second derivatives at the k-th structure's GFN2 minimum, eV/angstrom^2.
    """
    del parent
    mol = molecules.molecule(arguments["smiles"])
    tight = tight_binding.TightBinding(mol.atomic_numbers, mol.charge, mol.spin_multiplicity)
    found, failures = _conformers(mol, tight, arguments["conformers"], rng)
    structures: list[Structure] = []
    extras: dict[str, np.ndarray] = {}
    for positions in found:
        hessian = geometries.hessian(tight, positions)
        try:
            label = _relaxed(recipe, _species(mol), positions, hessian)
        except ValueError as error:
            failures.append(Failure("relaxation", mol.smiles, str(error)))
            continue
        if geometries.bonded_pairs(label.positions, molecules.covalent_radii(mol.atomic_numbers)) != mol.bonds:
            failures.append(Failure("bond graph changed", mol.smiles, "at the label level"))
        elif any(abs(label.energy - other.energy) < _SAME_ENERGY_EV for other in structures):
            failures.append(Failure("conformer repeated", mol.smiles, "two starts met in one minimum"))
        else:
            extras[f"hessian_{len(structures)}"] = hessian
            structures.append(_structure(recipe, _species(mol), mol.smiles, "equilibrium", label))
    return Result(structures, failures, extras)


def frequencies(
    recipe: Recipe, arguments: Mapping[str, Any], parent: Result | None, rng: np.random.Generator
) -> Result:
    """Harmonic frequencies of a molecule's minima by differences of forces at the label level.

    Extras: `quanta_ev_<k>`, of the k-th structure of the parent, imaginary ones negative.
    """
    del rng
    mol = molecules.molecule(arguments["smiles"])
    extras, failures = {}, []
    for index in range(len(parent.structures)):
        positions = parent.structures[index].positions
        evaluate = _evaluator(recipe, _species(mol))
        try:
            hessian = geometries.hessian(lambda p, evaluate=evaluate: evaluate(p)[:2], positions)
        except ValueError as error:
            failures.append(Failure("self-consistency", mol.smiles, str(error)))
            continue
        modes = geometries.normal_modes(hessian, positions, molecules.masses(mol.atomic_numbers))
        extras[f"quanta_ev_{index}"] = modes.quanta_ev
    return Result((), failures, extras)


def thermal(recipe: Recipe, arguments: Mapping[str, Any], parent: Result | None, rng: np.random.Generator) -> Result:
    """Classical harmonic displacements at 300 to 1500 K from the molecule's minima in turn."""
    mol = molecules.molecule(arguments["smiles"])
    structures, failures = [], []
    for sample in range(arguments["number"] if len(parent.structures) else 0):
        positions = _displaced(mol, parent, arguments["start"] + sample, rng.uniform(*_KELVIN), rng)
        try:
            label, _ = dft.label(_species(mol), positions, _level(recipe))
        except ValueError as error:
            failures.append(Failure("self-consistency", mol.smiles, str(error)))
            continue
        structures.append(_structure(recipe, _species(mol), mol.smiles, "thermal", label))
    return Result(structures, failures)


def scan(recipe: Recipe, arguments: Mapping[str, Any], parent: Result | None, rng: np.random.Generator) -> Result:
    """One bond compressed to half and stretched to four times its length, on top of a 300 K displacement."""
    mol = molecules.molecule(arguments["smiles"])
    number = len(mol.atomic_numbers)
    cuttable = [(bond, geometries.fragment(number, mol.bonds, bond)) for bond in mol.bonds]
    cuttable = [(bond, side) for bond, side in cuttable if side]
    if not cuttable or not len(parent.structures):
        return Result((), [])
    start = arguments["start"]
    order = np.random.default_rng(0).permutation(len(cuttable))  # every bond once before any bond twice
    bond, side = cuttable[order[start % len(cuttable)]]
    positions = _displaced(mol, parent, start, 300.0, rng)
    factors = [*_stratified(_COMPRESSION, _POINTS_COMPRESSED, rng), *_stratified(_STRETCH, _POINTS_STRETCHED, rng)]
    path = [geometries.stretch(positions, bond, side, factor) for factor in factors]
    polarisation = np.zeros(number)
    polarisation[list(bond)] = 1.0, -1.0
    regimes = ["compressed" if factor < 1 else "stretched" for factor in factors]
    return _scanned(recipe, mol, path, regimes, _POINTS_COMPRESSED, [polarisation])


def scaled(recipe: Recipe, arguments: Mapping[str, Any], parent: Result | None, rng: np.random.Generator) -> Result:
    """All distances multiplied by 0.6 to 1.8, on top of a 300 K displacement."""
    mol = molecules.molecule(arguments["smiles"])
    if not len(parent.structures):
        return Result((), [])
    positions = _displaced(mol, parent, arguments["start"], 300.0, rng)
    factors = _stratified(_SCALING, _POINTS_SCALED, rng)
    center = int(np.argmin(np.abs(np.log(factors))))
    path = [geometries.scale(positions, factor) for factor in factors]
    return _scanned(recipe, mol, path, ["scaled"] * len(path), center, [_alternating(mol)])


def cation(recipe: Recipe, arguments: Mapping[str, Any], parent: Result | None, rng: np.random.Generator) -> Result:
    """The molecule with one electron less: relaxed (first batch only), vertical, at displacements of the neutral."""
    mol = molecules.molecule(arguments["smiles"])
    if not len(parent.structures):
        return Result((), [])
    multiplicity = 2 if mol.spin_multiplicity % 2 else 1
    species = _species(mol)._replace(charge=mol.charge + 1, spin_multiplicity=multiplicity)
    start = parent.structures[0].positions if arguments["start"] == 0 else None
    number = arguments["number"] - (2 if start is not None else 0)
    displaced = [_displaced(mol, parent, sample, rng.uniform(*_KELVIN), rng) for sample in range(number)]
    if start is not None:
        displaced.insert(0, start)
    return _ion_set(recipe, species, mol.smiles, start, displaced)


WORK: Mapping[str, Work] = {
    function.__name__: function
    for function in (
        atom,
        triatomic_hydrogen_cation,
        h2_curve,
        curve,
        minimum,
        frequencies,
        thermal,
        scan,
        scaled,
        cation,
    )
}


def _level(recipe: Recipe) -> kohn_sham.Level:
    return kohn_sham.Level(recipe.functional, recipe.basis, recipe.grid_level)


def _species(mol: molecules.Molecule) -> dft.Species:
    symbols = tuple(electronic_structure.ELEMENTS[number - 1] for number in mol.atomic_numbers)
    return dft.Species(symbols, mol.charge, mol.spin_multiplicity)


def _structure(recipe: Recipe, species: dft.Species, molecule: str, regime: str, label: dft.Label) -> Structure:
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


def _evaluator(recipe: Recipe, species: dft.Species) -> Callable[[np.ndarray], tuple[float, np.ndarray, dft.Label]]:
    """Energy, forces and label of a geometry, each call started from the orbitals of the last."""
    state: dict[str, kohn_sham.Orbitals | None] = {"orbitals": None}

    def evaluate(positions: np.ndarray) -> tuple[float, np.ndarray, dft.Label]:
        label, state["orbitals"] = dft.label(species, positions, _level(recipe), state["orbitals"])
        return label.energy, label.forces, label

    return evaluate


def _relaxed(recipe: Recipe, species: dft.Species, positions: np.ndarray, hessian: np.ndarray | None) -> dft.Label:
    evaluate = functools.cache(_keyed(_evaluator(recipe, species), positions.shape))
    found, _, _ = geometries.minimize(
        lambda p: evaluate(p.tobytes())[:2],
        positions,
        max_force=MAX_FORCE_EV_PER_ANGSTROM,
        max_steps=_DFT_STEPS,
        hessian=hessian,
    )
    return evaluate(found.tobytes())[2]


def _keyed(function: Callable, shape: tuple[int, ...]) -> Callable:
    return lambda key: function(np.frombuffer(key).reshape(shape).copy())


def _conformers(
    mol: molecules.Molecule, tight: tight_binding.TightBinding, number: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[Failure]]:
    """Distinct GFN2 minima with the molecule's bonds, lowest first, at most `number` of them."""
    radii = molecules.covalent_radii(mol.atomic_numbers)
    minima, failures = [], []
    for start in molecules.embed(mol.smiles, 3 * number, int(rng.integers(2**31))):
        try:
            positions, energy, _ = geometries.minimize(
                tight, start, max_force=_START_FORCE, max_steps=_TIGHT_BINDING_STEPS
            )
        except ValueError as error:
            failures.append(Failure("GFN2 relaxation", mol.smiles, str(error)))
            continue
        if geometries.bonded_pairs(positions, radii) != mol.bonds:
            failures.append(Failure("bond graph changed", mol.smiles, "at GFN2 level"))
        elif not any(abs(energy - other) < _SAME_ENERGY_EV for other, _ in minima):
            minima.append((energy, positions))
    minima.sort(key=lambda entry: entry[0])
    kept = [positions for energy, positions in minima if energy < minima[0][0] + _CONFORMER_WINDOW_EV][:number]
    if kept:
        return kept, []
    return [], failures[:1] or [Failure("no geometry", mol.smiles, "distance geometry found none")]


def _displaced(
    mol: molecules.Molecule, parent: Result, sample: int, kelvin: float, rng: np.random.Generator
) -> np.ndarray:
    """A thermal displacement of one of the parent's minima, drawn again while two nuclei come too near."""
    index = sample % len(parent.structures)
    positions, masses = parent.structures[index].positions, molecules.masses(mol.atomic_numbers)
    modes = geometries.normal_modes(parent.extras[f"hessian_{index}"], positions, masses)
    while True:
        moved = geometries.thermal(positions, modes, masses, kelvin, rng)
        if geometries.shortest_distance(moved) > _MIN_DISTANCE_ANGSTROM:
            return moved


def _stratified(bounds: tuple[float, float], number: int, rng: np.random.Generator) -> list[float]:
    """One random factor in each of `number` intervals of equal ratio, increasing."""
    edges = np.geomspace(*bounds, number + 1)
    return [float(rng.uniform(low, high)) for low, high in itertools.pairwise(edges)]


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
) -> Result:
    far_enough = [k for k, p in enumerate(path) if geometries.shortest_distance(p) > _MIN_DISTANCE_ANGSTROM]
    failures = [
        Failure("nuclei too close", mol.smiles, f"{regimes[k]} below {_MIN_DISTANCE_ANGSTROM} angstrom")
        for k in range(len(path))
        if k not in far_enough
    ]
    outcome = dft.label_scan(
        _species(mol),
        [path[k] for k in far_enough],
        _level(recipe),
        center=far_enough.index(center),
        polarisations=polarisations,
    )
    structures = [
        _structure(recipe, _species(mol), mol.smiles, regimes[k], label)
        for k, label in zip(far_enough, outcome.labels, strict=True)
        if label is not None
    ]
    failures += [
        Failure("scan dropped" if reason.startswith("scan") else "self-consistency", mol.smiles, reason)
        for reason in outcome.failures.values()
    ]
    return Result(structures, failures)


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
    radii = molecules.covalent_radii(electronic_structure.nuclear_charges(symbols)).sum()
    center = int(np.argmin(np.abs(np.log(distances / radii))))
    opposite = [np.array([1.0, -1.0])] if charge == 0 else []
    outcome = dft.label_scan(species, path, _level(recipe), center=center, polarisations=opposite)
    structures = [_structure(recipe, species, name, regime, label) for label in outcome.labels if label is not None]
    failures = [
        Failure("scan dropped" if reason.startswith("scan") else "self-consistency", name, reason)
        for reason in outcome.failures.values()
    ]
    return Result(structures, failures)


def _ion_set(
    recipe: Recipe,
    species: dft.Species,
    name: str,
    start: np.ndarray | None,
    others: Sequence[np.ndarray],
) -> Result:
    """An ion relaxed from `start`, if given, and at other geometries."""
    structures, failures = [], []
    if start is not None:
        try:
            structures.append(_structure(recipe, species, name, "ion", _relaxed(recipe, species, start, None)))
        except ValueError as error:
            failures.append(Failure("relaxation", name, f"of the ion: {error}"))
    for positions in others:
        try:
            label, _ = dft.label(species, positions, _level(recipe))
        except ValueError as error:
            failures.append(Failure("self-consistency", name, f"of the ion: {error}"))
            continue
        structures.append(_structure(recipe, species, name, "ion", label))
    return Result(structures, failures)
