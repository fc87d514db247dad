"""All-electron totals name their unit, and what names none is left alone."""

import numpy as np
import pytest

from h2scale import data, errors
from h2scale.data.readers import entries, plausibility

HARTREE = {"eV": 27.2113862, "hartree": 1.0, "kcal/mol": 627.509474, "kJ/mol": 2625.49964}  # of one hartree
EXACT_HARTREE = {
    "H": -0.5,
    "He": -2.9037,
    "Li": -7.4781,
    "Be": -14.6674,
    "B": -24.6539,
    "C": -37.845,
    "N": -54.5892,
    "O": -75.0673,
    "F": -99.7339,
}
"""Nonrelativistic energies of atoms: Chakravorty, Gwaltney, Davidson et al., Phys. Rev. A 47, 3649 (1993)."""
ELEMENTS = {1: "H", 2: "He", 3: "Li", 4: "Be", 5: "B", 6: "C", 7: "N", 8: "O", 9: "F"}
VALENCE_EV = {"H": -13.2, "C": -148.0, "N": -268.0, "O": -432.0, "F": -657.0, "Cl": -408.0}  # as with pseudopotentials


@pytest.fixture(scope="module")
def shipped():
    return data.load_dataset("pbe0_def2svp")


@pytest.mark.parametrize("symbol", EXACT_HARTREE)
@pytest.mark.parametrize("unit", [unit for unit in HARTREE if unit != "eV"])
def test_atoms_in_another_unit_are_named(symbol, unit):
    with pytest.raises(errors.InputError, match=f"must be in eV; {symbol}=.* look like {unit}"):
        plausibility.check_atoms({symbol: EXACT_HARTREE[symbol] * HARTREE[unit]})


def test_atoms_in_ev_pass_and_so_do_those_that_no_unit_explains():
    plausibility.check_atoms({symbol: energy * HARTREE["eV"] for symbol, energy in EXACT_HARTREE.items()})
    for symbol, energy in VALENCE_EV.items():
        plausibility.check_atoms({symbol: energy})
    plausibility.check_atoms({"H": 0.0, "C": 0.0})


@pytest.mark.parametrize("read_as", HARTREE)
@pytest.mark.parametrize("stored", HARTREE)
def test_molecules_in_another_unit_are_named(shipped, stored, read_as):
    light = np.maximum.reduceat(shipped.atomic_numbers, shipped.atom_offset) <= 9
    chosen = shipped.select(np.flatnonzero((shipped.rung == "equilibrium") & (shipped.n_atoms > 2) & light)[::40])
    atoms = {symbol: value * HARTREE["eV"] for symbol, value in EXACT_HARTREE.items()}
    wrong = HARTREE[stored] / HARTREE[read_as]
    sample = []
    for structure in chosen:
        apart = sum(atoms[symbol] for symbol in symbols(structure))
        # A total energy in the stored unit, converted as if it were in the unit that was read.
        sample.append(entries.Entry(structure._replace(energy=(structure.energy + apart) * wrong - apart), "mine"))
    if stored == read_as:
        plausibility.check(sample, read_as, atomic_energies_ev=atoms)
        return
    for fitted in (False, True):
        with pytest.raises(errors.InputError, match=f"the total energies look like {stored}, not {read_as}"):
            plausibility.check(sample, read_as, atomic_energies_ev=atoms, fitted=fitted)


def test_valence_energies_are_of_no_unit_that_is_known(shipped):
    light = np.maximum.reduceat(shipped.atomic_numbers, shipped.atom_offset) <= 9
    chosen = shipped.select(np.flatnonzero((shipped.rung == "equilibrium") & (shipped.n_atoms > 2) & light))
    known = [structure for structure in chosen if set(symbols(structure)) <= set(VALENCE_EV)]
    assert len(known) > 50
    for structure in known:  # none is refused
        plausibility.check([entries.Entry(structure, "mine")], "eV", atomic_energies_ev=VALENCE_EV, fitted=True)


def symbols(structure):
    return [ELEMENTS[number] for number in structure.atomic_numbers.tolist()]


@pytest.mark.parametrize(("median", "looks"), [(12.0, "kcal/mol"), (60.0, "kJ/mol")])
def test_a_binding_energy_in_another_unit_is_named(shipped, median, looks):
    water = next(s for s in shipped if s.molecule == "O" and s.rung == "equilibrium")
    deep = entries.Entry(water._replace(energy=-median * 3), "mine")
    with pytest.raises(errors.InputError, match=f"is {median:.3g} eV, outside 0.5 to 10.0; it looks like .*{looks}"):
        plausibility.check([deep], "eV")
