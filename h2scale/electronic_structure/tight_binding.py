"""GFN2-xTB by tblite: energies and forces in eV and angstrom, and the density that its orbitals hold.

C. Bannwarth, S. Ehlert, S. Grimme, J. Chem. Theory Comput. 15, 1652 (2019). Energies are those at the method's own
electronic temperature of 300 K.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from h2scale import units
from h2scale.electronic_structure.minimal_densities import MinimalDensity

if TYPE_CHECKING:
    from tblite import interface

METHOD = "GFN2-xTB"
TEACHER = "gfn2-xtb"


class TightBinding:
    """GFN2-xTB of one set of atoms; each call starts from the charges of the last.

    Args:
        atomic_numbers: (n_atoms,).
        charge: units of e.
        spin_multiplicity: 2S + 1; the method knows spin only through occupation.
    """

    def __init__(self, atomic_numbers: tuple[int, ...], charge: int = 0, spin_multiplicity: int = 1) -> None:
        self._numbers = np.array(atomic_numbers)
        self._charge, self._unpaired = charge, spin_multiplicity - 1
        self._calculator: interface.Calculator | None = None
        self._last: interface.Result | None = None
        self.calls = 0

    def __call__(self, positions: np.ndarray) -> tuple[float, np.ndarray]:
        """Total energy (eV) and forces (eV/angstrom, (n_atoms, 3)) at positions (n_atoms, 3) in angstrom.

        Raises:
            ValueError: the charges do not converge.
        """
        from tblite import interface

        positions_bohr = np.asarray(positions) / units.BOHR_ANGSTROM
        if self._calculator is None:
            self._calculator = interface.Calculator(
                METHOD, self._numbers, positions_bohr, float(self._charge), self._unpaired
            )
            self._calculator.set("verbosity", 0)
        else:
            self._calculator.update(positions_bohr)
        self.calls += 1
        last, self._last = self._last, None
        try:
            found = self._calculator.singlepoint(last)
        except RuntimeError:  # the charges of another geometry may mislead
            try:
                found = self._calculator.singlepoint()
            except RuntimeError as error:
                raise ValueError(f"{METHOD} did not converge: {str(error).splitlines()[0]}") from error
        self._last = found
        energy = float(found.get("energy")) * units.HARTREE_EV
        return energy, -np.asarray(found.get("gradient")) * units.HARTREE_PER_BOHR_EV_PER_ANGSTROM


def polarised_density(
    atomic_numbers: Sequence[int], positions_bohr: np.ndarray, charge: int, spin_multiplicity: int
) -> tuple[float, MinimalDensity]:
    """Total energy in hartree with spin polarisation, and both spins' matrices over orthonormal valence orbitals.

    Every heavy atom gets a filled 1s orbital of -Z^2/2 hartree in front of its valence, as in a field of all electrons.

    Args:
        atomic_numbers: (n_atoms,), of hydrogen and of carbon to fluorine.
        positions_bohr: (n_atoms, 3).
        charge: units of e.
        spin_multiplicity: 2S + 1.

    Raises:
        ValueError: the charges do not converge.
    """
    from tblite import interface

    numbers = np.array(atomic_numbers)
    calculator = interface.Calculator(METHOD, numbers, positions_bohr, float(charge), spin_multiplicity - 1)
    calculator.set("verbosity", 0)
    calculator.set("save-integrals", 1)
    calculator.add("spin-polarization", 1.0)
    try:
        found = calculator.singlepoint()
    except RuntimeError as error:
        raise ValueError(f"{METHOD} did not converge: {str(error).splitlines()[0]}") from error
    shells = np.asarray(calculator.get("orbital-map"))
    atom = np.asarray(calculator.get("shell-map"))[shells]
    degree = np.asarray(calculator.get("angular-momenta"))[shells]
    values, vectors = np.linalg.eigh(found.get("overlap-matrix"))
    root = (vectors * np.sqrt(values)) @ vectors.T
    orbitals = [root @ own for own in found.get("orbital-coefficients")]
    density = [root @ own @ root for own in found.get("density-matrix")]
    fock = [(own * energy) @ own.T for own, energy in zip(orbitals, found.get("orbital-energies"), strict=True)]
    return float(found.get("energy")), _with_cores(numbers, np.stack(density), np.stack(fock), atom, degree)


def _with_cores(
    atomic_numbers: np.ndarray, density: np.ndarray, fock: np.ndarray, atom: np.ndarray, degree: np.ndarray
) -> MinimalDensity:
    """Both spins' matrices with a filled 1s in front of every heavy atom's valence."""
    heavy = np.flatnonzero(atomic_numbers > 2)
    every_atom = np.concatenate([heavy, atom])
    order = np.argsort(every_atom, kind="stable")
    core = np.stack([np.eye(len(heavy))] * 2)
    core_fock = core * -(atomic_numbers[heavy] ** 2) / 2
    return MinimalDensity(
        density=_beside(core, density)[:, order][:, :, order],
        fock=_beside(core_fock, fock)[:, order][:, :, order],
        overlap=np.eye(len(order)),
        atom=every_atom[order],
        degree=np.concatenate([np.zeros(len(heavy), int), degree])[order],
    )


def _beside(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Block-diagonal matrices, (2, n + m, n + m)."""
    n, m = first.shape[-1], second.shape[-1]
    made = np.zeros((2, n + m, n + m))
    made[:, :n, :n], made[:, n:, n:] = first, second
    return made
