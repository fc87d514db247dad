"""Processor time of converting extended XYZ and of naming molecules, and how often hot frames lose their name.

python benchmarks/converting.py [--frames=2000]
python benchmarks/converting.py --files=64 [--structures=500] [--workers=2]

The second form writes so many files in OMol25's layout, of molecules of 50 atoms, converts them by workers with
`--zero=fit`, which reads every file twice, and prints what 100 million structures take at that rate.
"""

import argparse
import resource
import subprocess
import sys
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
from h2scale.types import Structure

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))  # the writer of OMol25's layout

NUM_ATOMS = 50
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


def write_omol_files(folder: Path, number: int, structures: int) -> None:
    """Write files of OMol25's layout: heavy atoms on a jittered grid with hydrogens beside them, 50 in all."""
    import distributed

    generator = np.random.default_rng(0)
    grid = 1.5 * np.stack(np.meshgrid(*[np.arange(3.0)] * 3), axis=-1).reshape(-1, 3)[: NUM_ATOMS // 2]
    elements = np.concatenate([generator.choice([6, 7, 8], NUM_ATOMS // 2), np.ones(NUM_ATOMS // 2, int)])
    for file in range(number):
        rows = []
        for _ in range(structures):
            heavy = grid + generator.uniform(-0.05, 0.05, grid.shape)
            positions = np.concatenate([heavy, heavy + np.array([0.6, 0.6, 0.6])])
            rows.append(
                Structure(
                    atomic_numbers=elements.astype(np.int32),
                    positions=positions,
                    energy=-200.0 + generator.normal(),
                    forces=generator.normal(size=positions.shape),
                    charge=0,
                    spin_multiplicity=1 + int(elements.sum()) % 2,
                    rung="thermal",
                    regime="thermal",
                    molecule="",
                    teacher="",
                    spin_squared=0.0,
                )
            )
        distributed.write_omol(folder / f"data{file:04d}.aselmdb", rows, {**ATOMS_EV, "N": -1485.0})


def many(number: int, structures: int, workers: int) -> None:
    """Convert many files by workers and print time, size and what the same rate gives for 100 million structures."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, output = Path(temporary) / "files", Path(temporary) / "set.shards"
        folder.mkdir()
        write_omol_files(folder, number, structures)
        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        asked = ["--level=wb97m-v/def2-tzvpd", "--zero=fit", "--no-unit-check", f"--workers={workers}"]
        command = [sys.executable, "-m", "h2scale.data.convert", *asked, f"--output={output}", str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall, cpu = time.monotonic() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        total = number * structures
        size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file()) / total
        source = sum(file.stat().st_size for file in folder.iterdir()) / total
    print(
        f"{number} files, {total} structures of {NUM_ATOMS} atoms, {workers} workers: {wall:.0f} s, {cpu:.0f} s of CPU"
    )
    print(f"a structure: {1000 * cpu / total:.2f} ms of CPU, {size:.0f} bytes in shards, {source:.0f} in the files")
    print(f"100 million: {cpu / total * 1e8 / 3600:.0f} core hours, {size * 1e8 / 1e9:.0f} GB")


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--files", type=int, default=0)
    parser.add_argument("--structures", type=int, default=500, help="of each file")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.files:
        many(arguments.files, arguments.structures, arguments.workers)
        return
    frames = arguments.frames
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
