"""Basis functions on a grid, evaluated once for all iterations of a field instead of at each."""

from typing import Any

import numpy as np
from pyscf import gto
from pyscf.dft import numint

MEMORY_BYTES = 512 * 2**20
"""Largest size of the kept values; those beyond are evaluated anew, as PySCF does."""
_STORED_DERIVATIVES = (0, 1)
"""Orders that iterations ask for; a gradient asks once for the second."""


class StoredBasis(numint.NumInt):
    """PySCF's numerical integration with the values of the basis functions kept; for one molecule."""

    def __init__(self) -> None:
        super().__init__()
        self._stored: dict[tuple[int, int, int], tuple[np.ndarray, np.ndarray]] = {}
        self._bytes = 0

    def eval_ao(
        self,
        mol: gto.Mole,
        coords: np.ndarray,
        deriv: int = 0,
        shls_slice: tuple[int, int] | None = None,
        non0tab: np.ndarray | None = None,
        cutoff: float | None = None,
        out: np.ndarray | None = None,
        verbose: Any = None,
    ) -> np.ndarray:
        """Return values of the basis functions, as PySCF's own method; `out` may stay unused."""
        key = (coords.__array_interface__["data"][0], len(coords), deriv)
        if key in self._stored and shls_slice is None:
            return self._stored[key][0]
        keep = shls_slice is None and deriv in _STORED_DERIVATIVES and self._bytes < MEMORY_BYTES
        values = super().eval_ao(mol, coords, deriv, shls_slice, non0tab, cutoff, None if keep else out, verbose)
        if keep:
            self._stored[key] = (values, coords)  # while the points are held, no others can have their address
            self._bytes += values.nbytes
        return values
