"""Frames are sorted by their forces, and a rung that they contradict is refused with their number."""

import ase
import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from h2scale import errors
from h2scale.data import readers

WATER = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.470], [0.0, -0.757, -0.470]])
ATOMS = {"H": -13.5, "O": -2040.0}


def frame(largest_force, scale=1.0, symbols="OH2", positions=WATER, energy=-2077.0):
    atoms = ase.Atoms(symbols, positions=scale * positions)
    forces = np.zeros_like(positions)
    forces[0, 0], forces[1, 0] = largest_force, -largest_force
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


def hydrogens(distance, largest_force):
    return frame(largest_force, 1.0, "H2", np.array([[0.0, 0, 0], [0, 0, distance]]), -31.5)


def rungs_of(tmp_path, frames, **options):
    path = tmp_path / "mine.extxyz"
    ase.io.write(path, frames)
    reading = readers.read(path, level="pbe", atomic_energies_ev=ATOMS, **options)
    return [(structure.rung, structure.regime) for structure in reading.structures]


@pytest.mark.parametrize("options", [{}, {"rung": "auto"}], ids=["by default", "auto"])
def test_the_largest_force_tells_equilibrium_from_thermal(tmp_path, options):
    found = rungs_of(tmp_path, [frame(0.049), frame(0.051, 1.01), frame(3.0, 1.02)], **options)
    assert found == [("equilibrium", "equilibrium"), ("thermal", "thermal"), ("thermal", "thermal")]


def test_h2_away_from_its_bond_length_is_of_its_own_rung(tmp_path):
    found = rungs_of(tmp_path, [hydrogens(0.745, 0.01), hydrogens(0.77, 0.8), hydrogens(1.2, 3.0)])
    assert found == [("equilibrium", "equilibrium"), ("thermal", "thermal"), ("h2", "h2_curve")]


def test_what_the_format_says_gives_way_to_auto(tmp_path):
    frames = [frame(0.01), frame(2.0, 1.01), frame(2.0, 1.02)]
    for atoms, regime in zip(frames, ("thermal", "thermal", "stretched"), strict=True):
        atoms.info["regime"] = regime
    assert [rung for rung, _ in rungs_of(tmp_path, frames)] == ["thermal", "thermal", "stretched"]
    assert [rung for rung, _ in rungs_of(tmp_path, frames, rung="auto")] == ["equilibrium", "thermal", "stretched"]


@pytest.mark.parametrize(
    ("rung", "message"),
    [
        ("equilibrium", "is contradicted by 2 of 3 frames: their largest force is 0.05 eV/angstrom or more"),
        ("thermal", "is contradicted by 1 of 3 frames: their largest force is below 0.05 eV/angstrom"),
        ("h2", "is contradicted by 3 of 3 frames: they are not H2"),
    ],
)
def test_a_wrong_rung_is_answered_with_the_count(tmp_path, rung, message):
    with pytest.raises(errors.InputError) as caught:
        rungs_of(tmp_path, [frame(0.01), frame(2.0, 1.01), frame(3.0, 1.02)], rung=rung)
    assert message in str(caught.value)
    assert "--rung=auto sorts them" in str(caught.value)


def test_a_right_rung_is_taken(tmp_path):
    assert rungs_of(tmp_path, [frame(0.01), frame(0.02, 1.01)], rung="equilibrium")[1][0] == "equilibrium"
    # A diatomic passes its minimum now and then.
    assert [r for r, _ in rungs_of(tmp_path, [frame(2.0), hydrogens(0.745, 0.01)], rung="thermal")] == ["thermal"] * 2
    assert rungs_of(tmp_path, [frame(0.0), frame(9.0, 1.1)], rung="stretched")[1][0] == "stretched"
    assert rungs_of(tmp_path, [hydrogens(2.0, 1.0)], rung="h2", check_units=False) == [("h2", "h2_curve")]
