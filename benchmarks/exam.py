"""Time the whole exam: python benchmarks/exam.py [WORKDIR#REPLICA_ID].

Without an argument the model is a calculator that takes a millisecond a structure, in a process of its own like every
calculator. With one, a replica is examined twice: with compilation and without.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from ase.calculators.calculator import Calculator, all_changes

PREDICTION_SECONDS = 1e-3


class Millisecond(Calculator):
    """A Morse curve that takes `PREDICTION_SECONDS` a structure."""

    implemented_properties = ("energy", "forces")

    def check_state(self, atoms, tol=1e-15):
        return list(all_changes)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        start = time.perf_counter()
        super().calculate(atoms, properties, system_changes)
        forces = np.zeros((len(atoms), 3))
        energy = 15.0 * atoms.info["charge"] + 0.5 * atoms.info["spin"]
        if len(atoms) == 2:
            decay = np.exp(-2.0 * (atoms.get_distance(0, 1) - 0.74))
            energy += 4.75 * ((1 - decay) ** 2 - 1)
            forces[1, 2] = -4.75 * 4.0 * (1 - decay) * decay
            forces[0, 2] = -forces[1, 2]
        self.results = {"energy": energy, "forces": forces}
        while time.perf_counter() - start < PREDICTION_SECONDS:
            pass


def cpu_seconds() -> float:
    """CPU time of this process and of those it has seen end."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    jax.config.update("jax_enable_x64", True)
    from h2scale.exam import candidates, session, worker_model
    from h2scale.exam.sections import SECTIONS

    name = sys.argv[1] if len(sys.argv) > 1 else f"{__file__}:Millisecond"
    limits = worker_model.TimeLimits(300.0, 120.0, 7200.0)
    found = candidates.find(candidates.CandidateSettings((name,), "", "", "info:charge", "info:spin", limits))
    for _ in range(1 + ("#" in name)):
        with tempfile.TemporaryDirectory() as folder:
            start, spent = time.monotonic(), cpu_seconds()
            session.run_exam(found, tuple(SECTIONS), Path(folder))
            print(f"whole exam: {time.monotonic() - start:.1f} s, {cpu_seconds() - spent:.1f} s of CPU")


if __name__ == "__main__":
    main()
