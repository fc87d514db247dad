"""Correlation energies resolved on pairs of atoms, with a gate that is zero for pairs without a third electron.

The energy of coupled cluster is the trace of an operator on pairs of occupied orbitals, E[ij, kl] = sum over a, b of
tau[ij, ab] <kl|ab>. Its blocks over two atoms' projectors depend on no choice of orbitals within the occupied space: no
orbital is localised, nothing jumps. The gate is a function of another such operator, the short-range interaction of a
pair with all third electrons, antisymmetrised with the pair's own, so that an electron's interaction with itself
cancels whatever the orbitals are.

All here are arrays; hartree. Up and down are the two spins; occupied orbitals are the correlated ones.
"""

from typing import NamedTuple

import numpy as np

GATES_HARTREE = (0.1, 0.5, 2.0)
"""Interactions with third electrons at which a gate is three quarters open (tanh of 1)."""

CHANNELS = ("opposite", "equal")
OPERATORS = ("energy", "mp2", "norm")
TABLES = (
    *(
        f"{channel}_{operator}{gate}"
        for channel in CHANNELS
        for operator in OPERATORS
        for gate in ("", *(f"_gated_{kappa:g}" for kappa in GATES_HARTREE))
    ),
    "exchange",
)
"""Names of the tables over pairs of atoms, in order: spins of the pair; energy of coupled cluster (hartree), of
second-order perturbation (hartree), or norm of coupled cluster's amplitudes; the gate. The last is the short-range
exchange of equal spins, each electron's with itself included (hartree)."""
ATOM_COLUMNS = ("electrons", "polarisation_squared", "singles_norm", "crowding", "orbital_energy")
"""Names of the columns by atom, in order: correlated electrons, square of their spin surplus, norm of single
excitations, short-range interaction with electrons of equal spin (hartree), sum of orbital energies (hartree)."""


class Blocks(NamedTuple):
    """A quantity of two electrons by their spins."""

    up_up: np.ndarray
    up_down: np.ndarray
    down_down: np.ndarray


class Spins(NamedTuple):
    """A quantity of one electron by its spin."""

    up: np.ndarray
    down: np.ndarray


class Cluster(NamedTuple):
    """Correlation of one geometry; o and v count the correlated occupied and the empty orbitals of a spin."""

    singles: Spins  # (o, v)
    doubles: Blocks  # (o, o, v, v), t[i, j, a, b]; antisymmetric for equal spins
    perturbed: Blocks  # the same to first order
    repulsion: Blocks  # (o, v, o, v), (ia|jb)
    short_range: Blocks  # (o, o, o, o), (ij|kl) of erfc(w r) / r; i and j of the first spin
    fock: Spins  # (o, o)
    projectors: Spins  # (n_atoms, o, o); their sum over atoms is the unit matrix


def tables(cluster: Cluster) -> np.ndarray:
    """Every table of `TABLES`, (n_tables, n_atoms, n_atoms): symmetric in atoms, unchanged by exchange of the spins.

    The sum over all entries of an energy is the molecule's, of both spins for equal spins. All but `exchange` vanish
    for two atoms far apart, and gated ones wherever a pair has no third electron near.
    """
    up_up, up_down, down_down = (_of_channel(cluster, name) for name in Blocks._fields)
    exchange = _exchange(cluster.short_range.up_up, cluster.projectors.up)
    exchange = exchange + _exchange(cluster.short_range.down_down, cluster.projectors.down)
    return np.concatenate([up_down, up_up + down_down, exchange[None]])


def atoms(cluster: Cluster) -> np.ndarray:
    """Every column of `ATOM_COLUMNS`, (n_atoms, n_columns); unchanged by exchange of the spins."""
    counts, norms, crowds, energies = [], [], [], []
    for projector, singles, fock, block in zip(
        cluster.projectors,
        cluster.singles,
        cluster.fock,
        (cluster.short_range.up_up, cluster.short_range.down_down),
        strict=True,
    ):
        counts.append(np.einsum("aii->a", projector))
        norms.append(np.einsum("aij,jb,ib->a", projector, singles, singles))
        crowds.append(np.einsum("aij,ji->a", projector, _crowding(block)))
        energies.append(np.einsum("aij,ji->a", projector, fock))
    return np.stack([sum(counts), (counts[0] - counts[1]) ** 2, sum(norms), sum(crowds), sum(energies)], axis=1)


def correlation_energy(cluster: Cluster) -> float:
    """Energy of the doubles and squared singles in hartree: all of CCSD's in a field of stationary energy."""
    return float(
        sum(
            np.trace(_operator(_tau(cluster, name), getattr(cluster.repulsion, name), name == "up_down"))
            for name in Blocks._fields
        )
    )


