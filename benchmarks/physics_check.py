"""Time of the physics check of the default study: python benchmarks/physics_check.py.

For each program of experiments/scaling.py: 128 H2 distances for 64 replicas, metrics included, in seconds; then the
sum over all evaluations of the study, to be set against its training time (sum of train_seconds in replicas.csv).
"""

import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "experiments")]
NUM_REPLICAS = 64
REPEATS = 5


def main() -> None:
    import scaling

    from h2scale import config as config_lib
    from h2scale.runtime import devices
    from h2scale.stages import scaling as stage
    from h2scale.study import planning, preparation
    from h2scale.training import population as population_lib

    config = config_lib.resolve(scaling.get_config("default"))
    settings = stage.study_settings(config)
    devices.configure(settings.devices)
    plan = planning.plan_study(settings)
    mesh = population_lib.make_mesh(jax.devices())
    total = 0.0
    for population in plan.populations:
        evaluations = settings.arm(population.arm).training.steps // settings.evaluation.every + 1
        case = preparation.assemble(plan.sources[population.arm], population, settings, mesh)
        params = jnp.stack([case.potential.init(jax.random.key(0))] * NUM_REPLICAS)
        params = jax.device_put(params, population_lib.mapped_sharding(mesh))
        check = jax.jit(lambda params, case=case: case.programs.check(params, case.materials.references))
        jax.block_until_ready(check(params))
        start = time.monotonic()
        for _ in range(REPEATS):
            jax.block_until_ready(check(params))
        seconds = (time.monotonic() - start) / REPEATS
        total += seconds / NUM_REPLICAS * len(population.replicas) * evaluations
        print(f"{population.name}: {seconds:.3f} s for {NUM_REPLICAS} replicas")
    print(f"all evaluations of the study: {total:.1f} s")


if __name__ == "__main__":
    main()
