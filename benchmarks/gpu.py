"""Measurements that need a GPU, each in a process of its own: python benchmarks/gpu.py all FOLDER --seconds=N [--dry].

    agreement.csv   energies, forces and one training step, by the CPU and by the GPU
    replicas/       experiments/benchmark.py: 1 to 256 replicas trained together, time and memory
    sizes/          experiments/benchmark.py: step time, memory and share of the device's peak by size
    full.csv        the first programs of experiments/scaling.py:full, and from them the time of the whole
    summary.md      what these say

`--dry` takes tiny sizes and the CPU in place of the GPU, to show that everything runs.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import gpu_agreement
import gpu_full_study
import gpu_summary
import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "experiments"), str(ROOT / "tests")]

SHARES = {"agreement": 0.25, "replicas": 0.35, "sizes": 0.5, "full": 1.0}
"""Of the time that is left when a part begins, at most."""
SIZES = {  # settings of experiments/benchmark.py: (by replicas, by size), on a GPU and dry
    False: (
        {"models": "((16,1),)", "num_molecules": "(32,)", "replicas": "(1,4,16,64,256)"},
        {"models": "((16,1),(64,2),(128,3))", "num_molecules": "(32,512,4352)", "max_molecules": "4352"},
    ),
    True: (
        {"models": "((4,1),)", "num_molecules": "(4,)", "replicas": "(1,4)", "population_molecules": "4"},
        {"models": "((4,1),)", "num_molecules": "(4,16)", "population_molecules": "4"},
    ),
}


def main() -> None:
    """Run the part that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("all", "numbers", "full"), help="all, or what `all` starts by itself")
    parser.add_argument("path", type=Path, help="folder of the results; the file to be written by numbers and full")
    parser.add_argument("--seconds", type=float, default=580.0, help="for everything")
    parser.add_argument("--dry", action="store_true", help="tiny sizes, on the CPU")
    arguments = parser.parse_args()
    if arguments.part == "all":
        run_all(arguments.path, arguments.seconds, arguments.dry)
    elif arguments.part == "numbers":
        np.savez(arguments.path, **gpu_agreement.numbers(arguments.dry))
    else:
        rows = gpu_full_study.measure_and_estimate(arguments.seconds, arguments.dry)
        gpu_summary.write_table(arguments.path, gpu_full_study.ProgramRow._fields, rows)


def run_all(folder: Path, seconds: float, dry: bool) -> None:
    """Run every part and write the summary."""
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    accelerator = "cpu" if dry else "cuda"
    notes = []

    def part(name: str, *command: str, platform: str = accelerator) -> None:
        left = deadline - time.monotonic()
        allowed = max(left * SHARES[name.split()[0]], 1.0)
        own = [word.replace("LEFT", f"{0.9 * allowed:.0f}") for word in command]
        begin = time.monotonic()
        print(f"{name}: at most {allowed:.0f} s", flush=True)
        try:
            subprocess.run(
                [sys.executable, *own], env=os.environ | {"JAX_PLATFORMS": platform}, timeout=allowed, check=True
            )
            notes.append(f"{name}: {time.monotonic() - begin:.0f} s")
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            reason = "stopped by the clock" if isinstance(error, subprocess.TimeoutExpired) else "failed"
            notes.append(f"{name}: {reason} after {time.monotonic() - begin:.0f} s; its tables hold what came before")

    this, flags = __file__, ["--dry"] if dry else []
    for device, platform in (("cpu", "cpu"), ("gpu", accelerator)):
        part(f"agreement {device}", this, "numbers", str(folder / f"{device}.npz"), *flags, platform=platform)
    if (folder / "cpu.npz").exists() and (folder / "gpu.npz").exists():
        rows = gpu_agreement.compare(np.load(folder / "cpu.npz"), np.load(folder / "gpu.npz"))
        gpu_summary.write_table(folder / "agreement.csv", gpu_agreement.COLUMNS, rows)
    for name, settings in zip(("replicas", "sizes"), SIZES[dry], strict=True):
        own = {"replicas": "(1,)"} | settings | ({"steps": "5"} if dry else {"seconds": "5"})
        part(
            name,
            str(ROOT / "launch.py"),
            f"--config={ROOT}/experiments/benchmark.py:{'smoke' if dry else 'default'}",
            f"--workdir={folder / name}",
            *(f"--config.benchmark.{key}={value}" for key, value in own.items()),
        )
    part("full", this, "full", str(folder / "full.csv"), "--seconds=LEFT", *flags)
    (folder / "summary.md").write_text(gpu_summary.summary(folder, notes, dry), encoding="utf-8")
    print(f"Summary: {folder / 'summary.md'}")


if __name__ == "__main__":
    main()