def _of_channel(cluster: Cluster, name: str) -> np.ndarray:
    """Tables of pairs of these spins: energies, MP2's, norms, each of them without a gate and then with every one."""
    opposite = name == "up_down"
    tau, repulsion = _tau(cluster, name), getattr(cluster.repulsion, name)
    doubles = getattr(cluster.doubles, name)
    operators = (
        _operator(tau, repulsion, opposite),
        _operator(getattr(cluster.perturbed, name), repulsion, opposite),
        _norm(doubles, opposite),
    )
    first, second = ("up", "up") if name == "up_up" else ("up", "down") if opposite else ("down", "down")
    blocks = _projectors(getattr(cluster.projectors, first), getattr(cluster.projectors, second), opposite)
    values, vectors = np.linalg.eigh(_third_electrons(cluster, name))
    made = []
    for operator in operators:
        operator = (operator + operator.T) / 2
        made.append(np.einsum("abij,ij->ab", blocks, operator))
        for kappa in GATES_HARTREE:
            gate = (vectors * np.tanh(values / kappa)) @ vectors.T
            made.append(np.einsum("abij,ij->ab", blocks, (operator @ gate + gate @ operator) / 2))
    return np.stack(made)


def _tau(cluster: Cluster, name: str) -> np.ndarray:
    """Doubles and products of singles, (o, o, v, v)."""
    up, down = cluster.singles
    if name == "up_down":
        return cluster.doubles.up_down + np.einsum("ia,jb->ijab", up, down)
    single = up if name == "up_up" else down
    product = np.einsum("ia,jb->ijab", single, single)
    return getattr(cluster.doubles, name) + product - product.transpose(0, 1, 3, 2)


def _operator(tau: np.ndarray, repulsion: np.ndarray, opposite: bool) -> np.ndarray:
    """E[ij, kl], square, over all pairs of opposite spins, or those with i < j of equal ones."""
    integrals = repulsion.transpose(0, 2, 1, 3)
    if opposite:
        return _over_pairs(tau, opposite) @ _over_pairs(integrals, opposite).T
    return _over_pairs(tau, opposite) @ _over_pairs(integrals - integrals.swapaxes(2, 3), opposite).T / 2


def _norm(doubles: np.ndarray, opposite: bool) -> np.ndarray:
    """Sum over a, b (a < b for equal spins) of t[ij, ab] t[kl, ab], over pairs as in `_operator`."""
    rows = _over_pairs(doubles, opposite)
    return rows @ rows.T / (1 if opposite else 2)


def _over_pairs(array: np.ndarray, opposite: bool) -> np.ndarray:
    """An array (o, o, v, v) as (pairs, v v)."""
    flat = array.reshape(*array.shape[:2], array.shape[2] * array.shape[3])
    return (
        flat.reshape(flat.shape[0] * flat.shape[1], flat.shape[2]) if opposite else flat[np.triu_indices(len(flat), 1)]
    )


def _projectors(first: np.ndarray, second: np.ndarray, opposite: bool) -> np.ndarray:
    """Projectors on one electron near each of two atoms, (n_atoms, n_atoms, pairs, pairs), symmetric in the atoms."""
    number = len(first)
    product = np.einsum("aik,bjl->abijkl", first, second)
    product = (product + product.swapaxes(0, 1)) / 2
    if opposite:
        pairs = first.shape[1] * second.shape[1]
        return product.reshape(number, number, pairs, pairs)
    return _on_antisymmetric_pairs(product)


def _on_antisymmetric_pairs(operator: np.ndarray) -> np.ndarray:
    """An operator (..., i, j, k, l) that is symmetric in the two electrons, over pairs i < j and k < l."""
    rows = np.triu_indices(operator.shape[-1], 1)
    antisymmetric = operator - operator.swapaxes(-1, -2)
    return antisymmetric[..., rows[0], rows[1], :, :][..., rows[0], rows[1]]


def _third_electrons(cluster: Cluster, name: str) -> np.ndarray:
    """Short-range interaction of a pair with all other electrons, square over pairs as in `_operator`; hartree.

    For opposite spins each electron's with others of its own spin. For equal spins that of both with all of their spin,
    less what they have with each other, and the direct one with the other spin.
    """
    short = cluster.short_range
    if name == "up_down":
        up, down = _crowding(short.up_up), _crowding(short.down_down)
        return np.kron(up, np.eye(len(down))) + np.kron(np.eye(len(up)), down)
    own = getattr(short, name)
    other = np.einsum("ijkk->ij", short.up_down) if name == "up_up" else np.einsum("kkij->ij", short.up_down)
    single, unit = _crowding(own) + other, np.eye(len(own))
    both = np.einsum("ik,jl->ijkl", single, unit) + np.einsum("ik,jl->ijkl", unit, single)
    return _on_antisymmetric_pairs(both - 2 * np.einsum("ikjl->ijkl", own))


def _crowding(short_range: np.ndarray) -> np.ndarray:
    """Coulomb less exchange of an electron with all of its spin, (o, o), hartree; zero for a single one."""
    return np.einsum("ijkk->ij", short_range) - np.einsum("ikkj->ij", short_range)


def _exchange(short_range: np.ndarray, projectors: np.ndarray) -> np.ndarray:
    """(n_atoms, n_atoms)."""
    return np.einsum("aik,bjl,iljk->ab", projectors, projectors, short_range, optimize=True)
