"""Distinguishable cluster with singles and doubles: CCSD without products of doubles that swap electrons of clusters.

Of the terms quadratic in the doubles, the ladder of holes and every ring with an exchange are left out, and the rest of
those like a Fock matrix is halved, so that two electrons stay exact and clusters far apart stay a sum. Kats and Manby,
J. Chem. Phys. 139, 021102 (2013); unrestricted: Kats, Kreplin, Werner and Manby, J. Chem. Phys. 142, 064111 (2015).

Doubles are (i, j, a, b), antisymmetric for equal spins; repulsion is <ij|ab> without exchange.
"""

from typing import Any

import numpy as np

from h2scale.electronic_structure.atom_pairs import Blocks
from h2scale.electronic_structure.molecules import Field


def solver(field: Field, core: int, restricted: bool) -> Any:
    """PySCF's coupled cluster of a field with this step in the place of its own; `kernel` runs it.

    Args:
        field: Hartree-Fock, converged, restricted or unrestricted.
        core: lowest orbitals of each spin that stay uncorrelated.
        restricted: whether the field has one set of spatial orbitals, all of them doubly occupied or empty.
    """
    from pyscf.cc import ccsd, uccsd

    class Restricted(ccsd.CCSD):
        """Closed shells."""

        def update_amps(self, t1: np.ndarray, t2: np.ndarray, eris: Any) -> tuple[np.ndarray, np.ndarray]:
            single, double = super().update_amps(t1, t2, eris)
            repulsion = np.asarray(eris.ovov).transpose(0, 2, 1, 3)
            same = t2 - t2.transpose(1, 0, 2, 3)
            left_out = _opposite(Blocks(repulsion, repulsion, repulsion), Blocks(same, t2, same))
            gaps = _gaps(eris.mo_energy, t1.shape[0], self.level_shift)
            return single, double - left_out / _sums(gaps, gaps)

    class Unrestricted(uccsd.UCCSD):
        """Open shells and broken fields."""

        def update_amps(self, t1: Any, t2: Any, eris: Any) -> tuple[Any, Any]:
            single, double = super().update_amps(t1, t2, eris)
            repulsion = Blocks(*(np.asarray(v).transpose(0, 2, 1, 3) for v in (eris.ovov, eris.ovOV, eris.OVOV)))
            gaps = [_gaps(e, one.shape[0], self.level_shift) for e, one in zip(eris.mo_energy, t1, strict=True)]
            steps = zip(double, products_left_out(repulsion, Blocks(*t2)), ((0, 0), (0, 1), (1, 1)), strict=True)
            return single, tuple(new - less / _sums(gaps[i], gaps[j]) for new, less, (i, j) in steps)

    return (Restricted if restricted else Unrestricted)(field, frozen=core or None)


def products_left_out(repulsion: Blocks, doubles: Blocks) -> Blocks:
    """Residual of the doubles in CCSD less that in the distinguishable cluster, each (i, j, a, b).

    Args:
        repulsion: <ij|ab> of each pair of spins.
        doubles: of each pair of spins.
    """
    other = doubles.up_down.transpose(1, 0, 3, 2), repulsion.up_down.transpose(1, 0, 3, 2)
    return Blocks(
        _equal(repulsion.up_up, repulsion.up_down, repulsion.down_down, doubles.up_up, doubles.up_down),
        _opposite(repulsion, doubles),
        _equal(repulsion.down_down, other[1], repulsion.up_up, doubles.down_down, other[0]),
    )


def _equal(own: np.ndarray, mixed: np.ndarray, other: np.ndarray, same: np.ndarray, opposite: np.ndarray) -> np.ndarray:
    """Terms of two electrons of one spin; `own`, `mixed`, `other`: repulsion of it, of both spins, of the other."""
    holes, particles = _fock_like(own, mixed, same, opposite)
    dressed = _product("ac,ijcb->ijab", particles, same) - _product("ki,kjab->ijab", holes, same)
    ladder = _product("klij,klab->ijab", 0.5 * _product("klcd,ijcd->klij", own, same), same)
    ring = _product("adil,jlbd->ijab", _product("kldc,ikac->adil", own, same), same)
    through_other = _product("adil,jlbd->ijab", _product("kldc,ikac->adil", other, opposite), opposite)
    return (
        dressed
        + dressed.transpose(1, 0, 3, 2)
        + ladder
        - 0.5 * _antisymmetric(ring + ring.transpose(1, 0, 3, 2))
        - _antisymmetric(through_other)
    )


def _opposite(repulsion: Blocks, doubles: Blocks) -> np.ndarray:
    """Terms of two electrons of opposite spins."""
    mixed, pair = repulsion.up_down, doubles.up_down
    holes, particles = _fock_like(repulsion.up_up, mixed, doubles.up_up, pair)
    holes_down, particles_down = _fock_like(
        repulsion.down_down, mixed.transpose(1, 0, 3, 2), doubles.down_down, pair.transpose(1, 0, 3, 2)
    )
    ladder = _product("klij,klab->ijab", _product("klcd,ijcd->klij", mixed, pair), pair)
    ring = _product("adil,ljdb->ijab", _product("kldc,ikac->adil", repulsion.up_up, doubles.up_up), pair)
    ring_down = _product("bdjl,ilad->ijab", _product("kldc,jkbc->bdjl", repulsion.down_down, doubles.down_down), pair)
    crossed = _product("dbik,kjad->ijab", _product("klcd,ilcb->dbik", mixed, pair), pair)
    return (
        _product("ac,ijcb->ijab", particles, pair)
        + _product("bc,ijac->ijab", particles_down, pair)
        - _product("ki,kjab->ijab", holes, pair)
        - _product("kj,ikab->ijab", holes_down, pair)
        + ladder
        - ring
        - ring_down
        + crossed
    )


def _fock_like(
    own: np.ndarray, mixed: np.ndarray, same: np.ndarray, opposite: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Half of what the doubles add to the Fock matrix of one spin, of its holes (k, i) and of its particles (a, c)."""
    holes = _product("klcd,ilcd->ki", own, same) + _product("klcd,ilcd->ki", mixed, opposite)
    particles = _product("klcd,klad->ac", own, same) + _product("klcd,klad->ac", mixed, opposite)
    return 0.5 * holes, -0.5 * particles


def _antisymmetric(block: np.ndarray) -> np.ndarray:
    return block - block.transpose(1, 0, 2, 3)


def _product(subscripts: str, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Contraction of two arrays by matrix multiplication."""
    return np.einsum(subscripts, first, second, optimize=True)


def _gaps(energies: np.ndarray, occupied: int, shift: float) -> np.ndarray:
    """Orbital energy of each hole less that of each particle, (i, a)."""
    return energies[:occupied, None] - (energies[None, occupied:] + shift)


def _sums(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sums of two gaps, (i, j, a, b)."""
    return first[:, None, :, None] + second[None, :, None, :]
