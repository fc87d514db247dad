"""ASE databases, sqlite and OMol25's LMDB: rows as their writers leave them, charge and spin where they put them."""

import contextlib
import json
import sqlite3
import zlib

import ase
import ase.db
import lmdb
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import jsonio

from h2scale import errors
from h2scale.data import molecules, readers

LEVEL = "wb97m-v/def2-tzvpd"
ATOMS = {"H": -13.44, "O": -2042.9}
WATER = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.470], [0.0, -0.757, -0.470]])
FORCES = 0.1 * np.arange(9.0).reshape(3, 3)
WATER_NAME = molecules.name(np.array([8, 1, 1]), WATER)
TOTAL = -2042.9 - 2 * 13.44 - 10.1  # 10.1 eV below its atoms


def water(energy=TOTAL, forces=FORCES, **facts):
    atoms = ase.Atoms("OH2", positions=WATER, **facts)
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


def read(path, **options):
    return readers.read(path, "ase", **{"level": LEVEL, "atomic_energies_ev": ATOMS, **options})


def refusal(path, **options):
    with pytest.raises(errors.InputError) as caught:
        list(read(path, **options).structures)
    assert path.name in str(caught.value)
    return str(caught.value)


def row(**changes):
    """A row of OMol25, as far as it matters: arrays as lists, charge and spin in data."""
    return {
        "numbers": [8, 1, 1],
        "positions": WATER.tolist(),
        "cell": np.zeros((3, 3)).tolist(),
        "pbc": [False] * 3,
        "energy": TOTAL,
        "forces": FORCES.tolist(),
        "ctime": 25.0,
        "mtime": 25.0,
        "user": None,
        "data": {"charge": 0, "spin": 1, "s_squared": 0.0, "data_id": "test", "composition": "H2O1"},
        "key_value_pairs": {},
        **changes,
    }


def write_lmdb(path, rows, deleted=(), encode=json.dumps):
    with lmdb.open(str(path), subdir=False, map_size=2**24) as environment, environment.begin(write=True) as writing:
        for number, content in enumerate(rows, start=1):
            if number not in deleted:
                writing.put(str(number).encode(), zlib.compress(encode(content).encode()))
        writing.put(b"nextid", zlib.compress(encode(len(rows) + 1).encode()))
        if deleted:
            writing.put(b"deleted_ids", zlib.compress(encode(list(deleted)).encode()))
    return path


def assert_is_water(structure):
    assert structure.energy == pytest.approx(-10.1, abs=1e-9)
    np.testing.assert_allclose(structure.positions, WATER, atol=1e-12)
    np.testing.assert_allclose(structure.forces, FORCES, atol=1e-12)
    np.testing.assert_array_equal(structure.atomic_numbers, [8, 1, 1])
    assert (structure.charge, structure.spin_multiplicity, structure.molecule) == (0, 1, WATER_NAME)
    assert structure.teacher == LEVEL


@pytest.mark.parametrize("suffix", [".db", ".json"])
def test_rows_of_an_ase_database(tmp_path, suffix):
    path = tmp_path / f"set{suffix}"
    with ase.db.connect(path) as database:
        database.write(water(), data={"charge": 0, "spin": 1, "s_squared": 0.0}, smiles="O")
        database.write(water(TOTAL + 6.0), spin=2, data={"charge": 1}, smiles="[OH2+]")
    reading = read(path)
    first, ion = reading.structures
    assert first.molecule == "O"
    assert_is_water(first._replace(molecule=WATER_NAME))
    assert ion.energy == pytest.approx(-4.1, abs=1e-9)
    assert (ion.charge, ion.spin_multiplicity, ion.molecule, ion.rung) == (1, 2, "[OH2+]", "ion")
    assert ion.spin_squared == 0.75
    assert reading.manifest["spin_squared"] == "S(S + 1) of a pure spin state where the file has none"
    assert "spin_squared" not in _manifest_of_all_known(tmp_path)


def _manifest_of_all_known(tmp_path):
    reading = read(write_lmdb(tmp_path / "known.aselmdb", [row()]))
    list(reading.structures)
    return reading.manifest


@pytest.mark.parametrize("encode", [json.dumps, jsonio.encode], ids=["fairchem", "ase-db-backends"])
def test_rows_of_omol(tmp_path, encode):
    rows = [row(data={**row()["data"], "charge": 2 * (number == 2)}) for number in range(3)]
    if encode is jsonio.encode:
        rows = [{**content, "positions": WATER, "forces": FORCES} for content in rows]
    path = write_lmdb(tmp_path / "data0000.aselmdb", rows, deleted=(2,), encode=encode)
    reading = read(path)
    water, dication = reading.structures
    assert_is_water(water)
    assert (dication.charge, dication.rung) == (2, "ion")
    assert reading.manifest["has_forces"] is True
    assert reading.manifest["energy_zero"] == "isolated atoms at the same level, given by the caller"


