"""The benchmark leaves one row a case, goes on where it stopped, and its sums are those of the programs it timed."""

import numpy as np
import pytest

from h2scale import config as config_lib
from h2scale import runner
from h2scale.benchmark import steps
from h2scale.runtime import tables
from h2scale.stages import benchmark

COLUMNS = (
    "molecules,features,l_max,layers,params,atoms,edges,replicas,compile_seconds,step_ms_median,step_ms_iqr,"
    "structures_per_second,gflop_per_step,fraction_of_peak,peak_memory_mb"
)


def tiny(num_molecules):
    config = config_lib.default()
    config.experiment, config.size, config.stage = "benchmark", "smoke", "benchmark"
    config.model.update({"num_layers": 1, "num_radial": 4})
    config.benchmark.update(
        {
            "models": ((2, 1),),
            "num_molecules": num_molecules,
            "population_molecules": 2,
            "replicas": (1, 2),
            "radial_hidden": 4,
            "steps": 5,
        }
    )
    config.devices.compile_cache = False
    return config_lib.resolve(config)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark") / "workdir"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "_PEAK_SIZE", 256)  # the peak's size is of no account here, and takes seconds
        runner.run(tiny((2, 8)), str(folder))
    return folder


def test_table_has_the_columns_of_the_format_and_one_row_a_case(measured):
    lines = (measured / "benchmark.csv").read_text().splitlines()
    assert lines[0] == COLUMNS
    table = tables.read_table(measured / "benchmark.csv")
    assert list(zip(table["molecules"], table["replicas"], strict=True)) == [(2, 1), (8, 1), (2, 2)]
    assert all((values > 0).all() for name, values in table.items() if name != "step_ms_iqr")


def test_work_and_memory_of_two_replicas_are_twice_those_of_one(measured):
    table = tables.read_table(measured / "benchmark.csv")
    one, _, two = range(3)
    assert table["gflop_per_step"][two] == 2 * table["gflop_per_step"][one]
    assert table["params"][two] == table["params"][one]
    np.testing.assert_allclose(
        table["structures_per_second"] * table["step_ms_median"] / 1000,
        table["molecules"] * table["replicas"],
        rtol=1e-2,  # both were rounded for the table
    )


def test_work_grows_with_edges(measured):
    table = tables.read_table(measured / "benchmark.csv")
    # Some of the work is per weight, so the ratio stays below that of the edges.
    ratio = table["gflop_per_step"][1] / table["gflop_per_step"][0]
    assert 0.5 * table["edges"][1] / table["edges"][0] < ratio <= 1.05 * table["edges"][1] / table["edges"][0]


def test_figures_and_summary_are_there(measured):
    for name in ("step_time_edges", "step_time_replicas"):
        assert (measured / "figures" / f"{name}.svg").stat().st_size > 0
    assert "peak_gflops_of_one_device" in (measured / benchmark.SUMMARY_FILE).read_text()


def test_measured_cases_are_not_measured_again(measured, monkeypatch):
    def forbidden(*_):
        raise AssertionError("a case was measured again")

    before = (measured / "benchmark.csv").read_text()
    monkeypatch.setattr(steps, "run_case", forbidden)
    runner.run(tiny((2, 8)), str(measured))
    assert (measured / "benchmark.csv").read_text() == before


def test_growth_of_known_laws():
    assert steps.exponent([1, 10, 100], [3.0, 30.0, 300.0]) == pytest.approx(1.0)
    assert steps.line([1, 2, 4], [5.0, 7.0, 11.0]) == {"slope": 2.0, "worst": 0.0}
    assert steps.line([1, 2, 3], [1.0, 4.0, 9.0])["worst"] > 0.1
