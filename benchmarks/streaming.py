"""Measures streaming from shards: python benchmarks/streaming.py [--structures=2000000] [--folder=DIR].

Writes a synthetic set (8 to 40 atoms, 24 on average), then reads one whole epoch in shuffled batches and checks that
every structure came exactly once with its own energy. Each stage is a process of its own and reports its peak memory,
mapped pages included, which must stay below 2 GB whatever the size of the set.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from h2scale.data import shards, streaming
from h2scale.types import Structure

LIMIT_GB = 2.0
BATCH_SIZE = 256


def synthetic(number: int) -> Iterator[Structure]:
    """Structures whose energy is their place in the set; atoms on a jittered grid, none too close."""
    generator = np.random.default_rng(0)
    grid = 1.3 * np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(-1, 3)
    jitter = generator.uniform(-0.2, 0.2, (97, 64, 3))
    elements = generator.choice(np.array([1, 6, 8], np.int32), (97, 64))
    for index in range(number):
        draw = index % 97
        n_atoms = 8 + (7 * index) % 33
        numbers = elements[draw, :n_atoms]
        yield Structure(
            atomic_numbers=numbers,
            positions=grid[:n_atoms] + jitter[draw, :n_atoms],
            energy=float(index),
            forces=jitter[draw, :n_atoms],
            charge=0,
            spin_multiplicity=1 + int(numbers.sum()) % 2,
            rung="thermal",
            regime="thermal",
            molecule=f"synthetic {index % 1000}",
            teacher="none",
            spin_squared=0.0,
        )


def write(folder: Path, number: int) -> None:
    shards.write_shards(folder, synthetic(number), {"level": "none"})


def read(folder: Path, number: int) -> None:
    dataset = streaming.ShardedDataset(folder)
    sampling = streaming.Sampling(number, BATCH_SIZE, seed=0)
    seen = np.zeros(number, dtype=np.int8)
    steps = -(-number // BATCH_SIZE)
    for step, batch in enumerate(streaming.stream(dataset, sampling)):
        found = batch.data.energy.astype(np.int64)
        np.testing.assert_array_equal(found, streaming.batch_indices(sampling, step))
        seen[found[: number - step * BATCH_SIZE]] += 1
        if step + 1 == steps:
            break
    assert (seen == 1).all(), "a structure came twice or never"


STAGES = {"write": write, "read": read}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--structures", type=int, default=2_000_000)
    parser.add_argument("--folder", type=Path, default=None, help="where to write; a temporary folder if not given")
    parser.add_argument("--stage", choices=STAGES, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        start = time.monotonic()
        STAGES[arguments.stage](arguments.folder, arguments.structures)
        seconds = time.monotonic() - start
        peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        print(
            f"{arguments.stage}: {seconds:.0f} s, {arguments.structures / seconds:.0f} structures/s, {peak_gb:.2f} GB"
        )
        assert peak_gb < LIMIT_GB, f"peak memory {peak_gb:.2f} GB, {LIMIT_GB} GB allowed"
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "synthetic.shards"
        for stage in STAGES:
            command = [sys.executable, __file__, f"--stage={stage}", f"--folder={folder}"]
            subprocess.run([*command, f"--structures={arguments.structures}"], check=True)
        size_gb = sum(file.stat().st_size for file in folder.rglob("*.npy")) / 1e9
        print(f"on disk: {size_gb:.2f} GB in {len(list(folder.glob('shard-*')))} shards")


if __name__ == "__main__":
    main()
