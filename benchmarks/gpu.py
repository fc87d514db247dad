"""Measurements that need a GPU, each in a process of its own: python benchmarks/gpu.py all FOLDER --seconds=N [--dry].

    agreement.csv   energies, forces and one training step, by the CPU and by the GPU
    replicas/       experiments/benchmark.py: 1 to 256 replicas trained together, time and memory
    sizes/          experiments/benchmark.py: step time, memory and share of the device's peak by size
    full.csv        the first programs of experiments/scaling.py:full, and from them the time of the whole
    summary.md      what these say

`--dry` takes tiny sizes and the CPU in place of the GPU, to show that everything runs.
"""

import argparse
import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "experiments"), str(ROOT / "tests")]

# Largest difference that is taken for the order of sums, as a fraction of the largest number.
TOLERANCES = {"float32": 1e-4, "float64": 1e-10, "training": 2e-4}
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
        np.savez(arguments.path, **numbers(arguments.dry))
    else:
        write_table(arguments.path, ProgramRow._fields, full_study(arguments.seconds, arguments.dry))


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
        rows = compare(np.load(folder / "cpu.npz"), np.load(folder / "gpu.npz"))
        write_table(folder / "agreement.csv", ("quantity", "largest_difference", "scale", "tolerance", "agree"), rows)
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
    (folder / "summary.md").write_text(summary(folder, notes, dry), encoding="utf-8")
    print(f"Summary: {folder / 'summary.md'}")


def numbers(dry: bool) -> dict[str, np.ndarray]:
    """Energies, forces and one training step on this process's device, by name."""
    import jax
    import jax.numpy as jnp
    import population_case

    from h2scale.benchmark import clusters
    from h2scale.graphs import batching
    from h2scale.models import potential
    from h2scale.models.settings import ModelSettings

    start_jax(cpu_devices=1)
    molecules = 4 if dry else 64
    table = batching.make_table(clusters.random_clusters(molecules), 5.0, clusters.SPECIES)
    capacity = batching.Capacity(molecules, int(np.sum(table.n_atoms)), int(np.sum(table.n_edges)))
    graph, _ = batching.pack(table, jnp.arange(molecules), jnp.ones(molecules, bool), capacity)
    found = {}
    for name, l_max in (("nequip", 2), ("schnet", 0)):
        model = ModelSettings(
            name=name,
            num_features=4 if dry else 32,
            num_layers=1 if dry else 2,
            l_max=min(l_max, 1) if dry else l_max,
            cutoff=5.0,
            num_radial=8,
            radial_hidden=(32, 32),
            species=clusters.SPECIES,
            avg_num_neighbors=8.0,
            energy_scale=4.0,
            isolated_atom_exact=True,
            envelope_power=6,
            prior="none",
            conditioning="none",
            convolution="fast",
        )
        made = potential.make_potential(model)
        params = made.init(jax.random.key(0))
        for dtype in ("float32", "float64"):
            cast = jax.tree.map(lambda leaf, dtype=dtype: leaf.astype(dtype), params)
            own = graph._replace(positions=graph.positions.astype(dtype))
            energy, forces = jax.jit(made.energy_and_forces)(cast, own)
            found[f"{name} energies {dtype}"], found[f"{name} forces {dtype}"] = np.array(energy), np.array(forces)
    # The population of the golden step, see tests/training/test_step.py.
    case = population_case.assemble(population_case.make_population(num_train=(20,), rungs=("stretched",), seeds=(0,)))
    first = case.programs.init(case.inputs)
    initial = np.array(first.params)
    state = population_case.trained(case, calls=1)
    found["parameters before training"] = initial
    found["parameters after training"] = np.asarray(state.params)
    found["loss training"] = np.asarray(state.train_loss_sum)
    return found


def compare(cpu: Any, gpu: Any) -> list[dict[str, object]]:
    """Rows of agreement.csv: the largest difference of each quantity against what the order of sums explains."""
    rows = []
    for name in cpu.files:
        scale = float(np.max(np.abs(cpu[name])))
        difference = float(np.max(np.abs(cpu[name] - gpu[name])))
        tolerance = TOLERANCES[name.split()[-1]] * scale
        rows.append(
            {
                "quantity": name,
                "largest_difference": f"{difference:.3g}",
                "scale": f"{scale:.3g}",
                "tolerance": f"{tolerance:.3g}",
                "agree": bool(difference <= tolerance),
            }
        )
    return rows


