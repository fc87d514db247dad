"""MACE by its own command: mace_peer.py SPLIT PREDICTIONS.npz SECONDS [--channels=32]; in mace-torch's interpreter.

`mace_run_train` with the universal loss, energies to forces 1:10 and in its second stage, the last quarter of the
epochs, 100:10; AMSGrad 0.01, average of the parameters (0.99), batches of 10, isolated atoms at zero. Its number of
epochs follows from the time of one, measured first; the model of the second stage that validates best is kept.
"""

import argparse
import datetime
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import structures

STRUCTURES_PER_BATCH, EVALUATIONS, SECOND_STAGE = 10, 10, 0.75
_LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.,]\d+) (.*)$")


def main() -> None:
    """Train and write the predictions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("split", type=Path)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--channels", type=int, default=32)
    arguments = parser.parse_args()
    num_train = len(structures.read(arguments.split / "train.extxyz"))
    with tempfile.TemporaryDirectory() as folder:
        command = training_command(arguments.split, arguments.channels)
        log = run(command, Path(folder) / "timing", epochs=3, every=1, second_stage=1000)
        epochs = num_epochs(log, arguments.seconds)
        every = max(1, epochs // EVALUATIONS)
        log = run(command, Path(folder) / "training", epochs, every, second_stage=math.floor(SECOND_STAGE * epochs))
        model = Path(folder) / "training" / "peer_stagetwo.model"
        energies, forces, num_params = predict(model, arguments.split / "test.extxyz")
    steps = epochs * math.ceil(num_train / STRUCTURES_PER_BATCH)
    found = structures.Predictions(energies, forces, num_params, steps, training_seconds(log))
    structures.save(arguments.predictions, found)


def training_command(split: Path, channels: int) -> list[str]:
    """Words of the command that trains, but for its length and folder."""
    from ase.data import atomic_numbers

    zeros = ",".join(f"{atomic_numbers[symbol]}:0.0" for symbol in structures.SYMBOLS)
    settings = {
        "name": "peer",
        "seed": 0,
        "device": "cpu",
        "default_dtype": "float32",
        "train_file": split.absolute() / "train.extxyz",
        "valid_file": split.absolute() / "validation.extxyz",
        "energy_key": structures.ENERGY,
        "forces_key": structures.FORCES,
        "E0s": f"{{{zeros}}}",
        "model": "MACE",
        "num_channels": channels,
        "max_L": 1,
        "max_ell": 2,
        "num_interactions": 2,
        "correlation": 3,
        "r_max": structures.CUTOFF_ANGSTROM,
        "batch_size": STRUCTURES_PER_BATCH,
        "valid_batch_size": 50,
        "loss": "universal",
        "energy_weight": 1.0,
        "forces_weight": 10.0,
        "swa_energy_weight": 100.0,
        "swa_forces_weight": 10.0,
        "lr": 0.01,
        "ema_decay": 0.99,
        "error_table": "PerAtomMAE",
    }
    words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    script = Path(sys.executable).with_name("mace_run_train")
    return [sys.executable, str(script), *words, "--amsgrad", "--ema", "--swa", "--save_cpu"]


def run(command: list[str], folder: Path, epochs: int, every: int, second_stage: int) -> str:
    """Train in a new folder; returns the log."""
    folder.mkdir()
    length = ["--max_num_epochs", str(epochs), "--eval_interval", str(every), "--start_swa", str(second_stage)]
    done = subprocess.run(
        [*command, *length, "--work_dir", "."], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        sys.exit(f"mace_run_train failed:\n{done.stdout[-2000:]}")
    return done.stdout


def times(log: str, word: str) -> list[datetime.datetime]:
    """Times of the lines of a log that hold a word."""
    found = (_LINE.match(line) for line in log.splitlines())
    return [
        datetime.datetime.fromisoformat(line.group(1).replace(",", "."))
        for line in found
        if line and word in line.group(2)
    ]


def num_epochs(log: str, seconds: float) -> int:
    """Epochs for which the time suffices, by the last epoch of a short run; at least 4.

    Args:
        log: of a run that validates after every epoch, which later happens `EVALUATIONS` times in all.
        seconds: for training and validation.
    """
    ends = times(log, "Epoch ")
    return max(4, round(seconds / (ends[-1] - ends[-2]).total_seconds()))


def training_seconds(log: str) -> float:
    """Seconds of training, validation included."""
    return (times(log, "Training complete")[0] - times(log, "Started training")[0]).total_seconds()


def predict(model_file: Path, test: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Energies in eV and forces in eV/angstrom of the test structures, and the model's number of parameters."""
    import torch
    from mace.calculators import MACECalculator

    model = torch.load(model_file, map_location="cpu", weights_only=False)
    # Before the calculator, which freezes them.
    num_params = sum(part.numel() for part in model.parameters() if part.requires_grad)
    calculator = MACECalculator(models=[model], device="cpu", default_dtype="float32")
    energies, forces = [], []
    for one in structures.unlabelled(structures.read(test)):
        one.calc = calculator
        forces.append(one.get_forces())
        energies.append(one.get_potential_energy())
    return np.array(energies), np.concatenate(forces), num_params


if __name__ == "__main__":
    main()
