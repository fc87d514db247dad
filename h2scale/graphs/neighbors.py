"""Neighbour lists on the host: pairs of atoms of a structure within the cutoff of each other."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_PAIRS_PER_BLOCK = 1 << 21  # bounds memory: all ordered pairs of a block are held at once


class Edges(NamedTuple):
    """Directed edges of many structures, flat; both directions present, sorted by receiver within a structure."""

    senders: np.ndarray  # (total_edges,), int32, counted from 0 within the structure
    receivers: np.ndarray  # (total_edges,), int32, counted from 0 within the structure
    n_edges: np.ndarray  # (n_structures,), int32; 0 for a structure whose atoms are all apart

    @property
    def edge_offset(self) -> np.ndarray:
        """First edge of each structure, shape (n_structures,), int64."""
        return np.cumsum(self.n_edges, dtype=np.int64) - self.n_edges


def count_edges(positions: np.ndarray, n_atoms: np.ndarray, cutoff: float) -> np.ndarray:
    """Number of the edges that `find_edges` finds for every structure, shape (n_structures,), int32."""
    counts = [np.zeros(0, np.int32)]
    for block, sizes in _checked_blocks(positions, n_atoms, cutoff):
        counts.append(_block_edges(block, sizes, cutoff)[2].astype(np.int32))
    return np.concatenate(counts)


def find_edges(positions: np.ndarray, n_atoms: np.ndarray, cutoff: float) -> Edges:
    """Find all ordered pairs of atoms of one structure closer than the cutoff, for every structure.

    Args:
        positions: shape (n_atoms.sum(), 3), angstrom; atoms of the structures one after the other.
        n_atoms: atoms per structure, shape (n_structures,).
        cutoff: angstrom; a pair at exactly the cutoff has no edge.

    Raises:
        ValueError: the cutoff is not positive and finite, or the counts do not add up to the positions.
    """
    blocks = [_block_edges(block, counts, cutoff) for block, counts in _checked_blocks(positions, n_atoms, cutoff)]
    if not blocks:
        return Edges(*(np.zeros(0, np.int32) for _ in range(3)))
    return Edges(*(np.concatenate(columns).astype(np.int32) for columns in zip(*blocks, strict=True)))


def _checked_blocks(
    positions: np.ndarray, n_atoms: np.ndarray, cutoff: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if not 0 < cutoff < np.inf:
        raise ValueError(f"model.cutoff must be positive, in angstrom; got {cutoff!r}.")
    n_atoms = np.asarray(n_atoms, dtype=np.int64)
    if positions.shape != (n_atoms.sum(), 3):
        raise ValueError(
            f"positions must have shape {(int(n_atoms.sum()), 3)} for these n_atoms; got {positions.shape}."
        )
    positions = np.asarray(positions, dtype=np.float64)
    ends = np.cumsum(n_atoms)
    block = np.cumsum(n_atoms**2) // _PAIRS_PER_BLOCK
    for rows in np.split(np.arange(len(n_atoms)), np.flatnonzero(np.diff(block)) + 1):
        if len(rows):
            yield positions[ends[rows[0]] - n_atoms[rows[0]] : ends[rows[-1]]], n_atoms[rows]


def _block_edges(positions: np.ndarray, n_atoms: np.ndarray, cutoff: float) -> tuple[np.ndarray, ...]:
    """Senders, receivers and edge counts of one block; receiver-major order of pairs makes the edges sorted."""
    owner = np.repeat(np.arange(len(n_atoms)), n_atoms)
    start = np.cumsum(n_atoms) - n_atoms
    partners = n_atoms[owner]
    receivers = np.repeat(np.arange(len(owner)), partners)
    first_pair = np.cumsum(partners) - partners
    senders = np.arange(len(receivers)) - np.repeat(first_pair - start[owner], partners)
    squared = np.sum((positions[receivers] - positions[senders]) ** 2, axis=1)
    kept = (squared < cutoff**2) & (senders != receivers)
    senders, receivers = senders[kept], receivers[kept]
    structure = owner[receivers]
    return senders - start[structure], receivers - start[structure], np.bincount(structure, minlength=len(n_atoms))
