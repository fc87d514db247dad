"""Whatever the format, what is subtracted is said, what is not known is asked for, and mistakes are one line."""

import numpy as np
import pytest

from h2scale import errors
from h2scale.data import readers
from h2scale.data.readers import entries, extxyz, zero

HEADER = "Properties=species:S:1:pos:R:3:forces:R:3 "
LEVEL = "pbe0/def2-svp"
ATOMS = {"H": -13.5, "O": -2040.0}


def frame(symbols, positions, energy, charge=0, multiplicity=1, regime="thermal"):
    keys = f"charge={charge} multiplicity={multiplicity} regime={regime} smiles=x s2=0.0 energy={energy}"
    rows = [f"{s} {x} {y} {z} 0.1 0 0" for s, (x, y, z) in zip(symbols, positions, strict=True)]
    return "\n".join([str(len(symbols)), HEADER + keys, *rows]) + "\n"


WATER = ("OHH", [(0, 0, 0.117), (0, 0.757, -0.470), (0, -0.757, -0.470)])
MOVED = ("OHH", [(0, 0, 0.13), (0, 0.757, -0.470), (0, -0.757, -0.470)])
HYDROXYL = ("OH", [(0, 0, 0), (0, 0, 0.97)])
HYDROGEN, OXYGEN = ("H", [(0, 0, 0)]), ("O", [(0, 0, 0)])
BOUND = -2040.0 - 27.0 - 10.0  # ten eV below its atoms
MOLECULES = frame(*WATER, BOUND) + frame(*HYDROXYL, -2040.0 - 13.5 - 4.5, multiplicity=2)
SINGLE = frame(*HYDROGEN, -13.5, multiplicity=2, regime="atom") + frame(*OXYGEN, -2040.0, multiplicity=3, regime="atom")


def write(tmp_path, text):
    path = tmp_path / "some.extxyz"
    path.write_text(text)
    return path


def energies(path, **options):
    reading = readers.read(path, "extxyz", level=LEVEL, **options)
    return [structure.energy for structure in reading.structures], reading.manifest


def refusal(path, format="extxyz", **options):
    with pytest.raises(errors.InputError) as caught:
        list(readers.read(path, format, **{"level": LEVEL, **options}).structures)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_atoms_of_the_file_are_the_zero_where_it_has_them(tmp_path):
    found, manifest = energies(write(tmp_path, MOLECULES + SINGLE))
    np.testing.assert_allclose(found, [-10.0, -4.5, 0.0, 0.0], atol=1e-10)
    assert manifest["energy_zero"] == "isolated atoms found in the files"
    assert manifest["isolated_atom_energies_ev"] == {"H": -13.5, "O": -2040.0}


def test_atoms_given_by_the_caller_are_the_zero_and_said_to_be(tmp_path):
    found, manifest = energies(write(tmp_path, MOLECULES), atomic_energies_ev=ATOMS)
    np.testing.assert_allclose(found, [-10.0, -4.5], atol=1e-10)
    assert manifest["energy_zero"] == "isolated atoms at the same level, given by the caller"


def test_a_fit_is_made_only_by_name_and_is_called_one(tmp_path):
    path = write(tmp_path, MOLECULES)
    found, manifest = energies(path, atomic_energies_ev="fit")
    np.testing.assert_allclose(found, 0.0, atol=1e-6)  # two molecules, two elements
    assert "no isolated atoms" in manifest["energy_zero"]
    assert "the files hold no neutral isolated atoms" in refusal(path)


def test_a_fit_to_one_molecule_says_that_only_its_sum_is_known(tmp_path):
    found, manifest = energies(
        write(tmp_path, frame(*WATER, BOUND) + frame(*MOVED, BOUND + 0.4)), atomic_energies_ev="fit"
    )
    np.testing.assert_allclose(found, [-0.2, 0.2], atol=1e-9)
    assert manifest["zero_is_fit"] is True
    assert "only their sums over the compositions of these files are determined" in manifest["energy_zero"]