def full_study(seconds: float, dry: bool) -> Iterable[dict[str, object]]:
    """Rows of full.csv: programs in the order of the study until the time is over, then estimates for the rest.

    A dry run measures the first of two programs and estimates the second.
    """
    import scaling

    from h2scale import config as config_lib
    from h2scale.stages import scaling as stage
    from h2scale.study import planning

    deadline = time.monotonic() + seconds
    config = config_lib.resolve(scaling.get_config("smoke" if dry else "full"))
    settings = stage.study_settings(config)
    start_jax(cpu_devices=settings.devices.cpu_devices)
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
    import dataclasses

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
    steps = max(spec.steps for spec in population.replicas)
    evaluations = steps // settings.evaluation.every + 1
    total = compile_seconds + steps * step_seconds + evaluations * evaluation_seconds
    return ProgramRow(
        population=population.name,
        replicas=len(population.replicas),
        replicas_at_once=at_once,
        steps=steps,
        gflop_per_step=round(gflop_of_all(case, population), 4),
        measured=True,
        compile_seconds=round(compile_seconds, 2),
        step_ms=round(1000 * step_seconds, 3),
        evaluation_seconds=round(evaluation_seconds, 3),
        memory_gb=round((used - memory.alias_size_in_bytes) * mesh.size / 1e9, 3),
        hours=round(total / 3600, 4),
    )


def estimate(plan: Any, population: Any, settings: Any, measured: Sequence[ProgramRow]) -> ProgramRow:
    """Time of a population by its operations, at the speed of the largest measured one; nothing is compiled."""
    import jax

    from h2scale.study import preparation
    from h2scale.training import population as population_lib

    mesh = population_lib.make_mesh(jax.devices())
    case = preparation.assemble(plan.sources[population.arm], population, settings, mesh)
    at_once = case.settings.replicas_at_once
    gflop = gflop_of_all(case, population)
    like = max(measured, key=lambda row: row.gflop_per_step)
    step_ms = like.step_ms * gflop / like.gflop_per_step
    steps = max(spec.steps for spec in population.replicas)
    evaluation_seconds = like.evaluation_seconds * gflop / like.gflop_per_step
    evaluations = steps // settings.evaluation.every + 1
    total = like.compile_seconds + steps * step_ms / 1000 + evaluations * evaluation_seconds
    return ProgramRow(
        population=population.name,
        replicas=len(population.replicas),
        replicas_at_once=at_once,
        steps=steps,
        gflop_per_step=round(gflop, 4),
        measured=False,
        compile_seconds=like.compile_seconds,
        step_ms=round(step_ms, 3),
        evaluation_seconds=round(evaluation_seconds, 3),
        memory_gb=float("nan"),
        hours=round(total / 3600, 4),
    )


def gflop_of_all(case: Any, population: Any) -> float:
    """10^9 operations of a step of all replicas."""
    from h2scale.training import trainer

    flops = trainer.flops_per_step(case.programs, case.inputs, case.materials)
    return flops * len(population.replicas) / 1e9


def start_jax(cpu_devices: int) -> None:
    """Start JAX as a study does, without its cache of compiled programs."""
    from h2scale import config as config_lib
    from h2scale.runtime import devices

    section = config_lib.default().devices
    section.cpu_devices, section.compile_cache = cpu_devices, False
    devices.configure(devices.DeviceSettings.from_section(section))


def summary(folder: Path, notes: Sequence[str], dry: bool) -> str:
    """Text of summary.md: the devices, every table, and what the full study would take."""
    lines = ["# Measured on a GPU" if not dry else "# Dry run: the CPU in place of a GPU, at tiny sizes", ""]
    lines += [f"- {line}" for line in describe_device(dry)] + [f"- {note}" for note in notes] + [""]
    for name, title in (
        ("agreement.csv", "CPU against GPU"),
        ("replicas/benchmark.csv", "Replicas together"),
        ("sizes/benchmark.csv", "Step by size"),
        ("full.csv", "The study at size full"),
    ):
        path = folder / name
        rows = read_table(path) if path.exists() else []
        lines += [f"## {title}", ""]
        lines += markdown_table(rows) if rows else ["Not measured."]
        if name == "agreement.csv" and rows:
            apart = [row["quantity"] for row in rows if row["agree"] != "True"]
            lines += [
                "",
                f"Apart by more than the order of sums explains: {', '.join(apart)}." if apart else "All agree.",
            ]
        if name == "full.csv" and rows:
            hours = sum(float(row["hours"]) for row in rows)
            share = sum(row["measured"] == "True" for row in rows)
            lines += ["", f"The whole takes {hours:.2f} hours by this; {share} of {len(rows)} programs were measured."]
        lines.append("")
    return "\n".join(lines)


def describe_device(dry: bool) -> list[str]:
    """Lines about the machine and its packages."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    gpu = "none" if dry else subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    code = "import jax, jaxlib; print('jax', jax.__version__, 'jaxlib', jaxlib.__version__, *jax.devices())"
    jax_line = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    return [f"GPU: {gpu}", f"{jax_line}; {os.cpu_count()} CPU cores"]


def write_table(path: Path, columns: Sequence[str], rows: Iterable[dict[str, object]]) -> None:
    """Write rows as they come, so that a part that is stopped leaves those before."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            file.flush()


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def markdown_table(rows: Sequence[dict[str, str]]) -> list[str]:
    """Lines of a Markdown table."""
    columns = list(rows[0])
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    return lines + [f"| {' | '.join(row[column] for column in columns)} |" for row in rows]


if __name__ == "__main__":
    main()
