"""Rows of the corrections: amounts and inputs from what a base method knows of a molecule.

Inputs are ratios, so that they do not grow with a molecule, and bounded, so that a broken bond cannot throw the network
far beyond what equilibrium molecules showed it. They know no element and no distance. eV from hartree, here only.
"""

from collections.abc import Sequence

import numpy as np

from h2scale import units
from h2scale.electronic_structure import atom_pairs
from h2scale.electronic_structure.local_hybrid import LocalHybrid
from h2scale.electronic_structure.minimal_densities import MinimalDensity

PAIR_CHANNELS = atom_pairs.CHANNELS
GATE_HARTREE = atom_pairs.GATES_HARTREE[1]
"""Of the tables that are multiplied: the middle one of `atom_pairs.GATES_HARTREE`, fixed before any curve was seen."""
NEGLIGIBLE_HARTREE = 1e-7
"""Pairs of atoms with less correlation energy than this are left out."""
NEGLIGIBLE_ELECTRONS = 1e-6
CELLS = 8
"""Parts of an input's range from -1 to 1 in which points of a grid are gathered."""
NEGLIGIBLE_POINT_HARTREE = 1e-6
ELEMENTS = (1, 6, 7, 8, 9)
"""Atomic numbers of the training molecules."""
_SMALL_HARTREE = 1e-4  # beside energies in denominators
_SMALL_ELECTRONS = 1e-2


