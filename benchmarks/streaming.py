"""Measures streaming from shards: python benchmarks/streaming.py [--structures=2000000] [--folder=DIR].

Writes a synthetic set of 24 atoms a structure, reads one whole epoch in shuffled batches and checks that every
structure came exactly once with its own energy, and trains a study's population on it: 32 features, degree 1, two
layers, 16 structures a batch, two replicas whose training sets are 45 and 90 % of the set. Three ways of the same step
take turns, call by call: the stream; the same batches from memory, kept from the stream; and a study from memory, of
20,000 of the structures. Training has one core, the threads that read another. Each stage is a process of its own and
reports its peak memory, mapped pages included: at most 3 GB for training and 2 GB for the others, whatever the size of
the set.
"""

import argparse
import os
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

LIMITS_GB = {"write": 2.0, "read": 2.0, "train": 3.0}
IN_MEMORY = 20_000
CALLS = 60  # of 25 steps for each replica
BATCH_SIZE = 256
NUM_ATOMS = 24


def synthetic(number: int) -> Iterator[Structure]:
    """Structures whose energy is their place in the set; atoms on a jittered grid, none too close."""
    generator = np.random.default_rng(0)
    grid = 1.3 * np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(-1, 3)
    jitter = generator.uniform(-0.2, 0.2, (97, 64, 3))
    elements = generator.choice(np.array([1, 6, 8], np.int32), (97, 64))
    for index in range(number):
        draw = index % 97
        numbers = elements[draw, :NUM_ATOMS]
        yield Structure(
            atomic_numbers=numbers,
            positions=grid[:NUM_ATOMS] + jitter[draw, :NUM_ATOMS] + 1e-6 * (index // 97),
            energy=float(index),
            forces=jitter[draw, :NUM_ATOMS],
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


def train(folder: Path, number: int) -> None:
    # Before JAX starts: one thread for its arithmetic, so that the other core is the host's.
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    import jax

    from h2scale import config as config_lib
    from h2scale.data import opening, storage
    from h2scale.runtime import devices
    from h2scale.stages import scaling
    from h2scale.study import planning, preparation
    from h2scale.training import active_set
    from h2scale.training import population as population_lib

    def prepared(dataset: Path, sizes: tuple[int, ...]) -> preparation.Assembled:
        start = time.monotonic()
        config = config_lib.default()
        config.data.update(
            {"dataset": str(dataset), "elements": (), "test_fraction": 0.01, "validation_fraction": 0.01}
        )
        config.grid.update({"num_features": (32,), "num_train": sizes, "rungs": ("thermal",), "seeds": (0,)})
        config.devices.cpu_devices = 1
        settings = scaling.study_settings(config_lib.resolve(config))
        devices.configure(settings.devices)
        plan = planning.plan_study(settings)
        mesh = population_lib.make_mesh(jax.devices()[:1])
        case = preparation.assemble(plan.sources["nequip"], plan.populations[0], settings, mesh)
        print(f"  {dataset.name}: divided, ordered and ready in {time.monotonic() - start:.0f} s", flush=True)
        return case

    small = folder.parent / "small.h5"
    if not small.exists():
        part = opening.gather(opening.open_dataset(folder, verify=False), np.arange(IN_MEMORY))
        storage.save_dataset(small, part)
    streamed = prepared(folder, (int(0.45 * number), int(0.9 * number)))
    memory = prepared(small, (int(0.45 * IN_MEMORY), int(0.9 * IN_MEMORY)))
    feed = streamed.materials.feed
    assert feed is not None
    seconds: dict[str, list[float]] = {"stream": [], "same batches from memory": [], "study from memory": []}
    steps = 25 * 2  # of a call: both replicas

    def call(name: str, case: preparation.Assembled, state, table):
        start = time.monotonic()
        state = case.programs.advance(state, case.inputs, table() if callable(table) else table)
        jax.block_until_ready(state.step)
        seconds[name].append((time.monotonic() - start) / steps)
        return state

    state, other = streamed.programs.init(streamed.inputs), memory.programs.init(memory.inputs)
    feed.begin(active_set.whole(state, streamed.inputs), 0)
    waited = 0.0
    for number in range(CALLS + 1):  # the first compiles
        kept: list = []
        state = call("stream", streamed, state, lambda kept=kept: kept.append(feed.next()) or kept[0])
        copy = jax.tree.map(lambda leaf: leaf.copy(), state)
        call("same batches from memory", streamed, copy, kept[0])
        other = call("study from memory", memory, other, memory.materials.table)
        waited = feed.waited_seconds if number == 0 else waited
    host = feed.busy_seconds / (feed.calls * steps)
    feed.close()
    for name, values in seconds.items():
        quarters = 1000 * np.quantile(values[1:], [0.25, 0.5, 0.75])
        print(f"  {name}: {quarters[1]:.1f} ms a step (half of the calls {quarters[0]:.1f} to {quarters[2]:.1f})")
    ratio = np.array(seconds["stream"][1:]) / np.array(seconds["same batches from memory"][1:])
    print(
        f"  stream against the same batches, median over {CALLS} pairs of calls: {100 * (np.median(ratio) - 1):+.1f} %"
        f"; the host's part of a step is {1000 * host:.2f} ms of CPU"
    )
    total = sum(seconds["stream"][1:]) * steps
    print(f"  the devices waited {feed.waited_seconds - waited:.2f} s for structures in {total:.0f} s of streaming")


STAGES = {"write": write, "read": read, "train": train}


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
        limit_gb = LIMITS_GB[arguments.stage]
        assert peak_gb < limit_gb, f"peak memory {peak_gb:.2f} GB, {limit_gb} GB allowed"
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
