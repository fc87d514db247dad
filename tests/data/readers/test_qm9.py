"""QM9 as published: U0 holds the zero-point energy, exponents are Mathematica's, archives are read as streams."""

import io
import tarfile

import numpy as np
import pytest

from h2scale import errors
from h2scale.data import readers

METHANE = (
    "5\n"
    "gdb 1\t157.7118\t157.70997\t157.70699\t0.\t13.21\t-0.3877\t0.1171\t0.5048\t"
    "35.3641\t0.044749\t-40.47893\t-40.476062\t-40.475117\t-40.498597\t6.469\t\n"
    "C\t-0.0126981359\t 1.0858041578\t 0.0080009958\t-0.535689\n"
    "H\t 0.002150416\t-0.0060313176\t 0.0019761204\t 0.133921\n"
    "H\t 1.0117308433\t 1.4637511618\t 2.765748*^-4\t 0.133922\n"
    "H\t-0.540815069\t 1.4475266138\t-0.8766437152\t 0.133923\n"
    "H\t-0.5238136345\t 1.4379326443\t 0.9063972942\t 0.133923\n"
    "1341.307\t1341.3284\t1341.365\t1562.6731\t1562.7453\t3038.3205\t3151.6034\t3151.6788\t3151.7078\n"
    "C\tC\t\n"
    "InChI=1S/CH4/h1H4\tInChI=1S/CH4/h1H4\n"
)
"""dsgdb9nsd_000001.xyz, with one number in the other notation of the set."""

OTHER = METHANE.replace("1.0858041578", "1.0958041578")
HARTREE_EV = 27.2113862  # written down again: the reader's constant is not asked
METHANE_EV = (-40.47893 - 0.044749 + 37.846772 + 4 * 0.500273) * HARTREE_EV  # -18.39 eV, 424 kcal/mol bound


def archive(path, members):
    with tarfile.open(path, "w:bz2") as file:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            file.addfile(info, io.BytesIO(text.encode()))
    return path


def assert_refused(path, *parts):
    with pytest.raises(errors.InputError) as caught:
        list(readers.read(path, "qm9").structures)
    message = str(caught.value)
    assert "\n" not in message
    for part in (path.name, *parts):
        assert part in message


def test_methane_has_its_electronic_atomization_energy(tmp_path):
    path = tmp_path / "dsgdb9nsd_000001.xyz"
    path.write_text(METHANE)
    reading = readers.read(path, "qm9")
    (methane,) = reading.structures
    assert methane.energy == pytest.approx(METHANE_EV, abs=1e-6)
    np.testing.assert_array_equal(methane.atomic_numbers, [6, 1, 1, 1, 1])
    assert methane.positions[2, 2] == 2.765748e-4
    assert np.isnan(methane.forces).all()
    assert (methane.charge, methane.spin_multiplicity, methane.rung, methane.molecule) == (0, 1, "equilibrium", "C")
    assert reading.manifest["level"] == methane.teacher == "b3lyp/6-31g(2df,p)"
    assert reading.manifest["has_forces"] is False
    assert "atomref.txt" in reading.manifest["energy_zero"]


def test_the_archive_gives_what_its_files_give(tmp_path):
    path = archive(tmp_path / "dsgdb9nsd.xyz.tar.bz2", {"a.xyz": METHANE, "readme.txt": "no", "b.xyz": OTHER})
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (folder / "a.xyz").write_text(METHANE)
    (folder / "b.xyz").write_text(OTHER)
    packed, unpacked = (list(readers.read(place, "qm9").structures) for place in (path, folder))
    assert len(packed) == len(unpacked) == 2
    for one, other in zip(packed, unpacked, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
        assert one.energy == other.energy


def test_a_truncated_archive_names_its_last_whole_entry(tmp_path):
    generator = np.random.default_rng(0)
    # Comments that do not compress keep the entries in blocks of their own.
    noise = {f"{i}.xyz": METHANE + generator.bytes(300_000).hex() + "\n" for i in range(5)}
    path = archive(tmp_path / "qm9.tar.bz2", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert_refused(path, "cut short", "the last whole entry is ", ".xyz")


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "qm9.tar.bz2"
    path.write_bytes(b"this is no archive")
    assert_refused(path, "no tar archive", "it has no whole entry")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("5\n", "five\n", "line 1 must be the number of atoms"),
        ("5\n", "9\n", "cut short: 10 lines, 9 atoms need 14"),
        ("gdb 1\t", "qm7 1\t", "line 2 must be 'gdb', an index and 15 properties"),
        ("\t-40.47893", "", "line 2 must be 'gdb', an index and 15 properties"),
        ("-40.47893", "minus", "U0 must be a number; got 'minus'"),
        ("C\t-0.0126981359", "Zz\t-0.0126981359", "unknown element 'Zz'"),
        ("\t-0.535689", "", "an atom needs its symbol, three coordinates and a charge"),
        ("2.765748*^-4", "2.7e", "a coordinate must be a number; got '2.7e'"),
        ("-40.47893", "-2540.0", "outside 0.5 to 10.0"),
    ],
)
def test_each_damage_is_named_with_its_file(tmp_path, old, new, message):
    assert old in METHANE
    path = tmp_path / "000001.xyz"
    path.write_text(METHANE.replace(old, new, 1))
    assert_refused(path, message)


def test_an_entry_of_an_archive_is_named(tmp_path):
    path = archive(tmp_path / "set.tar.bz2", {"good.xyz": METHANE, "bad.xyz": METHANE.replace("gdb", "xyz")})
    assert_refused(path, "bad.xyz", "not QM9 xyz")