def pair_rows(tables: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the factor on coupled-cluster pair energies: one for every pair of atoms, an atom with itself included.

    Args:
        tables: `atom_pairs.TABLES` of one structure, (n_tables, n_atoms, n_atoms), hartree.
        columns: `atom_pairs.ATOM_COLUMNS`, (n_atoms, n_columns).

    Returns:
        Inputs (n_rows, n_inputs) and amounts (n_rows, 2), eV: the gated energies of opposite and of equal spins, zero
        for up to two correlated electrons, so that these stay coupled cluster's, which is exact for them.
    """
    named = {name: table for name, table in zip(atom_pairs.TABLES, tables, strict=True)}
    first, second = np.triu_indices(tables.shape[-1])
    kept = np.abs(named["opposite_energy"] + named["equal_energy"])[first, second] > NEGLIGIBLE_HARTREE
    first, second = first[kept], second[kept]
    count = np.where(first == second, 1.0, 2.0)  # a table holds a pair of different atoms twice
    amounts = np.stack(
        [named[f"{channel}_energy_gated_{GATE_HARTREE:g}"][first, second] * count for channel in PAIR_CHANNELS], axis=1
    )
    inputs = [np.where(first == second, 1.0, -1.0)]
    for channel in PAIR_CHANNELS:
        inputs += _of_channel(named, channel, first, second)
    energy = {channel: named[f"{channel}_energy"][first, second] for channel in PAIR_CHANNELS}
    inputs.append(_share(energy["equal"], energy["opposite"]))
    by_atom = _by_atom(named, columns)
    inputs += [by_atom[first] + by_atom[second], (by_atom[first] - by_atom[second]) ** 2]
    return np.column_stack(inputs), amounts * units.HARTREE_EV


def _of_channel(named: dict[str, np.ndarray], channel: str, first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    """Of one channel: MP2 beside coupled cluster, excitation by energy, and how far each gate is open."""
    energy, mp2, norm = (named[f"{channel}_{name}"][first, second] for name in ("energy", "mp2", "norm"))
    scale = np.abs(energy) + _SMALL_HARTREE
    gates = [
        np.clip(named[f"{channel}_energy_gated_{kappa:g}"][first, second] / (energy - _SMALL_HARTREE), -1.5, 1.5)
        for kappa in atom_pairs.GATES_HARTREE
    ]
    return [(np.abs(mp2) - np.abs(energy)) / (np.abs(mp2) + scale), np.tanh(norm / scale), *gates]


def _by_atom(named: dict[str, np.ndarray], columns: np.ndarray) -> np.ndarray:
    """Inputs of single atoms, (n_atoms, 5): excited share, singles, polarisation, correlation, crowding by electron."""
    electrons, polarisation, singles, crowding, _ = columns.T
    electrons = electrons + _SMALL_ELECTRONS
    excited = (named["opposite_norm"] + named["equal_norm"]).sum(axis=1)
    correlation = (named["opposite_energy"] + named["equal_energy"]).sum(axis=1)
    return np.stack(
        [
            np.tanh(10 * excited / electrons),
            np.tanh(50 * singles / electrons),
            polarisation / electrons**2,
            np.tanh(-20 * correlation / electrons),
            np.tanh(crowding / electrons),
        ],
        axis=1,
    )


def _share(part: np.ndarray, rest: np.ndarray) -> np.ndarray:
    return np.abs(part) / (np.abs(part) + np.abs(rest) + _SMALL_HARTREE)


def padded(rows: Sequence[tuple[np.ndarray, np.ndarray]], longest: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of several structures as arrays: inputs (n, n_rows, n_inputs), amounts (n, n_rows, n_channels).

    Args:
        rows: inputs and amounts of each structure.
        longest: n_rows, at least; the padding's amounts are zero.
    """
    longest = max([longest, *(len(inputs) for inputs, _ in rows)])
    num_inputs, channels = rows[0][0].shape[1], rows[0][1].shape[1]
    inputs = np.zeros((len(rows), max(longest, 1), num_inputs), np.float32)
    amounts = np.zeros((len(rows), max(longest, 1), channels), np.float32)
    for place, (own_inputs, own_amounts) in enumerate(rows):
        inputs[place, : len(own_inputs)] = own_inputs
        amounts[place, : len(own_amounts)] = own_amounts
    return inputs, amounts


def point_rows(points: LocalHybrid) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a learned functional: the points of a grid, gathered by nearest atom and by cells of their inputs.

    A cell has the sum of its points' amounts and the mean of their inputs, weighted by amount: some twenty to forty
    times fewer rows than points, for a hundredth or two of a learned energy. What is gathered atom by atom adds over
    fragments.

    Returns:
        Inputs (n_rows, 6) and amounts (n_rows, 2), eV, of semilocal exchange and of correlation.
    """
    cells = np.clip(((points.inputs + 1) / 2 * CELLS).astype(int), 0, CELLS - 1)
    keys, owner = np.unique(np.column_stack([points.atom, cells]), axis=0, return_inverse=True)
    owner = owner.ravel()  # of two dimensions in NumPy 2.0
    amounts, inputs = np.zeros((len(keys), 2)), np.zeros((len(keys), points.inputs.shape[1]))
    weight = np.abs(points.amounts_hartree).sum(axis=1) + np.finfo(float).tiny
    np.add.at(amounts, owner, points.amounts_hartree)
    np.add.at(inputs, owner, weight[:, None] * points.inputs)
    kept = np.abs(amounts).sum(axis=1) > NEGLIGIBLE_POINT_HARTREE
    inputs = inputs / np.bincount(owner, weight)[:, None]
    return inputs[kept], amounts[kept] * units.HARTREE_EV


def bond_rows(field: MinimalDensity, atomic_numbers: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the correction of a mean field: one for every pair of atoms, an atom with itself included.

    Args:
        field: over orbitals of free atoms.
        atomic_numbers: (n_atoms,); an element outside `ELEMENTS` has no input of its own.

    Returns:
        Inputs (n_rows, n_inputs) and amounts (n_rows, 2), eV. The first are the electrons that share an orbital with
        one of the other spin (`_paired`), times one eV. Together these are twice the number of spin-down electrons less
        the contamination of <S^2>: zero without electrons, for one, and for two hydrogen atoms whose bond has broken.
        The second are the same times `_third_electrons`, zero without a second valence electron of the same spin.
    """
    owners = (field.atom[:, None] == np.arange(len(atomic_numbers))[None, :]).astype(float)  # (n_orbitals, n_atoms)
    paired = _paired(field, owners)
    first, second = np.triu_indices(len(atomic_numbers))
    count = np.where(first == second, 1.0, 2.0)
    bond_orders = owners.T @ (field.density[0] ** 2 + field.density[1] ** 2) @ owners
    by_atom = _atom_invariants(field, owners, bond_orders, np.asarray(atomic_numbers))
    kept = (paired[first, second] > NEGLIGIBLE_ELECTRONS) | (first == second)
    first, second, count = first[kept], second[kept], count[kept]
    inputs = np.column_stack(
        [
            np.where(first == second, 1.0, -1.0),
            np.where(first == second, 0.0, bond_orders[first, second]),
            paired[first, second] / (bond_orders[first, second] + _SMALL_ELECTRONS),
            by_atom[first] + by_atom[second],
            (by_atom[first] - by_atom[second]) ** 2,
        ]
    )
    amounts = paired[first, second] * count
    return inputs, np.stack([amounts, amounts * _third_electrons(field, owners)[first, second]], axis=1)


def _paired(field: MinimalDensity, owners: np.ndarray) -> np.ndarray:
    """Electrons that share an orbital with one of the other spin, by pairs of atoms, symmetric."""
    down_for_up = field.overlap @ field.density[1] @ field.overlap.T
    shared = owners.T @ (field.density[0] * down_for_up) @ owners
    up_for_down = field.overlap.T @ field.density[0] @ field.overlap
    return np.abs(shared + owners.T @ (field.density[1] * up_for_down) @ owners)


def _third_electrons(field: MinimalDensity, owners: np.ndarray) -> np.ndarray:
    """Distance of a pair of atoms from holding one valence electron of each spin, 0 to 1, (n_atoms, n_atoms).

    n / (1 + n) with n the pairs of valence electrons of equal spin on the two atoms, (tr P)^2 - tr P^2 of their block P
    of a spin's density, which is zero for a single electron however it is spread.
    """
    same = owners @ owners.T > 0
    core = np.array([same[i, :i].sum() == 0 and same[i].sum() > 1 for i in range(len(owners))])  # 1s of heavy atoms
    valence = owners * ~core[:, None]
    count = np.zeros((owners.shape[1],) * 2)
    for density in field.density:
        held = np.einsum("i,ia->a", np.diag(density), valence)
        square = valence.T @ density**2 @ valence
        on_both = held[:, None] + held[None, :]
        both = np.diag(square)[:, None] + np.diag(square)[None, :] + 2 * square
        np.fill_diagonal(on_both, held)
        np.fill_diagonal(both, np.diag(square))
        count += np.maximum(on_both**2 - both, 0.0)
    return count / (1 + count)


def _atom_invariants(
    field: MinimalDensity, owners: np.ndarray, bond_orders: np.ndarray, atomic_numbers: np.ndarray
) -> np.ndarray:
    """(n_atoms, n): element, electrons of s and p, powers of the p block, polarisation, bonds, orbital energies."""
    s, p = field.degree == 0, field.degree == 1
    columns = [(atomic_numbers == number).astype(float) for number in ELEMENTS]
    total, surplus = field.density.sum(axis=0), field.density[0] - field.density[1]
    heavy = (atomic_numbers > 2).astype(float)
    columns += [owners.T @ (np.diag(total) * s) - 2 * heavy, owners.T @ (np.diag(total) * p)]
    for power in (2, 3):
        columns.append(np.array([_block_power(total, (owners[:, a] > 0) & p, power) for a in range(len(heavy))]))
    columns.append(np.array([_block_power(surplus, owners[:, a] > 0, 2) for a in range(len(heavy))]))
    different = bond_orders - np.diag(np.diag(bond_orders))
    columns += [different.sum(axis=1), (different**2).sum(axis=1)]
    energy = owners.T @ np.einsum("sij,sji->i", field.density, field.fock)
    columns.append(np.where(heavy > 0, 0.0, energy) + 0.1 * heavy * (energy + atomic_numbers**2))
    return np.stack(columns, axis=1) / 2


def _block_power(matrix: np.ndarray, kept: np.ndarray, power: int) -> float:
    block = matrix[np.ix_(kept, kept)]
    return float(np.trace(np.linalg.matrix_power(block, power)))
