"""Processor time of converting extended XYZ and of naming molecules, and how often hot frames lose their name.

python benchmarks/converting.py [--frames=2000]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator

from h2scale import data
from h2scale.data import molecules, readers

ATOMS_EV = {"H": -13.6, "C": -1029.0, "O": -2042.0}


def milliseconds(function: Callable[[], object], number: int) -> float:
    """Processor time of one of `number` things that a call does."""
    start = time.process_time()
    function()
    return 1000 * (time.process_time() - start) / number


def write_ethanol(path: Path, frames: int) -> None:
    """Write frames of ethanol, moved at random, as ASE does."""
    generator = np.random.default_rng(0)
    written = []
    for index in range(frames):
        atoms = molecule("CH3CH2OH")
        atoms.rattle(0.02, rng=generator)
        forces = generator.normal(size=(len(atoms), 3))
        atoms.calc = SinglePointCalculator(atoms, energy=-4200.0 + index * 1e-3, forces=forces)
        written.append(atoms)
    ase.io.write(path, written)


def names_of_shipped() -> tuple[int, int]:
    """Molecules of the shipped set, and how many of them have equilibrium and thermal frames of more than one name."""
    dataset = data.load_dataset("pbe0_def2svp")
    names: dict[str, set[str]] = {}
    for index in np.flatnonzero(np.isin(dataset.rung, ("equilibrium", "thermal"))).tolist():
        found = dataset[index]
        names.setdefault(found.molecule, set()).add(molecules.name(found.atomic_numbers, found.positions))
    return len(names), sum(len(own) > 1 for own in names.values())


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=2000)
    frames = parser.parse_args().frames
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ethanol.extxyz"
        write_ethanol(path, frames)
        reading = milliseconds(
            lambda: sum(1 for _ in readers.read(path, level="x", atomic_energies_ev=ATOMS_EV).structures), frames
        )
    print(f"extxyz of 9 atoms, read, checked and named: {reading:.2f} ms a frame")
    generator = np.random.default_rng(0)
    for size in (9, 24, 50, 150, 350):
        numbers = np.where(np.arange(size) % 2, 6, 1)
        positions = generator.normal(size=(size, 3)) * size ** (1 / 3) * 1.3
        repeats = max(2, 2000 // size)
        spent = milliseconds(lambda: [molecules.name(numbers, positions) for _ in range(repeats)], repeats)  # noqa: B023
        print(f"name of {size} atoms: {spent:.2f} ms")
    total, several = names_of_shipped()
    print(f"pbe0_def2svp: {several} of {total} molecules have frames of more than one name")


if __name__ == "__main__":
    main()
