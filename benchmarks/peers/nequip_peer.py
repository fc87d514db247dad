"""NequIP of PyTorch by its own command: nequip_peer.py SPLIT PREDICTIONS.npz SECONDS [--channels=32].

Runs in nequip's interpreter. `nequip-train` with nequip_peer.yaml, whose losses and schedule are those of its tutorial;
it ends by its own clock, validation included, and the averaged parameters that validate best are kept.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import structures


def main() -> None:
    """Train and write the predictions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("split", type=Path)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--channels", type=int, default=32)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            training_command(arguments.split, arguments.channels, arguments.seconds),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            sys.exit(f"nequip-train failed:\n{done.stdout[-2000:]}")
        energies, forces, num_params = predict(Path(folder) / "best.ckpt", arguments.split / "test.extxyz")
        steps = num_steps(Path(folder) / "last.ckpt")
    found = structures.Predictions(energies, forces, num_params, steps, arguments.seconds)
    structures.save(arguments.predictions, found)


def training_command(split: Path, channels: int, seconds: float) -> list[str]:
    """Words of the command that trains in the folder where it is started."""
    hours, rest = divmod(round(seconds), 3600)
    settings = {
        "hydra.run.dir": ".",
        "train_file": split.absolute() / "train.extxyz",
        "validation_file": split.absolute() / "validation.extxyz",
        "max_time": f"'{hours // 24:02d}:{hours % 24:02d}:{rest // 60:02d}:{rest % 60:02d}'",
        "channels": channels,
    }
    script = Path(sys.executable).with_name("nequip-train")
    words = [f"{name}={value}" for name, value in settings.items()]
    return [sys.executable, str(script), "-cp", str(Path(__file__).parent.absolute()), "-cn", "nequip_peer", *words]


def num_steps(checkpoint: Path) -> int:
    """Steps that were taken until a checkpoint."""
    import torch

    return int(torch.load(checkpoint, map_location="cpu", weights_only=False)["global_step"])


def predict(checkpoint: Path, test: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Energies in eV and forces in eV/angstrom of the test structures, and the model's number of parameters."""
    from nequip.data import AtomicDataDict
    from nequip.model.saved_models import load_saved_model
    from nequip.utils.global_state import set_global_state

    set_global_state()
    model = load_saved_model(checkpoint, compile_mode="eager").eval()
    energies, forces = [], []
    for part in structures.batches(as_data(structures.unlabelled(structures.read(test)))):
        found = model(AtomicDataDict.batched_from_list(part))
        energies.append(found["total_energy"].detach().numpy().reshape(-1))
        forces.append(found["forces"].detach().numpy())
    num_params = sum(part.numel() for part in model.parameters() if part.requires_grad)
    return np.concatenate(energies), np.concatenate(forces), num_params


def as_data(asked: list) -> list[Any]:
    """Return structures as nequip has them, with their neighbours."""
    from nequip.data.ase import from_ase
    from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform

    symbols = list(structures.SYMBOLS)
    types = ChemicalSpeciesToAtomTypeMapper(
        model_type_names=symbols, chemical_species_to_atom_type_map={symbol: symbol for symbol in symbols}
    )
    neighbours = NeighborListTransform(r_max=structures.CUTOFF_ANGSTROM)
    return [neighbours(types(from_ase(one))) for one in asked]


if __name__ == "__main__":
    main()
