"""The part of gpu.py that times the first programs of experiments/scaling.py:full and estimates the rest."""

import dataclasses
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class ProgramRow(NamedTuple):
    """One row of full.csv: a population of the study, measured or estimated from those that were."""

    population: str
    replicas: int
    replicas_at_once: int
    steps: int
    gflop_per_step: float  # of all replicas
    measured: bool
    compile_seconds: float
    step_ms: float  # of all replicas together
    evaluation_seconds: float
    memory_gb: float  # 10^9 bytes: arguments, results and temporaries of the training program
    hours: float  # of its whole training, evaluations and compilation included


def measure_and_estimate(seconds: float, dry: bool) -> Iterable[dict[str, object]]:
    """Rows of full.csv: programs in the order of the study until the time is over, then estimates for the rest.

    A dry run measures the first of two programs and estimates the second.
    """
    import scaling

    from h2scale import config as config_lib
    from h2scale.runtime import devices
    from h2scale.stages import scaling as stage
    from h2scale.study import planning

    deadline = time.monotonic() + seconds
    config = config_lib.resolve(scaling.get_config("smoke" if dry else "full"))
    settings = stage.study_settings(config)
    devices.configure(dataclasses.replace(settings.devices, compile_cache=False))
    plan = planning.plan_study(settings)
    populations = plan.populations[:2] if dry else plan.populations
    measured: list[ProgramRow] = []
    waiting = list(populations)
    longest = 0.0
    # The next program is larger: it is begun only while twice the longest one so far is left.
    while waiting and not (measured and (dry or deadline - time.monotonic() < 2 * longest)):
        begin = time.monotonic()
        measured.append(measure_population(plan, waiting.pop(0), settings))
        longest = max(longest, time.monotonic() - begin)
        yield measured[-1]._asdict()
    for population in waiting:
        if time.monotonic() < deadline:
            yield estimate(plan, population, settings, measured)._asdict()


def measure_population(plan: Any, population: Any, settings: Any) -> ProgramRow:
    """Compile one population and time one call of it, with fewer replicas at once where the memory is too small."""
    import jax

    from h2scale.study import preparation
    from h2scale.training import population as population_lib
    from h2scale.training import step

    own = settings
    mesh = population_lib.make_mesh(jax.devices())
    while True:
        case = preparation.assemble(plan.sources[population.arm], population, own, mesh)
        at_once = case.settings.replicas_at_once
        try:
            state = case.programs.init(case.inputs)
            begin = time.monotonic()
            advance = case.programs.advance.lower(state, case.inputs, case.materials.table).compile()
            compile_seconds = time.monotonic() - begin
            state = jax.block_until_ready(advance(state, case.inputs, case.materials.table))
            begin = time.monotonic()
            state = jax.block_until_ready(advance(state, case.inputs, case.materials.table))
            step_seconds = (time.monotonic() - begin) / case.settings.training.steps_per_call
            evaluation = [
                step.weights(state.averaged_params, case.inputs),
                case.inputs.rung,
                case.materials.table,
                case.materials.validation,
                case.materials.references,
            ]
            jax.block_until_ready(case.programs.evaluate(*evaluation))
            begin = time.monotonic()
            jax.block_until_ready(case.programs.evaluate(*evaluation))
            evaluation_seconds = time.monotonic() - begin
            break
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error) or at_once == 1:
                raise
            fewer = dataclasses.replace(settings.devices, replicas_at_once=at_once // 2)
            own = dataclasses.replace(settings, devices=fewer)
    memory = advance.memory_analysis()
    used = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return make_row(
        population,
        settings,
        replicas_at_once=at_once,
        gflop_per_step=gflop_of_all(case, population),
        measured=True,
        compile_seconds=compile_seconds,
        step_ms=1000 * step_seconds,
        evaluation_seconds=evaluation_seconds,
        memory_gb=round((used - memory.alias_size_in_bytes) * mesh.size / 1e9, 3),
    )


def estimate(plan: Any, population: Any, settings: Any, measured: Sequence[ProgramRow]) -> ProgramRow:
    """Time of a population by its operations, at the speed of the largest measured one; nothing is compiled."""
    import jax

    from h2scale.study import preparation
    from h2scale.training import population as population_lib

    mesh = population_lib.make_mesh(jax.devices())
    case = preparation.assemble(plan.sources[population.arm], population, settings, mesh)
    gflop = gflop_of_all(case, population)
    like = max(measured, key=lambda row: row.gflop_per_step)
    return make_row(
        population,
        settings,
        replicas_at_once=case.settings.replicas_at_once,
        gflop_per_step=gflop,
        measured=False,
        compile_seconds=like.compile_seconds,
        step_ms=like.step_ms * gflop / like.gflop_per_step,
        evaluation_seconds=like.evaluation_seconds * gflop / like.gflop_per_step,
        memory_gb=float("nan"),
    )


def make_row(
    population: Any,
    settings: Any,
    *,
    gflop_per_step: float,
    compile_seconds: float,
    step_ms: float,
    evaluation_seconds: float,
    **others: Any,
) -> ProgramRow:
    """Row of a population with the hours of its whole training; `others` go into it as they are."""
    steps = max(spec.steps for spec in population.replicas)
    evaluations = steps // settings.evaluation.every + 1
    total = compile_seconds + steps * step_ms / 1000 + evaluations * evaluation_seconds
    return ProgramRow(
        population=population.name,
        replicas=len(population.replicas),
        steps=steps,
        gflop_per_step=round(gflop_per_step, 4),
        compile_seconds=round(compile_seconds, 2),
        step_ms=round(step_ms, 3),
        evaluation_seconds=round(evaluation_seconds, 3),
        hours=round(total / 3600, 4),
        **others,
    )


def gflop_of_all(case: Any, population: Any) -> float:
    """10^9 operations of a step of all replicas."""
    from h2scale.training import trainer

    flops = trainer.flops_per_step(case.programs, case.inputs, case.materials)
    return flops * len(population.replicas) / 1e9
