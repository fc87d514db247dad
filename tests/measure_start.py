"""Where the time from the prompt to the first training step goes: python tests/measure_start.py

One bucket of the default study at 32 channels, degree 2, three layers, without the compile cache. CPU seconds count
all threads of the process; on a machine that does other things they say more than wall seconds.
"""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "experiments")]


class Clock:
    """Prints what passed since the last lap."""

    def __init__(self) -> None:
        self._cpu, self._wall = 0.0, time.monotonic()

    def lap(self, name: str) -> None:
        cpu, wall = time.process_time(), time.monotonic()
        print(f"{name:36s} {cpu - self._cpu:6.2f} s of CPU {wall - self._wall:7.2f} s of wall", flush=True)
        self._cpu, self._wall = cpu, wall


def main() -> None:
    clock = Clock()
    import jax
    import scaling

    from h2scale import config as config_lib
    from h2scale import devices, preparation
    from h2scale.stages import planning

    config = scaling.get_config("default")
    config.model.update({"num_layers": 3, "l_max": 2})
    config.arms = {"nequip": {"model": {}, "grid": {"num_features": (32,)}}}
    config.train.steps_per_call = 1
    config.devices.compile_cache = False
    config = config_lib.resolve(config)
    devices.configure(planning.device_settings(config))
    jax.devices()
    clock.lap("imports")
    plan = planning.plan_study(config)
    clock.lap("data, references, plan")
    training, mesh = planning.training_settings(config), planning.make_mesh(config)
    case = preparation.assemble(plan.sources, plan.buckets[0], training, mesh)
    clock.lap("arrays on the devices")
    state = jax.eval_shape(case.programs.init, case.inputs)
    sharding = case.inputs.seed.sharding
    state = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), state)
    advance = case.programs.advance.lower(state, case.inputs, case.materials.table)
    clock.lap("tracing of a step")
    advance = advance.compile()
    clock.lap("compilation of a step")
    init = case.programs.init.lower(case.inputs).compile(compiler_options={"xla_backend_optimization_level": 0})
    clock.lap("tracing, compilation of initialising")
    state = init(case.inputs)
    jax.block_until_ready(advance(state, case.inputs, case.materials.table))
    clock.lap(f"first step of {len(plan.buckets[0].replicas)} replicas")


if __name__ == "__main__":
    main()
