"""Tasks of a coupled-cluster campaign: equilibrium geometries alone, each with what models of the error learn from.

The label is CCSD(T) on the restricted field. Beside it, in the extras of a task's result, stand the energies of other
methods (`energy_<name>`, hartree), the features of the lowest unrestricted field's coupled cluster (`tables`, `atoms`)
and the minimal densities of its Hartree-Fock and PBE0 fields (`hf_density`, `pbe0_density`, ...).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from h2scale import electronic_structure, elements, units
from h2scale.data import bonding, rungs
from h2scale.electronic_structure import coupled_cluster, minimal_densities, tight_binding
from h2scale.judge import systems
from h2scale.labels import dft, geometries, known_minima, molecules, structures
from h2scale.labels.recipe import Recipe
from h2scale.labels.store import Failure, Result, TaskFunction
from h2scale.types import Structure

GRID_LEVEL = 3
NONLOCAL_GRID_LEVEL = 0
"""Of wB97M-V's nonlocal correlation; level 1 costs four times as much and differs by 6e-5 hartree in formic acid."""
FUNCTIONALS = ("b3lyp", "wb97m-v")
_START_FORCE = 0.05  # eV/angstrom, of the tight-binding minimum a radical is relaxed from
_STEPS = 300


def cluster_atom(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """An isolated atom."""
    del parent, rng
    species = dft.Species((arguments["symbol"],), 0, arguments["spin_multiplicity"])
    return _labelled(recipe, species, np.zeros((1, 3)), f"[{arguments['symbol']}]", "atom")


def cluster_minimum(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """A molecule at one of its minima in an existing dataset."""
    del parent, rng
    mol = molecules.molecule(arguments["smiles"])
    minima = known_minima.of_molecule(recipe.minima, mol.smiles)
    if known_minima.digest(minima) != arguments["digest"]:
        return Result((), [Failure("minima changed", mol.smiles, f"{recipe.minima} is not what was planned with")])
    if _is_judged(mol):
        return Result((), [Failure("a judge's system", mol.smiles, "its curve judges what is learned")])
    return _labelled(
        recipe, structures.species_of(mol), minima[arguments["index"]].positions, mol.smiles, "equilibrium"
    )


def cluster_radical(recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator) -> Result:
    """A radical or carbene at a minimum near its lowest tight-binding one, relaxed at the geometries' level."""
    del parent
    mol = molecules.molecule(arguments["smiles"])
    if _is_judged(mol):
        return Result((), [Failure("a judge's system", mol.smiles, "its curve judges what is learned")])
    species = structures.species_of(mol)
    try:
        start, hessian = _tight_minimum(mol, rng)
        positions = structures.relax(recipe, species, start, hessian).positions
    except ValueError as error:
        return Result((), [Failure("relaxation", mol.smiles, str(error))])
    if bonding.bonded_pairs(mol.atomic_numbers, positions) != mol.bonds:
        return Result((), [Failure("bond graph changed", mol.smiles, "at the geometries' level")])
    return _labelled(recipe, species, positions, mol.smiles, "equilibrium")


def cluster_functionals(
    recipe: Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator
) -> Result:
    """Energies of further functionals at the parent's geometry: extras alone."""
    del rng
    if not len(parent.structures):
        return Result()
    structure = parent.structures[0]
    symbols = tuple(elements.SYMBOLS[number] for number in structure.atomic_numbers)
    species = dft.Species(symbols, structure.charge, structure.spin_multiplicity)
    molecule = dft.make_molecule(species, structure.positions, recipe.cluster_basis)
    extras, failures = {}, []
    for functional in FUNCTIONALS:
        try:
            extras[f"energy_{functional}"] = np.array(_functional_energy(molecule, functional))
        except ValueError as error:
            failures.append(Failure("self-consistency", arguments["smiles"], str(error)))
    return Result((), failures, extras)


WORK: Mapping[str, TaskFunction] = {
    function.__name__: function for function in (cluster_atom, cluster_minimum, cluster_radical, cluster_functionals)
}


def _is_judged(mol: molecules.Molecule) -> bool:
    """The composition of a system whose curve judges what learns from these labels."""
    symbols = sorted(elements.SYMBOLS[number] for number in mol.atomic_numbers)
    return any(sorted(system.symbols) == symbols for system in systems.SYSTEMS.values())


def _labelled(recipe: Recipe, species: dft.Species, positions: np.ndarray, name: str, regime: str) -> Result:
    """The label of a geometry with its extras, or the reason why there is none."""
    molecule = dft.make_molecule(species, positions, recipe.cluster_basis)
    try:
        field = electronic_structure.lowest_field(molecule, "hf")
        found = electronic_structure.describe(molecule, field)
        label = coupled_cluster.pure_spin(molecule, field)
        functional = _near(molecule, "pbe0", field)
        extras = _extras(found, label, functional.energy_hartree)
        for method, solution in (("hf", field), ("pbe0", functional)):
            minimal = minimal_densities.minimal_density(molecule, solution)
            extras |= {f"{method}_{part}": np.asarray(value) for part, value in minimal._asdict().items()}
    except ValueError as error:
        return Result((), [Failure("coupled cluster", name, str(error))])
    kind = "restricted" if found.restricted else "restricted open-shell" if molecule.spin else "restricted, unstable"
    words = f"{kind}, T1 {label.t1_diagnostic:.4f}, <S^2> of the lowest field {found.spin_squared:.3f}"
    structure = Structure(
        atomic_numbers=np.array(electronic_structure.nuclear_charges(species.symbols), np.int32),
        positions=np.asarray(positions),
        energy=label.energy_hartree * units.HARTREE_EV,
        forces=np.full((len(positions), 3), np.nan),
        charge=species.charge,
        spin_multiplicity=species.spin_multiplicity,
        rung=rungs.RUNG_OF_REGIME[regime],
        regime=regime,
        molecule=name,
        teacher=recipe.level_name,
        spin_squared=label.spin_squared,
        convergence=words + (", damped" if label.damped or found.damped else ""),
    )
    return Result([structure], [], extras)


def _extras(
    found: electronic_structure.Description, label: coupled_cluster.PureSpin, functional_hartree: float
) -> dict[str, np.ndarray]:
    numbers = {
        "energy_uhf": found.uhf_hartree,
        "energy_ump2": found.ump2_hartree,
        "energy_uccsd": found.uccsd_hartree,
        "energy_uccsd(t)": found.uccsd_t_hartree,
        "energy_ccsd(t)": label.energy_hartree,
        "energy_pbe0": functional_hartree,
        "spin_squared": found.spin_squared,
        "t1_diagnostic": found.t1_diagnostic,
        "pure_t1_diagnostic": label.t1_diagnostic,
        "num_correlated": float(found.num_correlated),
    }
    return {name: np.array(value) for name, value in numbers.items()} | {"tables": found.tables, "atoms": found.atoms}


def _near(
    molecule: electronic_structure.Molecule, functional: str, field: electronic_structure.Solution
) -> electronic_structure.Solution:
    """Solution of a functional that a Hartree-Fock field's density leads to."""
    return electronic_structure.mean_field(
        molecule,
        functional,
        restricted=False,
        density=field.density,
        grid_level=GRID_LEVEL,
        follow=False,
        nonlocal_grid_level=NONLOCAL_GRID_LEVEL,
    )


def _functional_energy(molecule: electronic_structure.Molecule, functional: str) -> float:
    """Lowest of the solutions that start from Hartree-Fock's, hartree."""
    return _near(molecule, functional, electronic_structure.lowest_field(molecule, "hf")).energy_hartree


def _tight_minimum(mol: molecules.Molecule, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Lowest of a few GFN2 minima with the molecule's bonds, and its second derivatives (eV/angstrom^2).

    Raises:
        ValueError: there is none.
    """
    tight = tight_binding.TightBinding(mol.atomic_numbers, mol.charge, mol.spin_multiplicity)
    found = []
    for start in molecules.embed(mol.smiles, 3, int(rng.integers(2**31))):
        try:
            positions, energy, _ = geometries.minimize(
                tight, start, max_force=_START_FORCE, max_steps=_STEPS, size=geometries.largest_component
            )
        except ValueError:
            continue
        if bonding.bonded_pairs(mol.atomic_numbers, positions) == mol.bonds:
            found.append((energy, positions))
    if not found:
        raise ValueError("no tight-binding minimum has the radical's bonds")
    positions = min(found, key=lambda entry: entry[0])[1]
    return positions, geometries.hessian(tight, positions)
