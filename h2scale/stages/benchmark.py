"""The benchmark: one row of benchmark.csv per case, figures, and the growth of time and memory."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
from ml_collections import FrozenConfigDict

from h2scale import config as config_lib
from h2scale.benchmark import steps
from h2scale.runtime import files, tables, workdir

BENCHMARK_CSV = "benchmark.csv"
SUMMARY_FILE = "benchmark.json"


def run(config: FrozenConfigDict, folder: str) -> Path:
    """Time every case that has no row yet, draw the figures and return the workdir.

    Raises:
        InputError: a model setting cannot be used, or the workdir is of another run.
    """
    path = workdir.open_workdir(folder, config_lib.flatten(config))
    settings, cases = benchmark_settings(config), list(dict.fromkeys(benchmark_cases(config)))
    rows = _read(path / BENCHMARK_CSV)
    measured = {steps.Case(row.molecules, row.features, row.l_max, row.replicas) for row in rows}
    to_do = [case for case in cases if case not in measured]
    for number, case in enumerate(to_do, start=1):
        row = steps.run_case(case, settings, steps.measure_peak_gflops)
        tables.append_rows(path / BENCHMARK_CSV, steps.Row._fields, [row._asdict()])
        rows.append(row)
        print(
            f"{number} of {len(to_do)}: {row.molecules} molecules, {row.edges} edges, {row.features} channels, degree "
            f"{row.l_max}, {row.replicas} replica{'s' if row.replicas > 1 else ''}: {row.step_ms_median:.2f} ms a step",
            file=sys.stderr,
            flush=True,
        )
    summary = summarise(rows, config.benchmark.population_molecules)
    files.write_text(path / SUMMARY_FILE, json.dumps(summary, indent=2) + "\n")
    # Imported late: matplotlib takes half a second, and no step need wait for it.
    from h2scale.report import benchmark_figures, style

    figures = path / workdir.FIGURES_FOLDER
    style.save(benchmark_figures.step_time_against_edges(rows), figures, "step_time_edges")
    against_replicas = benchmark_figures.step_time_against_replicas(rows, config.benchmark.population_molecules)
    style.save(against_replicas, figures, "step_time_replicas")
    print(f"{json.dumps(summary, indent=2)}\nTable and figures: {path}")
    return path


def benchmark_settings(config: FrozenConfigDict) -> steps.BenchmarkSettings:
    """Return the settings that all cases share."""
    benchmark, model = config.benchmark, config.model
    return steps.BenchmarkSettings(
        num_layers=model.num_layers,
        cutoff=model.cutoff,
        num_radial=model.num_radial,
        radial_hidden=(benchmark.radial_hidden,) * 2,
        envelope_power=model.envelope_power,
        convolution=model.convolution,
        steps=benchmark.steps,
        seconds=benchmark.seconds,
        replicas_at_once=config.devices.replicas_at_once,
    )


def benchmark_cases(config: FrozenConfigDict) -> Iterator[steps.Case]:
    """Yield the cases of time against edges for every model, then of time against replicas; a case may repeat."""
    benchmark = config.benchmark
    for place, (features, l_max) in enumerate(benchmark.models):
        for molecules in benchmark.num_molecules:
            if place == 0 or molecules <= benchmark.max_molecules:
                yield steps.Case(molecules, features, l_max, 1)
    features, l_max = benchmark.models[0]
    for replicas in benchmark.replicas:
        yield steps.Case(benchmark.population_molecules, features, l_max, replicas)


def summarise(rows: Sequence[steps.Row], population_molecules: int) -> dict[str, object]:
    """Compute exponents of time and memory in edges and replicas, per model; name the devices they are of."""
    summary: dict[str, object] = {
        "devices": [device.device_kind for device in jax.devices()],
        "peak_gflops_of_one_device": round(steps.measure_peak_gflops(1), 1),
    }
    for features, l_max in dict.fromkeys((row.features, row.l_max) for row in rows):
        own = [row for row in rows if (row.features, row.l_max) == (features, l_max)]
        alone = [row for row in own if row.replicas == 1]
        together = [row for row in own if row.molecules == population_molecules]
        laws: dict[str, object] = {}
        if len(alone) > 1:
            laws["step_time_in_edges"] = _exponent(alone, "edges", "step_ms_median")
        if len(together) > 1:
            laws["step_time_in_replicas"] = _exponent(together, "replicas", "step_ms_median")
            laws["memory_in_replicas"] = steps.line(
                [row.replicas for row in together], [row.peak_memory_mb for row in together]
            )
        summary[f"{features} channels, degree {l_max}"] = laws
    return summary


def _exponent(rows: Sequence[steps.Row], x: str, y: str) -> float:
    return round(steps.exponent([getattr(row, x) for row in rows], [getattr(row, y) for row in rows]), 3)


def _read(path: Path) -> list[steps.Row]:
    """Read the rows measured earlier."""
    if not path.exists():
        return []
    kinds = steps.Row.__annotations__
    return [steps.Row(**{name: kinds[name](text) for name, text in row.items()}) for row in tables.read_rows(path)]
