"""The calculator of electronic structure finds the lowest solutions that the exam's verdicts rest on."""

import pytest
from ase import Atoms

from h2scale.evaluation.exam import pyscf_calculator


def energy(method, symbols, distance, charge, spin):
    positions = [[0.0, 0.0, distance * k] for k in range(len(Atoms(symbols)))]
    atoms = Atoms(symbols, positions=positions, calculator=pyscf_calculator.PySCFCalculator(method, "def2-svp"))
    atoms.info |= {"charge": charge, "spin": spin}
    return atoms.get_potential_energy()


def test_hartree_fock_leaves_one_electron_on_one_atom_or_both_at_the_same_price():
    atom = energy("hf", "H", 0.0, 0, 2)
    assert energy("hf", "H2", 20.0, 1, 2) == pytest.approx(atom, abs=1e-4)


def test_functional_spreads_one_electron_over_both_atoms():
    """The known error of delocalisation, which a field that ends on one atom hides."""
    atom = energy("pbe0", "H", 0.0, 0, 2)
    assert energy("pbe0", "H2", 20.0, 1, 2) - atom == pytest.approx(-2.007, abs=0.01)


def test_broken_spin_symmetry_separates_h2_into_its_atoms():
    atom = energy("pbe0", "H", 0.0, 0, 2)
    assert energy("pbe0", "H2", 20.0, 0, 1) == pytest.approx(2 * atom, abs=1e-4)


def test_charge_beyond_the_electrons_is_refused():
    with pytest.raises(ValueError, match="charge must be at most 2"):
        energy("hf", "H2", 1.0, 3, 2)
