"""Calculators of packages that do not follow ASE's conventions; needs ASE, NumPy and the package alone.

Loaded by the worker as a file, in the model's own interpreter, where h2scale need not be installed.
"""

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

BOX_ANGSTROM = 40.0
"""Least side of the box; it is longer than twice the structure, so that no image is nearer than the partner."""


def tblite(method: str, charge: int, spin: int) -> Calculator:
    """Return GFN1-xTB or GFN2-xTB; one calculator for every charge and spin.

    These methods have valence electrons only. Where more are removed, the library corrupts its memory, so that the
    calculator refuses.
    """
    from tblite.ase import TBLite

    class Guarded(TBLite):
        def calculate(
            self,
            atoms: Atoms | None = None,
            properties: list[str] | None = None,
            system_changes: list[str] = all_changes,
        ) -> None:
            if atoms is None:
                raise ValueError("no structure was given")
            electrons = sum(int(valence_electrons(number)) for number in atoms.numbers) - charge
            if electrons < 0:
                raise ValueError(
                    f"{method} has valence electrons only; charge {charge} would leave {electrons} of them"
                )
            super().calculate(atoms, properties, system_changes)

    return Guarded(method=method, charge=charge, multiplicity=spin, verbosity=0)


def valence_electrons(number: int) -> int:
    """Electrons outside the noble-gas core of an element."""
    return number - max(core for core in (0, 2, 10, 18, 36, 54, 86) if core < number)


def chgnet() -> Calculator:
    """Return CHGNet with the 0.3.0 weights of its wheel, in a periodic box: it knows no molecules and no charge."""
    from chgnet.model.dynamics import CHGNetCalculator

    return InBox(CHGNetCalculator(use_device="cpu", check_cuda_mem=False))


def orb(name: str, weights: str = "") -> Calculator:
    """Return a model of orb-models 0.5 in full float32; `weights` is a file that replaces the downloaded ones."""
    from orb_models.forcefield import pretrained
    from orb_models.forcefield.calculator import ORBCalculator

    source = {"weights_path": weights} if weights else {}
    model = getattr(pretrained, name)(device="cpu", precision="float32-highest", compile=False, **source)
    return ORBCalculator(model, device="cpu")


def fairchem(name: str) -> Calculator:
    """Return a model of fairchem-core 2 with its molecular task."""
    from fairchem.core import FAIRChemCalculator, pretrained_mlip

    return FAIRChemCalculator(pretrained_mlip.get_predict_unit(name, device="cpu"), task_name="omol")


class InBox(Calculator):
    """Another calculator, given every structure in the middle of a large periodic cube."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 - as ASE declares it

    def __init__(self, inner: Calculator, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: tuple[str, ...] = ("energy",),
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fill `results`; called by ASE."""
        super().calculate(atoms, properties, system_changes)
        if self.atoms is None:
            raise ValueError("no structure was given")
        boxed = self.atoms.copy()
        extent = float(np.ptp(self.atoms.positions, axis=0).max())
        boxed.cell = np.eye(3) * max(BOX_ANGSTROM, 2 * extent + 10)
        boxed.center()
        boxed.pbc = True
        self.inner.calculate(boxed, ["energy", "forces"], all_changes)
        self.results = {
            "energy": float(self.inner.results["energy"]),
            "forces": np.array(self.inner.results["forces"], float),
        }
