"""Tasks of a Kohn-Sham campaign at single geometries, and the table of all its kinds of tasks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from h2scale import units
from h2scale.data import bonding
from h2scale.electronic_structure import kohn_sham, stability, starts, tight_binding
from h2scale.labels import dft, geometries, molecules, structures, work_compressed, work_scans
from h2scale.labels.recipe import Recipe
from h2scale.labels.store import Failure, Result, TaskFunction
from h2scale.types import Structure

_START_FORCE = 0.02
_TIGHT_BINDING_STEPS = 300
_SAME_ENERGY_EV = 0.01
_CONFORMER_WINDOW_EV = 0.35
_DESCENT_ANGSTROM = 0.5
_KELVIN = (300.0, 1500.0)
_HYDROGEN_TRIANGLE_ANGSTROM = 0.88


def atom(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """An isolated atom or atomic ion: the lowest of several occupations of its open shell."""
    del parent
    symbol = arguments["symbol"]
    species = dft.Species((symbol,), arguments["charge"], arguments["spin_multiplicity"])
    prepared = dft.problem(species, np.zeros((1, 3)), structures.label_level(recipe))
    first = starts.polarised(prepared, np.zeros(1))
    scrambled = [starts.scrambled(prepared, first, rng) for _ in range(4)]
    found, failures = [], []
    for start in (first, *scrambled):
        try:
            solution = kohn_sham.unrestricted(prepared, start)
            found.append(solution if prepared.molecule.nelectron < 2 else stability.relax(prepared, solution)[0])
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
    return Result([structures.make_structure(recipe, species, f"[{symbol}]", regime, label)])


def triatomic_hydrogen_cation(
    recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator
) -> Result:
    """H3+ at its minimum and at random distortions of it."""
    del arguments, parent
    species = dft.Species(("H", "H", "H"), 1, 1)
    angles = np.arange(3) * 2 * np.pi / 3
    circle = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    start = _HYDROGEN_TRIANGLE_ANGSTROM / np.sqrt(3) * circle
    return _ion_set(recipe, species, "[H3+]", start, [start + rng.normal(scale=0.12, size=(3, 3)) for _ in range(20)])


def minimum(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """Local minima of a molecule: conformers found at GFN2 level, relaxed at the label's, bonds as in the graph.

    Extras: `hessian_<k>`, GFN2's second derivatives at the k-th structure's GFN2 minimum, eV/angstrom^2.
    """
    del parent
    mol = molecules.molecule(arguments["smiles"])
    tight = tight_binding.TightBinding(mol.atomic_numbers, mol.charge, mol.spin_multiplicity)
    found, failures = _conformers(mol, tight, arguments["conformers"], rng)
    labelled: list[Structure] = []
    extras: dict[str, np.ndarray] = {}
    for positions in found:
        hessian = geometries.hessian(tight, positions)
        try:
            label = structures.relax(recipe, structures.species_of(mol), positions, hessian)
        except ValueError as error:
            failures.append(Failure("relaxation", mol.smiles, str(error)))
            continue
        failure = _rejected(mol, label, labelled)
        if failure:
            failures.append(failure)
        else:
            extras[f"hessian_{len(labelled)}"] = hessian
            labelled.append(
                structures.make_structure(recipe, structures.species_of(mol), mol.smiles, "equilibrium", label)
            )
    return Result(labelled, failures, extras)


def lowest_mode(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """The lowest vibration of a molecule's minima at the label level; from a saddle, the minimum below it.

    Extras: `lowest_quantum_ev_<k>`, of the k-th structure of the parent, negative if imaginary; shape ().
    """
    del rng
    mol = molecules.molecule(arguments["smiles"])
    labelled: list[Structure] = []
    extras: dict[str, np.ndarray] = {}
    failures: list[Failure] = []
    for index in range(len(parent.structures)):
        positions, hessian = parent.structures[index].positions, parent.extras[f"hessian_{index}"]
        try:
            quantum, direction = _lowest_vibration(recipe, mol, positions, hessian)
            extras[f"lowest_quantum_ev_{index}"] = np.array(quantum)
            if quantum >= geometries.IMAGINARY_EV:
                continue
            start = positions + _DESCENT_ANGSTROM * direction
            label = structures.relax(recipe, structures.species_of(mol), start, hessian)
            if _lowest_vibration(recipe, mol, label.positions, hessian)[0] < geometries.IMAGINARY_EV:
                raise ValueError("another saddle below a saddle")
        except ValueError as error:
            failures.append(Failure("no minimum below a saddle", mol.smiles, str(error)))
            continue
        failure = _rejected(mol, label, [*parent.structures, *labelled])
        if failure:
            failures.append(failure)
        else:
            labelled.append(
                structures.make_structure(recipe, structures.species_of(mol), mol.smiles, "equilibrium", label)
            )
    return Result(labelled, failures, extras)


def thermal(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """Classical harmonic displacements at 300 to 1500 K from the molecule's minima in turn."""
    mol = molecules.molecule(arguments["smiles"])
    labelled, failures = [], []
    for sample in range(arguments["number"] if len(parent.structures) else 0):
        positions = structures.displace(mol, parent, arguments["start"] + sample, rng.uniform(*_KELVIN), rng)
        try:
            label, _ = dft.label(structures.species_of(mol), positions, structures.label_level(recipe))
        except ValueError as error:
            failures.append(Failure("self-consistency", mol.smiles, str(error)))
            continue
        labelled.append(structures.make_structure(recipe, structures.species_of(mol), mol.smiles, "thermal", label))
    return Result(labelled, failures)


