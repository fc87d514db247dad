"""Baselines: the ranking physics dictates, a run that reads what an earlier one computed, and its tables."""

import csv
import pathlib

import numpy as np
import pytest

from h2scale import units
from h2scale.physics import baselines, exact
from h2scale.stages import baselines as stage

BOND_BOHR = 1.401082969704552  # of the exact curve
DISTANCES = np.array([BOND_BOHR * units.BOHR_ANGSTROM, 2.5, 8.0])


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("baselines")


@pytest.fixture(scope="module")
def rows(workdir: pathlib.Path) -> list[baselines.Row]:
    return _run(workdir, workers=2)


def _run(workdir: pathlib.Path, workers: int) -> list[baselines.Row]:
    return stage.run_baselines(
        workdir, distances_angstrom=DISTANCES, basis="6-31g", fci_bases=("6-31g", "cc-pvdz"), workers=workers
    )


def _errors(rows: list[baselines.Row], method: str, basis: str = "6-31g") -> np.ndarray:
    return np.array([row.error_ev for row in rows if (row.method, row.basis) == (method, basis)])


def test_every_method_has_every_distance(rows: list[baselines.Row]) -> None:
    names = dict.fromkeys((row.method, row.basis) for row in rows)
    assert len(names) == 10
    for method, basis in names:
        own = [row.distance_angstrom for row in rows if (row.method, row.basis) == (method, basis)]
        np.testing.assert_allclose(own, DISTANCES, rtol=1e-14)


def test_errors_are_against_the_exact_curve(rows: list[baselines.Row]) -> None:
    total = exact.h2_ground_state(np.array([row.distance_angstrom for row in rows]) / units.BOHR_ANGSTROM)
    expected = np.array([row.energy_ev for row in rows]) - (np.asarray(total) + 1) * units.HARTREE_EV
    np.testing.assert_allclose([row.error_ev for row in rows], expected, rtol=0, atol=1e-12)


def test_limits_and_order_of_the_methods(rows: list[baselines.Row]) -> None:
    for method in ("UHF", "UPBE0", "CAS(2,2)", "FCI", "UHF - c s^2", "CAS(2,2) - c (n_g - 1)^2"):
        assert abs(_errors(rows, method)[-1]) < 2e-3, method
    for method in ("RHF", "PBE0", "B3LYP"):
        assert _errors(rows, method)[-1] > 2.0, method
    assert (_errors(rows, "RHF") >= _errors(rows, "UHF") - 1e-6).all()
    assert (_errors(rows, "UHF") >= _errors(rows, "FCI") - 1e-6).all()
    assert (_errors(rows, "CAS(2,2)") >= _errors(rows, "FCI") - 1e-6).all()


def test_corrected_curves_are_exact_where_their_constant_was_fixed(rows: list[baselines.Row]) -> None:
    for method in ("UHF - c s^2", "CAS(2,2) - c (n_g - 1)^2"):
        assert abs(_errors(rows, method)[0]) < 1e-9


def test_a_second_run_reads_what_the_first_wrote(rows: list[baselines.Row], workdir: pathlib.Path) -> None:
    files = sorted(path.name for path in (workdir / "curves").iterdir())
    assert len(files) == 8
    before = (workdir / "baselines.csv").read_bytes()
    assert _run(workdir, workers=1) == rows
    assert (workdir / "baselines.csv").read_bytes() == before
    assert sorted(path.name for path in (workdir / "curves").iterdir()) == files


def test_the_tables_hold_the_rows_and_the_summary_of_a_report(rows: list[baselines.Row], workdir: pathlib.Path) -> None:
    with (workdir / "baselines.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [baselines.Row(row["method"], row["basis"], *map(float, list(row.values())[2:])) for row in table] == rows
    with (workdir / "baselines_summary.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["method"] for row in table] == [line.method for line in baselines.summarize(rows)]
    assert float(table[0]["h2_mae_ev"]) == baselines.summarize(rows)[0].h2_mae_ev
    markdown = stage.summary_markdown(baselines.summarize(rows)).splitlines()
    assert markdown[0] == "| method | basis | MAE | wall | well | middle | tail | NPE | largest error |"
    assert markdown[2].startswith(
        f"| {table[0]['method']} | {table[0]['basis']} | {float(table[0]['h2_mae_ev']):.3f} |"
    )
    assert len(markdown) == 12


def test_bad_distances_are_refused_before_any_work(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="distances_bohr must increase"):
        stage.run_baselines(tmp_path, distances_angstrom=[2.0, 1.0], basis="sto-3g", fci_bases=())
