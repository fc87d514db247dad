"""Share of a labelling campaign's time that is not electronic structure: planning, locks, geometry, reading, writing.

    python benchmarks/overhead.py [--smiles C N C#C CO]

One worker does a small Kohn-Sham campaign in a temporary folder; the time inside the self-consistent solutions, their
forces and stability, and inside GFN2-xTB, is taken by wrapping the functions that tasks call for it.
"""

import argparse
import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import dataclasses  # noqa: E402
import functools  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from h2scale import config as config_lib  # noqa: E402
from h2scale import electronic_structure  # noqa: E402
from h2scale.electronic_structure import (  # noqa: E402
    kohn_sham,
    stability,
    starts,
    tight_binding,
)
from h2scale.labels import assembly, dft, scans, worker  # noqa: E402
from h2scale.stages import labels  # noqa: E402

TIMED = (
    (dft, "label"),
    (dft, "label_nearby"),
    (scans, "label_scan"),
    (dft, "problem"),
    (kohn_sham, "unrestricted"),
    (starts, "polarised"),
    (stability, "relax"),
    (tight_binding.TightBinding, "__call__"),
)


class Stopwatch:
    """CPU time inside the wrapped functions, of which one may call another."""

    def __init__(self) -> None:
        self.seconds, self._depth = 0.0, 0

    def wrap(self, owner: Any, name: str) -> None:
        """Replace a function by one that is timed."""
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._depth += 1
            begin = time.process_time()
            try:
                return inner(*args, **kwargs)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.process_time() - begin

        setattr(owner, name, timed)


def main() -> None:
    """Print the times and the share of everything else."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smiles", nargs="+", default=["C", "N", "C#C", "CO"], help="molecules of the campaign")
    arguments = parser.parse_args()
    recipe = dataclasses.replace(
        labels.make_recipe(config_lib.resolve(config_lib.default())),
        smiles=tuple(arguments.smiles),
        thermal=(5,),
        scans=(2,),
        scaled=(1,),
        curve_points=0,
    )
    watch = Stopwatch()
    for owner, name in TIMED:
        watch.wrap(owner, name)
    with tempfile.TemporaryDirectory() as folder, electronic_structure.one_thread():
        begin = time.process_time()
        worker.save_recipe(Path(folder), recipe)
        tasks = worker.work(Path(folder))
        assembled = assembly.assemble(Path(folder), recipe, {})
        total = time.process_time() - begin
    rest = total - watch.seconds
    print(
        f"{tasks} tasks, {len(assembled.dataset)} structures: {total:.1f} s of CPU,",
        f"{watch.seconds:.1f} s of it electronic structure; everything else {rest:.2f} s, {100 * rest / total:.1f} %",
    )


if __name__ == "__main__":
    main()
