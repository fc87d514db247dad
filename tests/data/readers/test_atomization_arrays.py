"""The paper's three arrays: kcal/mol, either sign of a bound molecule, no forces, and no code run from a pickle."""

import numpy as np
import pytest

from h2scale import errors
from h2scale.data import readers

EV_PER_KCAL_MOL = 1 / 23.0605478  # written down again: the reader's constant is not asked
WATER_KCAL = 232.8
METHANE_KCAL = 420.4
LEVEL = "g4(mp2)"

WATER = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.470], [0.0, -0.757, -0.470]])
METHANE = 0.629 * np.array([[0, 0, 0], [1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]], float)


def objects(rows):
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def write(folder, energies, charges=((8, 1, 1), (6, 1, 1, 1, 1)), coordinates=(WATER, METHANE)):
    np.save(folder / "all_nuclear_charges.npy", objects([np.array(row) for row in charges]), allow_pickle=True)
    np.save(folder / "all_xyz_coordinates.npy", objects(list(coordinates)), allow_pickle=True)
    np.save(folder / "all_total_atomization_energy.npy", objects(list(energies)), allow_pickle=True)
    return folder


def refusal(folder, **options):
    with pytest.raises(errors.InputError) as caught:
        list(readers.read(folder, "paper", level=LEVEL, **options).structures)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("sign", [1, -1], ids=["atoms minus molecule", "molecule minus atoms"])
def test_a_bound_molecule_lies_below_its_atoms_whichever_sign_is_stored(tmp_path, sign):
    reading = readers.read(write(tmp_path, [sign * WATER_KCAL, sign * METHANE_KCAL]), "paper", level=LEVEL)
    water, methane = reading.structures
    assert water.energy == pytest.approx(-WATER_KCAL * EV_PER_KCAL_MOL, rel=1e-8)
    assert methane.energy == pytest.approx(-METHANE_KCAL * EV_PER_KCAL_MOL, rel=1e-8)
    np.testing.assert_array_equal(water.positions, WATER)
    assert np.isnan(water.forces).all()
    assert (water.molecule[:4], methane.molecule[:4], water.rung) == ("H2O-", "CH4-", "equilibrium")
    assert f"bound molecules {'positive' if sign > 0 else 'negative'}" in reading.manifest["atomization_energy_sign"]
    assert reading.manifest["has_forces"] is False


def test_mixed_signs_are_declared_not_guessed(tmp_path):
    folder = write(tmp_path, [WATER_KCAL, -METHANE_KCAL])
    assert "50% of the atomization energies are positive" in refusal(folder)
    reading = readers.read(folder, "paper", level=LEVEL, bound_sign=1)
    assert [np.sign(structure.energy) for structure in reading.structures] == [-1, 1]
    assert "declared by the caller" in reading.manifest["atomization_energy_sign"]
    assert "bound_sign must be 1 or -1; got 2" in refusal(folder, bound_sign=2)


def test_the_level_must_be_declared(tmp_path):
    with pytest.raises(errors.InputError, match="files of format paper do not say their level of theory"):
        readers.read(write(tmp_path, [1.0, 2.0]), "paper")


@pytest.mark.parametrize("factor", [EV_PER_KCAL_MOL, 4.184], ids=["eV", "kJ/mol"])
def test_energies_of_another_unit_are_refused(tmp_path, factor):
    message = refusal(write(tmp_path, [WATER_KCAL * factor, METHANE_KCAL * factor]))
    assert "median energy per atom" in message


def test_coordinates_in_bohr_are_refused(tmp_path):
    bohr = [WATER / 0.529177, METHANE / 0.529177]
    assert "median shortest distance is 1.9" in refusal(write(tmp_path, [WATER_KCAL, METHANE_KCAL], coordinates=bohr))


def test_molecules_of_equal_size_are_read_too(tmp_path):
    # NumPy makes one plain array of rows of equal length.
    folder = write(tmp_path, [1.0, 2.0])
    np.save(folder / "all_nuclear_charges.npy", np.array([[8, 1, 1]] * 2))
    np.save(folder / "all_xyz_coordinates.npy", np.stack([WATER, 1.01 * WATER]))
    np.save(folder / "all_total_atomization_energy.npy", np.array([WATER_KCAL, WATER_KCAL]))
    first, second = readers.read(folder, "paper", level=LEVEL).structures
    assert first.molecule == second.molecule


def test_damage_is_named_with_its_file(tmp_path):
    folder = write(tmp_path, [WATER_KCAL, METHANE_KCAL])
    energies = folder / "all_total_atomization_energy.npy"
    charges = folder / "all_nuclear_charges.npy"
    whole = energies.read_bytes()
    energies.write_bytes(whole[:-20])
    assert "all_total_atomization_energy.npy is not a whole .npy file" in refusal(folder)
    np.save(energies, objects([WATER_KCAL]), allow_pickle=True)
    assert "must be equally many; got 2, 2, 1" in refusal(folder)
    np.save(energies, objects([WATER_KCAL, None]), allow_pickle=True)
    assert "each energy must be one number in kcal/mol" in refusal(folder)
    energies.write_bytes(whole)
    np.save(charges, objects([np.array([8, 1, 1]), np.array([6, 1, 1, 1, 119])]), allow_pickle=True)
    assert "molecule 1: unknown element, atomic number 119" in refusal(folder)
    np.save(charges, objects([np.array([8, 1, 1]), np.array([6, 1, 1])]), allow_pickle=True)
    assert "molecule 1: coordinates must have shape (3, 3); got (5, 3)" in refusal(folder)
    charges.unlink()
    assert "there is no such file" in refusal(folder)
