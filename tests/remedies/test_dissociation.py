"""Curves of one bond: geometries, points and the command's files."""

import dataclasses
import io

import numpy as np
import pytest
from ase import Atoms
from remedy_cases import remedy, stored

from h2scale import command_line
from h2scale.errors import InputError
from h2scale.remedies import dissociation, parameters
from h2scale.remedies.calculator import RemedyCalculator
from h2scale.runtime import tables


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A remedy in a small basis, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    parameters.save(tmp_path / "small.npz", stored("pairs"))
    return tmp_path / "small.npz"


def test_distances_hold_both_ends_and_the_bond_itself():
    task = dissociation.make_task("N#N", (0, 1))
    at = dissociation.distances(task, 18)
    length = np.linalg.norm(task.positions[1] - task.positions[0])
    np.testing.assert_allclose(at[[0, -1]], [0.7 * length, 3 * length])
    assert len(at) == 18
    assert np.abs(at - length).min() < 1e-12
    assert (np.diff(at) > 0).all()


def test_fragments_move_as_they_are():
    task = dissociation.make_task("CO", (0, 1))
    moved = dissociation.geometry(task, 4.0)
    assert np.linalg.norm(moved[1] - moved[0]) == pytest.approx(4.0)
    for part in (list(task.side), [atom for atom in range(6) if atom not in task.side]):
        before = np.linalg.norm(task.positions[part][:, None] - task.positions[part][None], axis=-1)
        np.testing.assert_allclose(np.linalg.norm(moved[part][:, None] - moved[part][None], axis=-1), before)


@pytest.mark.parametrize(
    ("source", "bond", "words"),
    [
        ("N#N", (0, 2), "two of the 2 atoms"),
        ("CO", (2, 3), "are not bonded; its bonds are 0,1"),
        ("C1OO1", (0, 1), "in a ring"),
        ("nothing.xyz", (0, 1), "cannot be read"),
    ],
)
def test_bond_that_cannot_be_cut_is_named(source, bond, words):
    with pytest.raises(InputError, match=words):
        dissociation.make_task(source, bond)


def test_wrong_line_of_a_geometry_file_is_named(tmp_path):
    (tmp_path / "bad.xyz").write_text("2\n\nH 0 0 0\nXx 0 0 1\n")
    with pytest.raises(InputError, match=r"bad.xyz, line 4: .*element"):
        dissociation.make_task(str(tmp_path / "bad.xyz"), (0, 1))


def test_command_writes_the_curve_of_a_file(file, capsys):
    (file.parent / "h2.xyz").write_text("2\nhydrogen\nH 0 0 0\nH 0 0 0.74\n")
    argv = ["curve", "h2.xyz", "--bond=0,1", f"--remedy={file}", "--points=6", "--workers=1", "--output=out"]
    assert command_line.main(argv) == 0
    table = tables.read_table(file.parent / "out.csv")
    np.testing.assert_allclose(table["energy_ev"], table["base_ev"], atol=1e-6)  # two electrons
    own = remedy("pairs").energy([1, 1], [[0, 0, 0], [0, 0, table["distance_angstrom"][2]]])
    assert table["energy_ev"][2] == pytest.approx(own, abs=1e-6)
    assert abs(table["energy_ev"][-1]) < 0.5
    assert table["energy_ev"].argmin() not in (0, 5)
    assert np.isfinite(table["reference_ev"]).any()
    assert (file.parent / "out.png").stat().st_size > 1000
    assert "lowest at" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "one SMILES or geometry file"),
        (["N#N"], "--bond must be two atoms"),
        (["N#N", "--bond=0"], "--bond must be two atoms"),
        (["N#N", "--bond=0,1", "--remedy=nothing"], "no remedy 'nothing'"),
        (["N#N", "--bond=0,1", "--points=2"], "--points must be between"),
    ],
)
def test_mistake_in_the_command_is_one_line(words, said, capsys):
    with pytest.raises(SystemExit) as raised:
        command_line.main(["curve", *words])
    assert raised.value.code == command_line.EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


def test_warning_outside_what_was_tested_is_said(file, monkeypatch):
    heard = io.StringIO()
    monkeypatch.setattr("sys.stderr", heard)
    own = stored("pairs")
    narrow = dataclasses.replace(own, description=dataclasses.replace(own.description, tested_elements=("C",)))
    parameters.save(file, narrow)
    (file.parent / "h2.xyz").write_text("2\n\nH 0 0 0\nH 0 0 0.74\n")
    argv = ["curve", "h2.xyz", "--bond=0,1", f"--remedy={file}", "--points=5", "--workers=1"]
    assert command_line.main(argv) == 0
    assert "was tested on C, not H" in heard.getvalue()


def test_forces_of_the_calculator_are_the_energys_slope(file):
    atoms = Atoms([1, 1, 1], [[0, 0, 0], [0.1, 0, 0.8], [0, 0, 1.9]], info={"spin": 2})
    atoms.calc = RemedyCalculator(str(file))
    forces, energy = atoms.get_forces(), atoms.get_potential_energy()
    moved = atoms.copy()
    moved.calc = atoms.calc
    moved.positions[1] += [0.0, 0.0, 0.01]
    assert moved.get_potential_energy() - energy == pytest.approx(-0.01 * forces[1, 2], abs=0.004)
    assert abs(forces[1, 2]) > 0.5, "a force of zero checks nothing"
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=2e-3)
