"""This project's model and its peers on one split, one core and equal time: python benchmarks/peers/compare.py FOLDER.

One replica is trained by the recipe of experiments/scaling.py:large (rung, size and length by flags). Its training set,
validation set and test set are written as extended XYZ, and every peer trains on them by its own recipe in its own
environment: for as long as the replica took, and once more for ten times as long (`--times=1,10`). Validation counts
as training; installing, starting and compiling do not. FOLDER then holds

    split/        the structures
    ours/         the run folder of the replica
    *.npz         every peer's predictions of the test set
    peers.csv     test errors, one row a model and time, averaged as those of replicas.csv

What is there is not done again, so that the same command continues. A peer that fails is a row with the reason.
"""

import argparse
import csv
import importlib.metadata
import os
import runpy
import subprocess
from pathlib import Path
from typing import Any

import environments
import split as split_lib
import structures
from ml_collections import FrozenConfigDict

from h2scale import config as config_lib
from h2scale import runner
from h2scale.runtime import tables
from h2scale.stages import scaling

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent

SHARED_COLUMNS = ("test_energy_mae_ev", "test_energy_median_ae_ev", "test_force_mae_ev_per_angstrom")
COLUMNS = (
    *("model", "version", "rung", "num_train", "num_test", "times", "seconds", "steps", "num_params"),
    *("test_energy_mae_mev_per_atom", *SHARED_COLUMNS),
    *("load", "reason"),  # load of the machine over five minutes, where one core is this run's own
)
EVALUATIONS = 20


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rung", default="equilibrium")
    parser.add_argument("--num-train", type=int, default=480)
    parser.add_argument("--size", default="large", help="of experiments/scaling.py, whose recipe is taken")
    parser.add_argument("--steps", type=int, default=0, help="of the replica; 0 for those of the recipe")
    parser.add_argument("--peers", default=",".join(environments.PEERS), help="some of them, comma-separated")
    parser.add_argument("--times", default="1,10", help="of the replica's seconds, comma-separated")
    parser.add_argument("--seconds", type=float, default=0.0, help="instead of the replica's own")
    parser.add_argument("--num-validation", type=int, default=200, help="structures that peers validate on, at most")
    parser.add_argument("--environments", type=Path, default=ROOT / "runs" / "peer-environments")
    arguments = parser.parse_args()
    names = arguments.peers.split(",") if arguments.peers else []
    unknown = sorted(set(names) - set(environments.PEERS))
    if unknown:
        parser.error(f"--peers must be some of {', '.join(environments.PEERS)}; got {', '.join(unknown)}.")
    pythons = {name: environments.interpreter(name, arguments.environments.absolute()) for name in names}
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # for this process and all that it starts
    compare(arguments, pythons)


def compare(arguments: argparse.Namespace, pythons: dict[str, Path]) -> None:
    """Train what is missing and write the table after every row."""
    config = our_config(arguments)
    settings = scaling.study_settings(config)
    runner.run(config, str(arguments.folder / "ours"))
    (own,) = tables.read_rows(arguments.folder / "ours" / "replicas.csv")
    split = split_lib.of_study(settings, arguments.num_validation)
    split_lib.write(split, arguments.folder / "split")
    common = {"rung": arguments.rung, "num_train": len(split.train), "num_test": len(split.test)}
    rows: list[dict[str, Any]] = [common | our_row(own)]
    write(arguments.folder / "peers.csv", rows)
    for times in (float(word) for word in arguments.times.split(",")):
        for name, python in pythons.items():
            seconds = times * (arguments.seconds or float(own["train_seconds"]))
            rows.append(common | {"times": times} | peer_row(name, python, split, arguments.folder, seconds))
            write(arguments.folder / "peers.csv", rows)
    print(f"Table: {arguments.folder / 'peers.csv'}")


def our_config(arguments: argparse.Namespace) -> FrozenConfigDict:
    """Return the settings of one replica by the recipe of the study."""
    config = runpy.run_path(str(ROOT / "experiments" / "scaling.py"))["get_config"](arguments.size)
    config.experiment, config.arms = "peers", {"nequip": {}}
    config.grid.update(
        {"num_features": (32,), "rungs": (arguments.rung,), "num_train": (arguments.num_train,), "seeds": (0,)}
    )
    config.devices.cpu_devices = 1
    if arguments.steps:
        every = arguments.steps // EVALUATIONS
        config.train.update({"steps": EVALUATIONS * every, "steps_per_call": every})
        config.eval.every = config.checkpoint.every = every
    return config_lib.resolve(config)


def our_row(row: dict[str, str]) -> dict[str, Any]:
    """Row of peers.csv from the one row of replicas.csv."""
    return {
        "model": "h2scale",
        "version": importlib.metadata.version("h2scale"),
        "times": 1.0,
        "seconds": round(float(row["train_seconds"]), 1),
        "steps": int(row["steps"]),
        "num_params": int(row["num_params"]),
        "test_energy_mae_mev_per_atom": 1000 * float(row["test_energy_mae_ev_per_atom"]),
        **{name: float(row[name]) for name in SHARED_COLUMNS},
        "load": round(os.getloadavg()[1], 1),
    }


def peer_row(name: str, python: Path, split: split_lib.Split, folder: Path, seconds: float) -> dict[str, Any]:
    """Train a peer, unless its predictions are there, and return its row of peers.csv.

    Args:
        name: of `environments.PEERS`.
        python: its interpreter.
        split: what `folder / "split"` holds.
        folder: of the results.
        seconds: for its training.
    """
    peer = environments.PEERS[name]
    row: dict[str, Any] = {"model": name, "version": peer.version, "seconds": round(seconds, 1)}
    file = folder / f"{name}-{seconds:.0f}s.npz"
    if not file.exists():
        print(f"{name}: {seconds:.0f} s of training", flush=True)
        words = [str(python), str(HERE / peer.script), str(folder / "split"), str(file), str(seconds)]
        # mlip compiles its step twice, the second time for the schedule that fits into the time.
        cache = {"JAX_COMPILATION_CACHE_DIR": str(folder.absolute() / "jax-cache"), "JAX_PLATFORMS": "cpu"}
        alone = os.environ | cache | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        done = subprocess.run(words, env=alone, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            (folder / f"{file.stem}.log").write_text(done.stderr, encoding="utf-8")
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return row | {"reason": lines[-1][:200]}
    try:
        found = structures.load(file, structures.read(folder / "split" / "test.extxyz"))
    except ValueError as error:
        return row | {"reason": str(error)}
    errors = split_lib.errors(split, found)
    return row | {
        "seconds": round(found.seconds, 1),
        "steps": found.steps,
        "num_params": found.num_params,
        "test_energy_mae_mev_per_atom": 1000 * errors.energy_mae_ev_per_atom,
        "test_energy_mae_ev": errors.energy_mae_ev,
        "test_energy_median_ae_ev": errors.energy_median_ae_ev,
        "test_force_mae_ev_per_angstrom": errors.force_mae_ev_per_angstrom,
        "load": round(os.getloadavg()[1], 1),
    }


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the table; numbers with six digits."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})


if __name__ == "__main__":
    main()
