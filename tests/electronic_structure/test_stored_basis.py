"""Stored basis functions give the numbers of those that PySCF evaluates at every iteration, to the last bit."""

import numpy as np
import pytest
from pyscf.dft import numint

from h2scale import electronic_structure
from h2scale.electronic_structure import mean_fields, stored_basis


class Counts(stored_basis.StoredBasis):
    """Integration that counts its evaluations."""

    evaluated = 0

    def eval_ao(self, mol, coords, deriv=0, *arguments, **keywords):
        values = super().eval_ao(mol, coords, deriv, *arguments, **keywords)
        Counts.evaluated += not any(values is kept for kept, _ in self._stored.values())
        return values


def solved(monkeypatch, basis_on_grid):
    monkeypatch.setattr(stored_basis, "StoredBasis", basis_on_grid)
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.9]])
    molecule = electronic_structure.make_molecule(["O", "H"], positions, "def2-svp", spin_multiplicity=2)
    with electronic_structure.one_thread():
        field = mean_fields.mean_field(molecule, "pbe0", restricted=False, density=None, grid_level=0, follow=True)
        return field.energy_hartree, field.density, electronic_structure.mean_field_forces(field)


@pytest.mark.parametrize("memory", [stored_basis.MEMORY_BYTES, 0])
def test_numbers_are_the_same_to_the_last_bit(monkeypatch, memory):
    monkeypatch.setattr(stored_basis, "MEMORY_BYTES", memory)
    for kept, evaluated in zip(
        solved(monkeypatch, stored_basis.StoredBasis), solved(monkeypatch, numint.NumInt), strict=True
    ):
        np.testing.assert_array_equal(kept, evaluated)


def test_nothing_is_kept_beyond_the_memory(monkeypatch):
    monkeypatch.setattr(Counts, "evaluated", 0)
    solved(monkeypatch, Counts)
    second_derivatives = Counts.evaluated
    monkeypatch.setattr(stored_basis, "MEMORY_BYTES", 0)
    monkeypatch.setattr(Counts, "evaluated", 0)
    solved(monkeypatch, Counts)
    assert Counts.evaluated > 10 * second_derivatives