def test_rows_without_forces_make_a_set_without(tmp_path):
    path = write_lmdb(tmp_path / "energies.aselmdb", [row(forces=None)])
    assert "row 1: no forces by which equilibrium could be told from thermal; declare --rung" in refusal(path)
    reading = read(path, rung="equilibrium")
    assert reading.manifest["read_as"]["forces"] == "none"
    (structure,) = reading.structures
    assert np.isnan(structure.forces).all()
    assert reading.manifest["has_forces"] is False
    mixed = write_lmdb(tmp_path / "mixed.aselmdb", [row(), row(positions=(1.01 * WATER).tolist(), forces=None)])
    assert "row 2: it has no forces, unlike those before it" in refusal(mixed, rung="thermal")


def test_charge_and_spin_are_assumed_only_where_no_row_says_them(tmp_path):
    path = write_lmdb(tmp_path / "bare.aselmdb", [row(data={})])
    reading = read(path)
    (structure,) = reading.structures
    assert_is_water(structure)
    assert reading.manifest["read_as"]["charge"] == "0, assumed: no frame says it"
    assert "the lowest that the electrons allow, assumed" in reading.manifest["read_as"]["spin multiplicity"]
    other = {"positions": (1.01 * WATER).tolist()}
    mixed = write_lmdb(tmp_path / "mixed.aselmdb", [row(data={}), row(**other)])
    assert "row 2: this frame has a charge (charge or total_charge) and those before do not" in refusal(mixed)
    mixed = write_lmdb(tmp_path / "mixed2.aselmdb", [row(**other), row(data={"charge": 0})])
    assert "row 2: others have a spin multiplicity" in refusal(mixed)
    assert "declare it by --spin-multiplicity" in refusal(mixed)
    # What a row says is not overruled by what is declared.
    (ion,) = read(
        write_lmdb(tmp_path / "ion.aselmdb", [row(data={"charge": 1, "spin": 2})]), charge=0, spin_multiplicity=1
    ).structures
    assert (ion.charge, ion.spin_multiplicity) == (1, 2)
    one, _ = read(mixed, charge=0, spin_multiplicity=1).structures
    assert (one.charge, one.spin_multiplicity) == (0, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"energy": None}, "row 1: no energy: none of energy, REF_energy"),
        ({"pbc": [True, True, False]}, "row 1: periodic in [True, True, False]; only molecules are read"),
        ({"numbers": [8, 1, 119]}, "row 1: unknown element, atomic number 119"),
        ({"positions": WATER[:2].tolist()}, "row 1: positions must have shape (3, 3); got (2, 3)"),
        ({"forces": FORCES[:2].tolist()}, "row 1: forces must have shape (3, 3); got (2, 3)"),
        ({"data": {"charge": "neutral", "spin": 1}}, "row 1: charge must be an integer; got 'neutral'"),
        ({"data": {"charge": 0, "spin": 2}}, "charge 0 and spin multiplicity 2 are impossible for 10 electrons"),
        ({"energy": TOTAL / 27.2114}, "total energies look like hartree, not eV: the file is of another unit"),
        ({"numbers": None}, "atomic numbers must have shape (n_atoms,); got ()"),
    ],
)
def test_each_flaw_names_the_row(tmp_path, changes, message):
    assert message in refusal(write_lmdb(tmp_path / "set.aselmdb", [row(**changes)]))


def test_a_truncated_lmdb_is_refused_instead_of_ending_the_process(tmp_path):
    many = [row(data={"charge": 0, "spin": 1, "noise": np.random.default_rng(i).bytes(4000).hex()}) for i in range(20)]
    path = write_lmdb(tmp_path / "set.aselmdb", many)
    whole = path.read_bytes()
    used = len(whole.rstrip(b"\x00"))
    path.write_bytes(whole[: used // 2])
    assert "is cut short:" in refusal(path)
    path.write_bytes(b"no LMDB" * 2000)
    assert "is no .aselmdb database or is cut short" in refusal(path)


def test_files_that_are_no_database_are_refused(tmp_path):
    path = tmp_path / "set.db"
    with ase.db.connect(path) as database:
        for _ in range(200):
            database.write(water(), data={"charge": 0, "spin": 1})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "is no ASE database or is cut short" in refusal(path)
    path.write_bytes(b"no database at all" * 100)
    assert "is no ASE database or is cut short" in refusal(path)
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("create table other (id integer)")
    before = path.read_bytes()
    assert "is no ASE database or is cut short: it has no table 'systems'" in refusal(path)
    assert path.read_bytes() == before  # ASE alone would have written its own tables into it


def test_a_lost_row_is_named(tmp_path):
    path = write_lmdb(tmp_path / "set.aselmdb", [row(), row()])
    with lmdb.open(str(path), subdir=False, map_size=2**24) as environment, environment.begin(write=True) as writing:
        writing.delete(b"2")
    assert "row 2: no atoms; the database lost the row" in refusal(path)


def test_a_folder_is_read_database_by_database(tmp_path):
    folder = tmp_path / "train"
    folder.mkdir()
    assert "the folder has no .aselmdb or .db files" in refusal(folder)
    (folder / "metadata.npz").write_bytes(b"")  # as OMol25 has it beside
    write_lmdb(folder / "data0001.aselmdb", [row(positions=(1.02 * WATER).tolist(), energy=TOTAL + 1.0)])
    write_lmdb(folder / "data0000.aselmdb", [row(), row(positions=(1.01 * WATER).tolist())])
    found = [structure.energy for structure in read(folder).structures]
    np.testing.assert_allclose(found, [-10.1, -10.1, -9.1], atol=1e-9)
