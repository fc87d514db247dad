"""Tasks of a GFN2-xTB campaign: many molecules each, since one takes a twentieth of a second."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from h2scale import elements
from h2scale.data import bonding, rungs
from h2scale.electronic_structure import tight_binding
from h2scale.labels import geometries, molecules, recipe
from h2scale.labels.store import Failure, Result, TaskFunction
from h2scale.physics import curves
from h2scale.types import Structure

MAX_FORCE_EV_PER_ANGSTROM = 0.05
_STEPS = 300
_KELVIN = (300.0, 1500.0)
_STRETCH = (0.5, 4.0)
_SCALING = (0.6, 1.8)
_MIN_DISTANCE_ANGSTROM = 0.15
_SMILES = "smiles"
_REGIMES, _REGIME_ODDS = ("thermal", "bond", "scaled"), (0.5, 0.35, 0.15)


def tight_binding_atoms(
    settings: recipe.Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator
) -> Result:
    """Isolated atoms, H2's test curve and its training distances."""
    del settings, arguments, parent, rng
    structures = []
    for symbol, multiplicity in recipe.NEUTRAL_ATOMS:
        number = elements.ATOMIC_NUMBERS[symbol]
        energy, _ = tight_binding.TightBinding((number,), 0, multiplicity)(np.zeros((1, 3)))
        structures.append(
            _structure((number,), multiplicity, np.zeros((1, 3)), energy, np.zeros((1, 3)), f"[{symbol}]", "atom")
        )
    evaluate = tight_binding.TightBinding((1, 1))
    for distances, regime in (
        (curves.H2_TEST_DISTANCES_ANGSTROM, "h2_test_curve"),
        (curves.h2_training_distances(), "h2_curve"),
    ):
        for distance in distances:
            positions = np.array([[0.0, 0.0, -distance / 2], [0.0, 0.0, distance / 2]])
            structures.append(_structure((1, 1), 1, positions, *evaluate(positions), rungs.H2_MOLECULE, regime))
    return Result(structures)


def tight_binding_listed(
    settings: recipe.Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator
) -> Result:
    """Minima of listed molecules and displacements of each."""
    del settings, parent
    return _many(arguments["smiles"], arguments["displacements"], 1.0, rng)


def molecular_graphs(
    settings: recipe.Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator
) -> Result:
    """Different random graphs of one composition; no label yet."""
    del settings, parent
    found = molecules.sample_graphs(arguments["composition"], arguments["number"], rng)
    return Result((), extras={_SMILES: np.array(found, str)})


def tight_binding_sampled(
    settings: recipe.Recipe, arguments: Mapping[str, Any], parent: Result, rng: np.random.Generator
) -> Result:
    """Minima of some of the graphs that the parent drew, and displacements of a share of them."""
    del settings
    drawn = parent.extras.get(_SMILES, np.array([], str)).tolist()  # none where the parent's worker died
    drawn = drawn[arguments["start"] :][: arguments["number"]]
    return _many(drawn, arguments["displacements"], arguments["displaced_share"], rng)


WORK: Mapping[str, TaskFunction] = {
    function.__name__: function
    for function in (tight_binding_atoms, tight_binding_listed, molecular_graphs, tight_binding_sampled)
}


def _many(names: Sequence[str], displacements: int, share: float, rng: np.random.Generator) -> Result:
    structures: list[Structure] = []
    failures: list[Failure] = []
    calls = 0
    for smiles in names:
        # A stream of its own, so that one molecule's failure changes no other's numbers.
        stream = np.random.default_rng(rng.integers(2**63))
        mol = molecules.molecule(smiles)
        evaluate = tight_binding.TightBinding(mol.atomic_numbers, mol.charge, mol.spin_multiplicity)
        try:
            minimum = _minimum(mol, evaluate, stream)
            structures.append(minimum)
            if stream.random() < share and smiles != rungs.H2_MOLECULE:
                _displace(mol, evaluate, minimum, displacements, stream, structures, failures)
        except ValueError as error:
            cause, _, detail = str(error).partition(": ")
            failures.append(Failure(cause, smiles, detail or cause))
        calls += evaluate.calls
    return Result(structures, failures, calls=calls)


def _minimum(mol: molecules.Molecule, evaluate: tight_binding.TightBinding, rng: np.random.Generator) -> Structure:
    starts = molecules.embed(mol.smiles, 1, int(rng.integers(2**31)))
    if not starts:
        raise ValueError("no geometry: distance geometry found none")
    start = molecules.relax_by_force_field(mol.smiles, starts[0])
    positions, energy, forces = geometries.minimize(
        evaluate,
        start,
        max_force=MAX_FORCE_EV_PER_ANGSTROM,
        max_steps=_STEPS,
        hessian=geometries.model_hessian(start, bonding.covalent_radii(mol.atomic_numbers)),
    )
    if bonding.bonded_pairs(mol.atomic_numbers, positions) != mol.bonds:
        raise ValueError("bond graph changed: during relaxation")
    return _structure(mol.atomic_numbers, mol.spin_multiplicity, positions, energy, forces, mol.smiles, "equilibrium")


def _displace(
    mol: molecules.Molecule,
    evaluate: tight_binding.TightBinding,
    minimum: Structure,
    number: int,
    rng: np.random.Generator,
    structures: list[Structure],
    failures: list[Failure],
) -> None:
    masses, positions = molecules.masses(mol.atomic_numbers), minimum.positions
    modes = geometries.normal_modes(geometries.hessian(evaluate, positions, minimum.forces), positions, masses)
    sides = geometries.cuttable_bonds(len(masses), mol.bonds)
    for _ in range(number):
        kind = str(rng.choice(_REGIMES, p=_REGIME_ODDS))
        kelvin = rng.uniform(*_KELVIN) if kind == "thermal" else 300.0
        moved, regime = geometries.thermal(positions, modes, masses, kelvin, rng), kind
        if kind == "bond" and sides:
            bond, side = sides[rng.integers(len(sides))]
            factor = float(np.exp(rng.uniform(*np.log(_STRETCH))))
            moved, regime = geometries.stretch(moved, bond, side, factor), "compressed" if factor < 1 else "stretched"
        elif kind != "thermal":
            moved, regime = geometries.scale(moved, rng.uniform(*_SCALING)), "scaled"
        if geometries.shortest_distance(moved) < _MIN_DISTANCE_ANGSTROM:
            continue
        try:
            energy, forces = evaluate(moved)
        except ValueError as error:
            failures.append(Failure("GFN2-xTB did not converge", mol.smiles, f"{regime}: {error}"))
            continue
        structures.append(
            _structure(mol.atomic_numbers, mol.spin_multiplicity, moved, energy, forces, mol.smiles, regime)
        )


def _structure(
    atomic_numbers: tuple[int, ...],
    spin_multiplicity: int,
    positions: np.ndarray,
    energy: float,
    forces: np.ndarray,
    molecule: str,
    regime: str,
) -> Structure:
    spin = (spin_multiplicity - 1) / 2
    return Structure(
        atomic_numbers=np.array(atomic_numbers, np.int32),
        positions=positions,
        energy=energy,
        forces=forces,
        charge=0,
        spin_multiplicity=spin_multiplicity,
        rung=rungs.RUNG_OF_REGIME[regime],
        regime=regime,
        molecule=molecule,
        teacher=tight_binding.TEACHER,
        spin_squared=spin * (spin + 1),
        convergence="self-consistent charges converged",
    )