def test_the_fit_is_that_of_least_squares(tmp_path):
    counts = np.array([[2.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    totals = np.array([BOUND, -2040.0 - 13.5 - 4.5, -13.5, -2040.0])
    _, manifest = energies(write(tmp_path, MOLECULES + SINGLE), atomic_energies_ev="fit")
    expected = np.linalg.lstsq(counts, totals, rcond=None)[0]
    fitted = manifest["isolated_atom_energies_ev"]
    np.testing.assert_allclose([fitted["H"], fitted["O"]], expected, rtol=1e-10)


def test_elements_that_are_not_asked_for_are_left_out_and_counted(tmp_path):
    text = MOLECULES + frame("FH", [(0, 0, 0), (0, 0, 0.92)], -2700.0)
    path = write(tmp_path, text)
    assert "frame 2 (line 10): no isolated-atom energy at this level for F" in refusal(path, atomic_energies_ev=ATOMS)
    found, manifest = energies(path, atomic_energies_ev=ATOMS, elements=["H", "O"])
    assert len(found) == 2
    assert manifest["dropped"] == {"an element that is not asked for": 1}


def test_rungs_are_overridden_only_on_the_ladder(tmp_path):
    ion = frame(*HYDROXYL, -2040.0 - 13.5 - 5.0, charge=-1)
    kept = frame("HH", [(0, 0, 0), (0, 0, 0.9)], -31.0, regime="h2_test_curve")
    path = write(tmp_path, MOLECULES + SINGLE + ion + kept)
    structures = readers.read(path, "extxyz", level=LEVEL, rung="stretched").structures
    assert [s.rung for s in structures] == ["stretched", "stretched", "atom", "atom", "ion", "test_curve"]


def test_the_manifest_names_the_source_by_its_checksum(tmp_path):
    path = write(tmp_path, MOLECULES + SINGLE)
    _, manifest = energies(path)
    (source,) = manifest["sources"]
    assert source["name"] == "some.extxyz"
    path.write_text(MOLECULES.replace("thermal", "scaled") + SINGLE)
    assert energies(path)[1]["sources"][0]["sha256"] != source["sha256"]
    assert (manifest["level"], manifest["has_forces"]) == (LEVEL, True)
    assert manifest["units"]["forces"] == "eV/angstrom"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xyz"}, "format must be one of paper, qm9, vqm24, ani1x, spice, ase, extxyz; got 'xyz'"),
        ({"level": None}, "files of format extxyz do not say their level of theory"),
        ({"format": "qm9"}, "files of format qm9 are of level b3lyp/6-31g(2df,p); got level 'pbe0/def2-svp'"),
        ({"format": "paper", "atomic_energies_ev": ATOMS}, "energies of format paper are relative to atoms already"),
        ({}, "the zero of energy is unknown: the files hold no neutral isolated atoms; give their energies at"),
        ({}, "or ask for --zero=fit, by which the asymptote of H2 means nothing"),
        (
            {"format": "qm9", "level": None, "energy_key": "E"},
            "format qm9 has its own keys and units; got energy_key 'E'",
        ),
        ({"energy_unit": "cal"}, "energy_unit must be one of eV, hartree, kcal/mol, kJ/mol; got 'cal'"),
        ({"forces_unit": "hartree"}, "forces_unit must be an energy of eV, hartree, kcal/mol, kJ/mol over a length"),
        ({"atomic_energies_ev": {"H": -0.5, "O": -75.06}}, "must be in eV; H=-0.5,O=-75.06 look like hartree"),
        ({"atomic_energies_ev": "guess"}, "'file' or 'fit'; got 'guess'"),
        ({"atomic_energies_ev": {"Q": 1.0}}, "atomic_energies_ev: unknown element 'Q'"),
        ({"atomic_energies_ev": {"H": np.nan}}, "the energy of H must be finite; got nan"),
        ({"elements": ["H", "Oh"]}, "elements: unknown element 'Oh'"),
        ({"elements": ["C"], "atomic_energies_ev": ATOMS}, "no structure is left; left out: 2 for an element"),
        ({"rung": "melted"}, "rung must be one of equilibrium, thermal, stretched, h2, or auto; got 'melted'"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, options, message):
    assert message in refusal(write(tmp_path, MOLECULES), **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            frame(*WATER, BOUND, charge=1),
            "frame 0 (line 1): charge 1 and spin multiplicity 1 are impossible for 9 electrons",
        ),
        (frame(*WATER, np.nan), "frame 0 (line 1): its energy or a position is not a finite number"),
        (MOLECULES + "3\nhalf a frame\n", "the file ends before the 3 atoms of this frame"),
        (MOLECULES.replace("O 0", "Zz 0", 1), "frame 0 (line 1): unknown element 'Zz'"),
        (MOLECULES.replace("O 0", "Es 0", 1), "frame 0 (line 1): element Es is beyond what a dataset may hold"),
        ("", "no structure is left; the files are empty"),
    ],
)
def test_a_flaw_is_named_with_file_and_frame(tmp_path, text, message):
    path = write(tmp_path, text)
    found = refusal(path, atomic_energies_ev=ATOMS)
    assert message in found
    assert "some.extxyz" in found


def test_a_binary_file_is_no_extxyz(tmp_path):
    path = tmp_path / "some.extxyz"
    path.write_bytes(b"\x89HDF\r\n\x1a\n\xff\xfe")
    assert "is no text file" in refusal(path)
    assert "no such file or folder" in refusal(tmp_path / "none.extxyz")
    assert "no file to read was given" in refusal([])


@pytest.mark.parametrize("unit", [1 / 27.2114, 23.0605], ids=["hartree", "kcal/mol"])
def test_energies_of_another_unit_are_refused(tmp_path, unit):
    # Molecules at rest of one unit, isolated atoms of the same.
    scaled = frame(*WATER, BOUND * unit)
    atoms = {symbol: energy * unit for symbol, energy in ATOMS.items()}
    path = write(tmp_path, scaled)
    assert "the isolated-atom energies must be in eV" in refusal(path, atomic_energies_ev=atoms)
    looks = "hartree" if unit < 1 else "kcal/mol"
    assert f"total energies look like {looks}, not eV" in refusal(path, atomic_energies_ev=ATOMS)
    assert f"total energies look like {looks}, not eV" in refusal(path, atomic_energies_ev="fit")
    found, _ = energies(path, atomic_energies_ev=ATOMS, energy_unit=looks)
    np.testing.assert_allclose(found, -10.0, atol=0.02)
    energies(path, atomic_energies_ev=atoms, check_units=False)


def test_forces_in_some_structures_only_are_refused(tmp_path):
    text = MOLECULES + frame(*MOVED, BOUND).replace("0.1 0 0", "nan nan nan")
    message = refusal(write(tmp_path, text), atomic_energies_ev=ATOMS)
    assert "frame 2 (line 10): it has no forces, unlike those before it" in message
    text = MOLECULES + frame(*MOVED, BOUND).replace("0.1 0 0", "0.1 nan 0", 1)
    message = refusal(write(tmp_path, text), atomic_energies_ev=ATOMS)
    assert "frame 2 (line 10): a force is not a finite number" in message


def test_atomic_energies_are_parsed(tmp_path):
    assert zero.parse("H=-13.5, O=-2040") == ATOMS
    assert zero.parse("fit") == "fit"
    with pytest.raises(errors.InputError, match=r"must read H=-13\.6,C=-1029\.1 in eV, or be fit or file; got 'O'"):
        zero.parse("H=-13.5,O")


def test_energies_are_those_of_the_formats_reader_less_the_atoms(tmp_path):
    path = write(tmp_path, MOLECULES + SINGLE)
    totals = [entry.structure for entry in extxyz.read([path], entries.Options(LEVEL), {})]
    atoms = {int(s.atomic_numbers[0]): s.energy for s in totals if len(s.atomic_numbers) == 1}
    relative = [s.energy - sum(atoms[int(number)] for number in s.atomic_numbers) for s in totals]
    np.testing.assert_allclose(energies(path)[0], relative, atol=1e-10)