def cation(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """The molecule with one electron less: relaxed (first batch only), vertical, at displacements of the neutral."""
    mol = molecules.molecule(arguments["smiles"])
    if not len(parent.structures):
        return Result((), [])
    multiplicity = 2 if mol.spin_multiplicity % 2 else 1
    species = structures.species_of(mol)._replace(charge=mol.charge + 1, spin_multiplicity=multiplicity)
    start = parent.structures[0].positions if arguments["start"] == 0 else None
    number = arguments["number"] - (2 if start is not None else 0)
    displaced = [structures.displace(mol, parent, sample, rng.uniform(*_KELVIN), rng) for sample in range(number)]
    if start is not None:
        displaced.insert(0, start)
    return _ion_set(recipe, species, mol.smiles, start, displaced)


def vertical_ion(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """The molecule's first minimum with another charge, in the lowest spin that its number of electrons allows."""
    del rng
    mol = molecules.molecule(arguments["smiles"])
    if not len(parent.structures):
        return Result((), [])
    removed = arguments["charge"] - mol.charge
    paired = (mol.spin_multiplicity + removed) % 2 == 1
    multiplicity = mol.spin_multiplicity if removed == 0 else 1 if paired else 2
    species = structures.species_of(mol)._replace(charge=arguments["charge"], spin_multiplicity=multiplicity)
    try:
        label, _ = dft.label(species, parent.structures[0].positions, structures.label_level(recipe))
    except ValueError as error:
        return Result((), [Failure("self-consistency", mol.smiles, f"with charge {arguments['charge']}: {error}")])
    # A neutral molecule is asked at another level than the one that it was relaxed at.
    regime = "ion" if arguments["charge"] else "thermal"
    return Result([structures.make_structure(recipe, species, mol.smiles, regime, label)], [])


WORK: Mapping[str, TaskFunction] = {
    function.__name__: function
    for function in (
        atom,
        triatomic_hydrogen_cation,
        work_scans.h2_curve,
        work_scans.curve,
        minimum,
        lowest_mode,
        thermal,
        work_scans.scan,
        work_scans.scaled,
        cation,
        vertical_ion,
    )
} | dict(work_compressed.WORK)


def _rejected(mol: molecules.Molecule, label: dft.Label, others: Sequence[Structure]) -> Failure | None:
    """Return the reason why a relaxed geometry is no new minimum of the molecule, or None if it is one."""
    if bonding.bonded_pairs(mol.atomic_numbers, label.positions) != mol.bonds:
        return Failure("bond graph changed", mol.smiles, "at the label level")
    if any(abs(label.energy - other.energy) < _SAME_ENERGY_EV for other in others):
        return Failure("conformer repeated", mol.smiles, "two starts met in one minimum")
    return None


def _lowest_vibration(
    recipe: Recipe, mol: molecules.Molecule, positions: np.ndarray, hessian: np.ndarray
) -> tuple[float, np.ndarray]:
    """Quantum (eV) and direction of the lowest vibration at the label level, GFN2's second derivatives as a guess."""
    species, level = structures.species_of(mol), structures.label_level(recipe)
    _, orbitals = dft.label(species, positions, level)

    def evaluate(moved: np.ndarray) -> tuple[float, np.ndarray]:
        label = dft.label_nearby(species, moved, level, orbitals)
        return label.energy, label.forces

    masses = molecules.masses(mol.atomic_numbers)
    return geometries.lowest_quantum(evaluate, positions, masses, hessian, geometries.IMAGINARY_EV)


def _conformers(
    mol: molecules.Molecule, tight: tight_binding.TightBinding, number: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[Failure]]:
    """Distinct GFN2 minima with the molecule's bonds, lowest first, at most `number` of them."""
    minima: list[tuple[float, np.ndarray]] = []
    failures: list[Failure] = []
    for start in molecules.embed(mol.smiles, 3 * number, int(rng.integers(2**31))):
        try:
            positions, energy, _ = geometries.minimize(
                tight,
                start,
                max_force=_START_FORCE,
                max_steps=_TIGHT_BINDING_STEPS,
                size=geometries.largest_component,  # a start for another method need not be exact
            )
        except ValueError as error:
            failures.append(Failure("GFN2 relaxation", mol.smiles, str(error)))
            continue
        if bonding.bonded_pairs(mol.atomic_numbers, positions) != mol.bonds:
            failures.append(Failure("bond graph changed", mol.smiles, "at GFN2 level"))
        elif not any(abs(energy - other) < _SAME_ENERGY_EV for other, _ in minima):
            minima.append((energy, positions))
    minima.sort(key=lambda entry: entry[0])
    kept = [positions for energy, positions in minima if energy < minima[0][0] + _CONFORMER_WINDOW_EV][:number]
    if kept:
        return kept, []
    return [], failures[:1] or [Failure("no geometry", mol.smiles, "distance geometry found none")]


def _ion_set(
    recipe: Recipe,
    species: dft.Species,
    name: str,
    start: np.ndarray | None,
    others: Sequence[np.ndarray],
) -> Result:
    """An ion relaxed from `start`, if given, and at other geometries."""
    labelled, failures = [], []
    if start is not None:
        try:
            labelled.append(
                structures.make_structure(recipe, species, name, "ion", structures.relax(recipe, species, start, None))
            )
        except ValueError as error:
            failures.append(Failure("relaxation", name, f"of the ion: {error}"))
    for positions in others:
        try:
            label, _ = dft.label(species, positions, structures.label_level(recipe))
        except ValueError as error:
            failures.append(Failure("self-consistency", name, f"of the ion: {error}"))
            continue
        labelled.append(structures.make_structure(recipe, species, name, "ion", label))
    return Result(labelled, failures)
