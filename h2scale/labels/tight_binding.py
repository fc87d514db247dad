"""GFN2-xTB energies and forces by tblite, in eV and angstrom.

C. Bannwarth, S. Ehlert, S. Grimme, J. Chem. Theory Comput. 15, 1652 (2019). Energies are those at the method's own
electronic temperature of 300 K.
"""

from typing import TYPE_CHECKING

import numpy as np

from h2scale import units

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
