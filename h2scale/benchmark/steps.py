"""Times of a study's training step: draw, pack, energies and forces, gradient, Adam, average."""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.benchmark import clusters
from h2scale.graphs import batching
from h2scale.models import flat, widths
from h2scale.models import potential as potential_lib
from h2scale.models.settings import ModelSettings
from h2scale.training import population as population_lib
from h2scale.training import step
from h2scale.training.settings import TrainingSettings

_UNTIMED_STEPS = 2
_FEWEST_STEPS = 5
_PEAK_SIZE, _PEAK_REPEATS = 2048, 5


class Case(NamedTuple):
    """One program to be timed."""

    molecules: int  # random clusters in a step of one replica
    features: int
    l_max: int
    replicas: int  # trained together


class BenchmarkSettings(NamedTuple):
    """Settings that all cases share."""

    num_layers: int
    cutoff: float  # angstrom
    num_radial: int
    radial_hidden: tuple[int, ...]
    envelope_power: int
    convolution: str
    steps: int  # timed
    seconds: float  # a case stops after this time, with at least five steps
    replicas_at_once: int  # 0: one on a CPU, all on any other device


class Row(NamedTuple):
    """One row of benchmark.csv."""

    molecules: int
    features: int
    l_max: int
    layers: int
    params: int  # of one replica
    atoms: int  # in a step of one replica
    edges: int  # directed, in a step of one replica
    replicas: int
    compile_seconds: float  # tracing included
    step_ms_median: float  # of all replicas together
    step_ms_iqr: float
    structures_per_second: float  # of all replicas together
    gflop_per_step: float  # of all replicas together, as XLA counts them before optimisation
    fraction_of_peak: float  # of the float32 matrix product on the same devices
    peak_memory_mb: float  # 10^6 bytes: arguments, results and temporaries of the program


def run_case(case: Case, settings: BenchmarkSettings, peak_gflops: Callable[[int], float]) -> Row:
    """Compile and time one case.

    Args:
        case: the program to time.
        settings: shared by all cases.
        peak_gflops: (number of devices) -> 10^9 float32 operations per second, as `measure_peak_gflops`.
    """
    mesh = population_lib.make_mesh(jax.devices()[: min(case.replicas, jax.device_count())])
    program = assemble(case, settings, mesh)
    start = time.monotonic()
    compiled = program.advance.compile()
    compile_seconds = program.trace_seconds + time.monotonic() - start
    milliseconds = _time(compiled, program, settings)
    quarter, median, three_quarters = np.percentile(milliseconds, [25, 50, 75])
    flops = _flops(program.advance) if case.replicas == 1 else _flops_alone(case._replace(replicas=1), settings)
    gflop = case.replicas * flops / 1e9
    memory: Any = compiled.memory_analysis()
    used = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return Row(
        molecules=case.molecules,
        features=case.features,
        l_max=case.l_max,
        layers=settings.num_layers,
        params=program.num_params,
        atoms=program.capacity.n_node,
        edges=program.capacity.n_edge,
        replicas=case.replicas,
        compile_seconds=round(compile_seconds, 3),
        step_ms_median=round(float(median), 4),
        step_ms_iqr=round(float(three_quarters - quarter), 4),
        structures_per_second=round(1000 * case.molecules * case.replicas / float(median), 1),
        gflop_per_step=round(gflop, 6),
        fraction_of_peak=round(gflop / (float(median) / 1000) / peak_gflops(mesh.size), 5),
        peak_memory_mb=round((used - memory.alias_size_in_bytes) * mesh.size / 1e6, 3),
    )


