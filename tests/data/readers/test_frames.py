"""Frames of any names: the usual ones are found, others are named, and what cannot be told is asked for."""

import ase
import ase.db
import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from h2scale import errors
from h2scale.data import molecules, readers

WATER = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.470], [0.0, -0.757, -0.470]])
FORCES = 0.1 * np.arange(9.0).reshape(3, 3)
ATOMS = {"H": -13.5, "O": -2040.0}
BOUND = -2077.0  # ten eV below its atoms
HARTREE_EV, BOHR_ANGSTROM, KCAL_EV = 27.2113862, 0.529177211, 1 / 23.0605478  # the readers' constants are not asked


def water(scale=1.0, energy=BOUND, forces=FORCES, symbols="OH2", positions=WATER, **info):
    """Water as ASE has it, with its results in a calculator."""
    atoms = ase.Atoms(symbols, positions=scale * positions)
    atoms.calc = SinglePointCalculator(atoms, energy=energy, **({} if forces is None else {"forces": forces}))
    atoms.info.update(info)
    return atoms


def named(scale=1.0, energy=BOUND, energy_key="REF_energy", forces_key="REF_forces", **info):
    """Water with its labels under names, as files for MACE have them."""
    atoms = ase.Atoms("OH2", positions=scale * WATER, info={energy_key: energy, **info})
    if forces_key:
        atoms.arrays[forces_key] = FORCES
    return atoms


def write(tmp_path, frames, name="mine.extxyz"):
    path = tmp_path / name
    if path.suffix == ".db":
        with ase.db.connect(path) as database:
            for frame in frames:
                database.write(frame, data=frame.info)
    else:
        ase.io.write(path, frames)
    return path


def read(path, **options):
    reading = readers.read(path, **{"level": "pbe0/def2-svp", "atomic_energies_ev": ATOMS, **options})
    return list(reading.structures), reading.manifest


def refusal(path, **options):
    with pytest.raises(errors.InputError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["mine.extxyz", "mine.xyz", "mine.traj", "mine.db", "mine.json"])
def test_what_ase_writes_is_read_without_a_key_of_ours(tmp_path, name):
    if name.endswith("json"):
        path = tmp_path / name
        with ase.db.connect(path) as database:
            database.write(water())
    else:
        path = write(tmp_path, [water()], name)
    (structure,), manifest = read(path)
    assert structure.energy == pytest.approx(-10.0, abs=1e-9)
    np.testing.assert_allclose(structure.positions, WATER, atol=1e-8)
    np.testing.assert_allclose(structure.forces, FORCES, atol=1e-8)
    assert (structure.charge, structure.spin_multiplicity, structure.rung) == (0, 1, "thermal")
    assert structure.molecule == molecules.name(np.array([8, 1, 1]), WATER)
    assert manifest["read_as"] == {
        "energy": "energy, total",
        "forces": "forces",
        "molecule": "composition and perceived bonds",
        "charge": "0, assumed: no frame says it",
        "spin multiplicity": "the lowest that the electrons allow, assumed: no frame says it",
    }


def test_reference_names_are_found(tmp_path):
    (structure,), manifest = read(write(tmp_path, [named()]))
    assert structure.energy == pytest.approx(-10.0, abs=1e-9)
    np.testing.assert_allclose(structure.forces, FORCES, atol=1e-8)
    assert (manifest["read_as"]["energy"], manifest["read_as"]["forces"]) == ("REF_energy, total", "REF_forces")


def test_any_names_can_be_given(tmp_path):
    path = write(tmp_path, [named(energy_key="E_ccsd", forces_key="F_ccsd")])
    message = refusal(path)
    assert "mine.extxyz, frame 0 (line 1): no energy: none of energy, REF_energy" in message
    assert "name its key by --energy-key; it has E_ccsd" in message
    (structure,), _ = read(path, energy_key="E_ccsd", forces_key="F_ccsd")
    assert structure.energy == pytest.approx(-10.0, abs=1e-9)
    np.testing.assert_allclose(structure.forces, FORCES, atol=1e-8)
    _, manifest = read(path, energy_key="E_ccsd", rung="thermal")
    assert manifest["has_forces"] is False
    assert manifest["read_as"]["forces"] == "none; its columns are F_ccsd"
    assert "no energy: missing E_mp2" in refusal(path, energy_key="E_mp2")
    assert "no column F_mp2 for the forces; its columns are F_ccsd" in refusal(
        path, energy_key="E_ccsd", forces_key="F_mp2"
    )


def test_two_energies_that_differ_are_not_chosen_between(tmp_path):
    both = water(REF_energy=BOUND - 1.0)
    path = write(tmp_path, [both])
    assert "energy and REF_energy differ, so which of them is meant cannot be told" in refusal(path)
    (structure,), _ = read(path, energy_key="REF_energy")
    assert structure.energy == pytest.approx(-11.0, abs=1e-9)
    (structure,), _ = read(write(tmp_path, [water(REF_energy=BOUND)]))
    assert structure.energy == pytest.approx(-10.0, abs=1e-9)


