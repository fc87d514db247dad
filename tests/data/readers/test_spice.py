"""SPICE as published: bohr, hartree, a gradient, units in attributes, the charge in the SMILES."""

import h5py
import numpy as np
import pytest

from h2scale import errors
from h2scale.data import readers
from h2scale.data.readers import spice

HARTREE_EV, BOHR_ANGSTROM = 27.2113862, 0.529177211  # written down again: the reader's constants are not asked
HYDROGEN, CARBON, NITROGEN = -0.4987605100487531, -37.87264507233593, -54.62327513368922
METHANE = 0.629 / BOHR_ANGSTROM * np.array([[0, 0, 0], [1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]], float)
ENERGY, GRADIENT = -40.54, 0.01 * np.arange(15.0).reshape(5, 3)
AMMONIUM = "[N+:1]([H:2])([H:3])([H:4])[H:5]"


def add(file, name, numbers, smiles, energy, units=("bohr", "hartree", "hartree/bohr")):
    group = file.create_group(name)
    group.create_dataset("subset", data=["SPICE test"], dtype=h5py.string_dtype())
    group.create_dataset("smiles", data=[smiles], dtype=h5py.string_dtype())
    group.create_dataset("atomic_numbers", data=numbers, dtype=np.int16)
    arrays = {
        "conformations": np.stack([METHANE, 1.01 * METHANE]).astype(np.float32),
        "dft_total_energy": np.array([energy, energy + 0.01]),
        "dft_total_gradient": np.stack([GRADIENT, -GRADIENT]).astype(np.float32),
    }
    for (key, array), unit in zip(arrays.items(), units, strict=True):
        group.create_dataset(key, data=array).attrs["units"] = unit


@pytest.fixture
def path(tmp_path):
    where = tmp_path / "SPICE-2.0.1.hdf5"
    with h5py.File(where, "w") as file:
        add(file, "CH4", [6, 1, 1, 1, 1], "[C:1]([H:2])([H:3])([H:4])[H:5]", ENERGY)
    return where


def refusal(path, **options):
    with pytest.raises(errors.InputError) as caught:
        list(readers.read(path, "spice", **options).structures)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    return str(caught.value)


def test_bohr_and_gradient_become_angstrom_and_force(path):
    reading = readers.read(path, "spice")
    first, second = reading.structures
    assert first.energy == pytest.approx((ENERGY - CARBON - 4 * HYDROGEN) * HARTREE_EV, rel=1e-7)
    np.testing.assert_allclose(first.positions, METHANE * BOHR_ANGSTROM, rtol=2e-7)  # float32 in the file
    np.testing.assert_allclose(first.forces, -GRADIENT * HARTREE_EV / BOHR_ANGSTROM, rtol=2e-7)
    np.testing.assert_allclose(second.forces, GRADIENT * HARTREE_EV / BOHR_ANGSTROM, rtol=2e-7)
    assert (first.charge, first.spin_multiplicity, first.rung) == (0, 1, "thermal")
    assert reading.manifest["level"] == "wb97m-d3(bj)/def2-tzvppd"


def test_the_charge_is_that_of_the_smiles(path):
    with h5py.File(path, "a") as file:
        add(file, "ammonium", [7, 1, 1, 1, 1], AMMONIUM, NITROGEN + 4 * HYDROGEN - 0.5)
    ammonium = list(readers.read(path, "spice").structures)[2]
    assert ammonium.charge == 1
    assert ammonium.molecule == AMMONIUM
    assert ammonium.energy == pytest.approx(-0.5 * HARTREE_EV, rel=1e-7)  # relative to neutral atoms


@pytest.mark.parametrize(
    ("smiles", "charge"),
    [
        ("[H:1][O:2][H:3]", 0),
        (AMMONIUM, 1),
        ("[O-:1][C:2](=[O:3])[H:4]", -1),
        ("[Ca+2:1].[Cl-:2].[Cl-:3]", 0),
        ("[Mg++]", 2),
        ("[O--]", -2),
        ("[S-2:7]", -2),
        ("[13C@@H:4]([F:1])[N+:2]=[N-:3]", 0),
        ("C-C", 0),
    ],
)
def test_formal_charges_sum(smiles, charge):
    assert spice.formal_charge(smiles) == charge


def test_an_array_of_another_unit_is_refused(tmp_path):
    path = tmp_path / "spice.hdf5"
    with h5py.File(path, "w") as file:
        add(file, "CH4", [6, 1, 1, 1, 1], "C", ENERGY, units=("angstrom", "hartree", "hartree/bohr"))
    assert "group CH4: conformations must be in bohr; its attribute 'units' says 'angstrom'" in refusal(path)


def test_an_element_without_a_published_atom_needs_one_from_the_caller(path):
    with h5py.File(path, "a") as file:
        add(file, "lithium", [3, 1, 1, 1, 1], "[Li+].[H+].[H-].[H+].[H-]", ENERGY)
    message = refusal(path)
    assert "group lithium, conformation 0: no isolated-atom energy at this level for Li" in message
    assert len(list(readers.read(path, "spice", elements=["H", "C"]).structures)) == 2


def test_a_charge_that_the_electrons_cannot_have_is_refused(path):
    with h5py.File(path, "a") as file:
        add(file, "radical", [7, 1, 1, 1, 1], "[N:1]([H])([H])([H])[H]", NITROGEN + 4 * HYDROGEN - 0.5)
    assert "charge 0 and spin multiplicity 1 are impossible for 11 electrons" in refusal(path)
