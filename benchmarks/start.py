"""Time from prompt to first finished training step, nothing cached: python benchmarks/start.py [features degree]

The step of `experiments/benchmark.py` on 32 molecules (278 atoms, 2214 edges), three layers; 32 channels and degree 2
unless told. CPU seconds count all threads of the process; on a machine that does other things they say more than wall
seconds.
"""

import concurrent.futures
import dataclasses
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "experiments")]


class Clock:
    """Clock that prints the time since its last lap; the first lap begins before the interpreter does."""

    def __init__(self, begin: float) -> None:
        self._cpu, self._wall, self._begin = 0.0, begin, begin

    def lap(self, name: str) -> None:
        cpu, wall = time.process_time(), time.monotonic()
        print(f"{name:36s} {cpu - self._cpu:6.2f} s of CPU {wall - self._wall:7.2f} s of wall", flush=True)
        self._cpu, self._wall = cpu, wall

    def total(self) -> None:
        print(f"{'in all':36s} {self._cpu:6.2f} s of CPU {self._wall - self._begin:7.2f} s of wall")


def measure(begin: float, features: int, l_max: int) -> None:
    """Measure a new process that was started at `begin` (seconds of the monotonic clock)."""
    clock = Clock(begin)
    import benchmark
    import jax

    from h2scale import config as config_lib
    from h2scale.benchmark import steps
    from h2scale.runtime import devices
    from h2scale.stages import benchmark as stage
    from h2scale.training import population as population_lib

    config = config_lib.resolve(benchmark.get_config("default"))
    devices.configure(
        dataclasses.replace(devices.DeviceSettings.from_section(config.devices), cpu_devices=0, compile_cache=False)
    )
    mesh = population_lib.make_mesh(jax.devices()[:1])
    clock.lap("interpreter, imports, settings")
    program = steps.assemble(steps.Case(32, features, l_max, 1), stage.benchmark_settings(config), mesh)
    clock.lap("clusters, tracing of a step")
    # As a study does it: both programs at once, that which runs once without optimisation.
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        advance = pool.submit(program.advance.compile)
        init = pool.submit(program.init.lower(program.inputs).compile, {"xla_backend_optimization_level": 0})
        state = jax.block_until_ready(init.result()(program.inputs))
        clock.lap("initialising, during compilation")
        advance = advance.result()
    clock.lap("compilation of a step")
    jax.block_until_ready(advance(state, program.inputs, program.table))
    clock.lap("first step")
    clock.total()


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measure(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    else:
        case = sys.argv[1:] or ["32", "2"]
        subprocess.run([sys.executable, __file__, str(time.monotonic()), *case], check=True)