def test_a_key_names_molecules(tmp_path):
    path = write(tmp_path, [water(config="w1"), water(1.01, config="w1"), water(1.02, config="F")])
    found, manifest = read(path, molecule_key="config")
    assert [structure.molecule for structure in found] == ["w1", "w1", "F"]
    assert manifest["read_as"]["molecule"] == "config"
    path = write(tmp_path, [water(config="w1"), water(1.01)])
    assert "frame 1 (line 6): missing config, which names the molecule" in refusal(path, molecule_key="config")
    assert len({structure.molecule for structure in read(path)[0]}) == 1


def test_isolated_atoms_are_the_zero_and_need_no_key(tmp_path):
    atoms = [ase.Atoms(symbol, info={"REF_energy": energy}) for symbol, energy in ATOMS.items()]
    path = write(tmp_path, [*atoms, named(total_charge=0, mult=1, smiles="O")])
    found, manifest = read(path, atomic_energies_ev=None)
    hydrogen, oxygen, molecule = found
    assert molecule.energy == pytest.approx(-10.0, abs=1e-9)
    assert (hydrogen.rung, hydrogen.molecule, hydrogen.spin_multiplicity) == ("atom", "[H]", 2)
    assert (oxygen.rung, oxygen.molecule, oxygen.spin_multiplicity) == ("atom", "[O]", 3)
    np.testing.assert_array_equal(oxygen.forces, np.zeros((1, 3)))  # by symmetry, as the file need not say
    assert manifest["read_as"]["charge"] == "total_charge"
    assert manifest["zero_is_fit"] is False


@pytest.mark.parametrize(
    ("options", "energy_ev", "force"),
    [
        ({"energy_unit": "hartree", "forces_unit": "hartree/bohr"}, HARTREE_EV, HARTREE_EV / BOHR_ANGSTROM),
        ({"energy_unit": "hartree"}, HARTREE_EV, HARTREE_EV),
        ({"energy_unit": "kcal/mol"}, KCAL_EV, KCAL_EV),
        ({"energy_unit": "kcal/mol", "forces_unit": "eV/angstrom"}, KCAL_EV, 1.0),
    ],
)
def test_units_are_declared(tmp_path, options, energy_ev, force):
    path = write(tmp_path, [water(energy=BOUND / energy_ev)])
    looks = options["energy_unit"]
    assert f"total energies look like {looks}, not eV: the file is of another unit (--energy-unit={looks}" in refusal(
        path
    )
    (structure,), manifest = read(path, **options)
    assert structure.energy == pytest.approx(-10.0, abs=1e-4)  # the constants above have nine digits
    np.testing.assert_allclose(structure.forces, FORCES * force, rtol=1e-7)
    assert manifest["units_in_the_source"].startswith(f"angstrom, {options['energy_unit']}, ")


def test_positions_in_bohr_are_recognised_and_declared(tmp_path):
    path = write(tmp_path, [water(1 / BOHR_ANGSTROM)])
    assert "the median shortest distance is 1.81 angstrom, outside 0.65 to 1.7; in bohr it would be" in refusal(path)
    (structure,), _ = read(path, length_unit="bohr")
    np.testing.assert_allclose(structure.positions, WATER, atol=1e-7)


def test_a_periodic_frame_is_refused_by_its_number(tmp_path):
    cell = water(1.01)
    cell.set_cell([9, 9, 9])
    cell.pbc = True
    for name, place in (("mine.extxyz", "frame 1 (line 6)"), ("mine.traj", "frame 1"), ("mine.db", "row 2")):
        message = refusal(write(tmp_path, [water(), cell], name))
        assert f"{name}, {place}: periodic in [True, True, True]; only molecules are read" in message
    cell.pbc = False  # a molecule in a box
    assert len(read(write(tmp_path, [water(), cell]))[0]) == 2


def test_repeated_frames_are_left_out_and_counted(tmp_path):
    path = write(tmp_path, [water(), water(1.01), water(), water()])
    found, manifest = read(path)
    assert len(found) == 2
    assert manifest["dropped"] == {"the geometry of an earlier structure, with the same energy": 2}
    path = write(tmp_path, [water(), water(1.01), water(energy=BOUND + 0.5)])
    message = refusal(path)
    assert "frame 2 (line 11): its geometry was there before with an energy that differs by 0.5 eV" in message
    found, manifest = read(path, keep_first=True)
    assert len(found) == 2
    assert manifest["dropped"] == {"the geometry of an earlier structure, with another energy": 1}


def test_charges_and_spins_come_as_they_are(tmp_path):
    ion = water(1.01, energy=BOUND + 12.0, charge=1, spin=2)
    found, manifest = read(write(tmp_path, [water(charge=0, spin=1), ion]))
    assert [(s.charge, s.spin_multiplicity, s.rung) for s in found] == [(0, 1, "thermal"), (1, 2, "ion")]
    assert (manifest["read_as"]["charge"], manifest["read_as"]["spin multiplicity"]) == ("charge", "spin")
    assert "charge 0 and spin multiplicity 2 are impossible" in refusal(write(tmp_path, [water(charge=0, spin=2)]))


def test_a_file_that_ase_cannot_read_is_one_line(tmp_path):
    path = tmp_path / "cut.traj"
    ase.io.write(path, [water(), water(1.01)])
    path.write_bytes(path.read_bytes()[:300])
    assert "cut.traj, frame 0: ASE cannot read it" in refusal(path)
