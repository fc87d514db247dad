"""Interpreters of the peers, each in an environment of its own that is made when it is first needed."""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Peer(NamedTuple):
    """A code whose training is compared."""

    script: str  # in this folder; arguments SPLIT, PREDICTIONS and SECONDS
    packages: tuple[tuple[str, ...], ...]  # one pip call each, in order
    version: str


_TORCH = ("torch==2.13.0",)
PEERS = {
    "nequip": Peer("nequip_peer.py", (_TORCH, ("nequip==0.19.1",)), "nequip 0.19.1"),
    "mlip": Peer("mlip_peer.py", (("mlip==0.2.5",),), "mlip 0.2.5"),
    "mace": Peer("mace_peer.py", (_TORCH, ("mace-torch==0.3.16",)), "mace-torch 0.3.16"),
}


def interpreter(name: str, folder: Path) -> Path:
    """Return the Python of a peer's environment below a folder, which is made if it is not there whole.

    Raises:
        subprocess.CalledProcessError: a package cannot be installed.
    """
    place = folder / name
    python, whole = place / "bin" / "python", place / "complete"
    if not whole.exists():
        print(f"{name}: making {place}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        for packages in PEERS[name].packages:
            subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
        whole.touch()
    return python
