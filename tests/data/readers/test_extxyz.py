"""Frames are read as written; whatever is missing is named with its frame."""

import numpy as np
import pytest

from h2scale.data.readers import entries, extxyz
from h2scale.errors import InputError

HEADER = "Properties=species:S:1:pos:R:3:forces:R:3 "
KEYS = 'charge=0 multiplicity=1 regime=thermal smiles="[H]F" s2=0.5 energy=-12.5 pbc="F F F"'
ATOMS = "H 0.1 0.2 0.3 1.0 2.0 3.0\nF 1.0 0 0 -1 -2 -3.5e0\n"
FRAME = f"2\n{HEADER}{KEYS}\n{ATOMS}"
ATOM = f"1\n{HEADER}charge=0 multiplicity=2 regime=atom smiles=[H] s2=0.75 energy=-13.0\nH 0 0 0 0 0 0\n"


def read(tmp_path, text):
    path = tmp_path / "labels.extxyz"
    path.write_text(text)
    return [entry.structure for entry in extxyz.read([path], entries.Options("pbe0/def2-svp"), {})]


def test_a_frame_is_read_as_written(tmp_path):
    first, second = read(tmp_path, ATOM + FRAME)
    assert first.molecule == "[H]"
    assert first.rung == "atom"
    np.testing.assert_array_equal(second.atomic_numbers, [1, 9])
    np.testing.assert_array_equal(second.positions, [[0.1, 0.2, 0.3], [1.0, 0.0, 0.0]])
    np.testing.assert_array_equal(second.forces, [[1.0, 2.0, 3.0], [-1.0, -2.0, -3.5]])
    assert second[4:-1] == (0, 1, "thermal", "thermal", "[H]F", "pbe0/def2-svp", 0.5)
    assert second.energy == -12.5


def test_columns_are_found_by_name_not_by_place(tmp_path):
    frame = f"1\nProperties=forces:R:3:species:S:1:tag:I:1:pos:R:3 {KEYS}\n1 2 3 F 7 4 5 6\n"
    (structure,) = read(tmp_path, frame)
    np.testing.assert_array_equal(structure.positions, [[4.0, 5.0, 6.0]])
    np.testing.assert_array_equal(structure.forces, [[1.0, 2.0, 3.0]])


@pytest.mark.parametrize("smiles", ["F", "[H]", "N", "C#C", "[C-]#[O+]", '"O=O"', "1"])
def test_a_smiles_is_text_whatever_it_looks_like(tmp_path, smiles):
    (structure,) = read(tmp_path, FRAME.replace('"[H]F"', smiles))
    assert structure.molecule == smiles.strip('"')


@pytest.mark.parametrize("key", ["charge", "multiplicity", "smiles", "energy"])
def test_a_key_that_the_first_frame_has_is_missed_in_later_ones(tmp_path, key):
    broken = FRAME.replace(f"{key}=", f"other_{key}=")
    with pytest.raises(InputError, match=rf"labels\.extxyz, frame 1 \(line 5\): .*{key}"):
        read(tmp_path, FRAME + broken)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("charge=0", "charge=half", r"frame 0 \(line 1\): charge must be an integer; got 'half'"),
        ("regime=thermal", "regime=boiled", "unknown regime 'boiled'; known: equilibrium, thermal"),
        ("\nF 1.0", "\nXx 1.0", "unknown element 'Xx'"),
        ("-3.5e0", "three", "atoms are not what Properties lists: could not convert string to float: 'three'"),
        (" -3.5e0", "", "atoms are not what Properties lists"),
        ("\nF 1.0", "\nX 1.0", "unknown element, atomic number 0"),
        ("forces:R:3", "forces:R:2", r"forces must have shape \(2, 3\); got \(2, 2\)"),
        (
            "pos:R:3",
            "place:R:3",
            r"frame 0 \(line 1\): columns must include species and pos; the frame has species, place",
        ),
        ("energy=-12.5", "E0=-12.5", "no energy: none of energy, .*; name its key by --energy-key; it has E0, charge"),
        (
            'pbc="F F F"',
            'pbc="T T F"',
            r"frame 0 \(line 1\): periodic in \[True, True, False\]; only molecules are read",
        ),
        ('pbc="F F F"', 'Lattice="9 0 0 0 9 0 0 0 9"', r"frame 0 \(line 1\): periodic in \[True, True, True\]"),
        ('pbc="F F F"', 'pbc="yes"', "pbc must be three of T and F; got 'yes'"),
        ("2\n", "3\n", "line 1: the file ends before the 3 atoms of this frame"),
        ("2\n", "two\n", "line 1: expected a number of atoms; got 'two'"),
        ("\nF 1.0 0 0 -1 -2 -3.5e0", "\n", "atoms are not what Properties lists"),
    ],
)
def test_each_malformed_frame_is_refused(tmp_path, old, new, message):
    assert old in FRAME
    with pytest.raises(InputError, match=message):
        read(tmp_path, FRAME.replace(old, new, 1))