@functools.cache
def measure_peak_gflops(num_devices: int) -> float:
    """Measure 10^9 float32 operations per second of matrix products on so many devices at once, the best of several."""
    mesh = population_lib.make_mesh(jax.devices()[:num_devices])
    shape = (num_devices, _PEAK_SIZE, _PEAK_SIZE)
    matrices = jax.device_put(np.ones(shape, np.float32), population_lib.mapped_sharding(mesh))
    product = jax.jit(lambda a, b: a @ b, out_shardings=population_lib.mapped_sharding(mesh))
    jax.block_until_ready(product(matrices, matrices))
    best = np.inf
    for _ in range(_PEAK_REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(product(matrices, matrices))
        best = min(best, time.perf_counter() - start)
    return 2.0 * num_devices * _PEAK_SIZE**3 / best / 1e9


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Slope of log(time) against log(size): 1 where time is proportional to size."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def line(sizes: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """Fit a straight line through `values`: its slope, and the largest relative deviation from it."""
    slope, start = np.polyfit(sizes, values, 1)
    fitted = start + slope * np.asarray(sizes)
    return {"slope": round(float(slope), 4), "worst": round(float(np.max(np.abs(values / fitted - 1))), 4)}


class Program(NamedTuple):
    """One case before it is compiled."""

    advance: jax.stages.Lowered
    init: Callable[[step.ReplicaInputs], step.ReplicaState]
    inputs: step.ReplicaInputs
    table: batching.Table
    capacity: batching.Capacity
    num_params: int
    trace_seconds: float


def assemble(case: Case, settings: BenchmarkSettings, mesh: jax.sharding.Mesh) -> Program:
    """Trace a case, ready to be compiled."""
    dataset = clusters.random_clusters(case.molecules)
    table = batching.make_table(dataset, settings.cutoff, clusters.SPECIES)
    # Exactly the size of the clusters: no padding is timed.
    capacity = batching.Capacity(case.molecules, int(np.sum(table.n_atoms)), int(np.sum(table.n_edges)))
    model = _model(case, settings, capacity)
    potential = flat.flat_potential(potential_lib.make_potential(model))
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    programs = population_lib.make_programs(
        potential,
        functools.partial(widths.initial, (model,)),
        _no_check,
        population_lib.PopulationSettings(
            training=TrainingSettings(
                steps=1,
                weight_decay=0.0,
                structures_per_batch=capacity.n_graph,
                batches_per_step=1,
                steps_per_call=1,
                warmup_fraction=0.0,
                gradient_clip=10.0,
                ema_decay=0.99,
                energy_weight=1.0,
                force_weight=25.0,
                energy_huber_ev_per_atom=1.0,
                force_huber_ev_per_angstrom=1.0,
            ),
            capacity=capacity,
            steps_per_evaluation=1,
            num_evaluations=1,
            replicas_at_once=settings.replicas_at_once or (1 if on_cpu else case.replicas),
        ),
        mesh,
    )
    inputs = step.ReplicaInputs(**jax.device_put(_inputs(case, mesh.size), population_lib.mapped_sharding(mesh)))
    table = jax.device_put(table, population_lib.shared_sharding(mesh))
    start = time.monotonic()
    state = jax.eval_shape(programs.init, inputs)
    state = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=population_lib.mapped_sharding(mesh)), state
    )
    advance = programs.advance.lower(state, inputs, table)
    seconds = time.monotonic() - start
    return Program(advance, programs.init, inputs, table, capacity, widths.num_params(model), seconds)


def _flops(advance: jax.stages.Lowered) -> float:
    analysis: Any = advance.cost_analysis()
    return float(analysis["flops"])


@functools.lru_cache(maxsize=1)  # populations of one size, which share it, follow each other
def _flops_alone(case: Case, settings: BenchmarkSettings) -> float:
    """Operations of one replica's program; in a population's, XLA counts the loop over replicas only once."""
    return _flops(assemble(case, settings, population_lib.make_mesh(jax.devices()[:1])).advance)


def _model(case: Case, settings: BenchmarkSettings, capacity: batching.Capacity) -> ModelSettings:
    return ModelSettings(
        name="nequip",
        num_features=case.features,
        num_layers=settings.num_layers,
        l_max=case.l_max,
        cutoff=settings.cutoff,
        num_radial=settings.num_radial,
        radial_hidden=settings.radial_hidden,
        species=clusters.SPECIES,
        avg_num_neighbors=capacity.n_edge / capacity.n_node,
        energy_scale=1.0,
        isolated_atom_exact=True,
        envelope_power=settings.envelope_power,
        prior="none",
        conditioning="none",
        convolution=settings.convolution,
    )


def _no_check(params: Any, references: Any) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Stand-in for the physics check that a population's programs need; nothing is evaluated here."""
    del params, references
    return {}, {}


def _inputs(case: Case, num_devices: int) -> dict[str, np.ndarray | None]:
    padded = population_lib.padded_size(case.replicas, num_devices)
    order = np.broadcast_to(np.arange(case.molecules, dtype=np.int32), (padded, case.molecules))
    return {
        "seed": np.arange(padded, dtype=np.int32),
        "learning_rate": np.full(padded, 1e-3, np.float32),
        "weight_decay": np.zeros(padded, np.float32),
        "steps": np.full(padded, np.iinfo(np.int32).max, np.int32),
        "order": order,
        "num_train": np.full(padded, case.molecules, np.int32),
        "num_pinned": np.zeros(padded, np.int32),
        "pinned_share": np.zeros(padded, np.float32),
        "rung": np.zeros(padded, np.int32),
        "active": np.arange(padded) < case.replicas,
        "width": np.zeros(padded, np.int32),
        "weight_scale": None,
    }


def _time(compiled: Callable[..., Any], program: Program, settings: BenchmarkSettings) -> np.ndarray:
    """Milliseconds of each timed step."""
    state = program.init(program.inputs)
    for _ in range(_UNTIMED_STEPS):
        state = jax.block_until_ready(compiled(state, program.inputs, program.table))
    times: list[float] = []
    begin = time.monotonic()
    while len(times) < settings.steps and (len(times) < _FEWEST_STEPS or time.monotonic() - begin < settings.seconds):
        start = time.perf_counter()
        state = jax.block_until_ready(compiled(state, program.inputs, program.table))
        times.append(1000 * (time.perf_counter() - start))
    if not bool(jnp.all(state.finite[: int(np.sum(program.inputs.active))])):
        raise FloatingPointError("a timed replica has diverged and no longer computes; its times mean nothing.")
    return np.array(times)
