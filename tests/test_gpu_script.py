"""The comparison and the summary of benchmarks/gpu.py; `.ci/run` runs the whole script without a GPU."""

from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)


@pytest.fixture
def gpu_summary(monkeypatch):
    import gpu_summary

    monkeypatch.setattr(gpu_summary, "describe_device", lambda dry: ["GPU: none"])
    return gpu_summary


def saved(path, energies):
    np.savez(path, **{"nequip energies float64": energies})
    return np.load(path)


@pytest.mark.parametrize(("shift", "agree"), [(1e-13, True), (1e-8, False)])
def test_difference_beyond_the_order_of_sums_is_named(gpu_summary, tmp_path, shift, agree):
    import gpu_agreement

    with saved(tmp_path / "cpu.npz", [1.0, -3.0]) as cpu, saved(tmp_path / "gpu.npz", [1.0, shift - 3.0]) as other:
        rows = gpu_agreement.compare(cpu, other)
    assert [row["agree"] for row in rows] == [agree]
    gpu_summary.write_table(tmp_path / "agreement.csv", list(rows[0]), rows)
    text = gpu_summary.summary(tmp_path, ["agreement: 1 s"], dry=True)
    assert ("All agree" in text) == agree
    assert ("Apart by more than the order of sums explains: nequip energies float64." in text) != agree


def test_summary_says_what_was_not_measured_and_adds_the_hours(gpu_summary, tmp_path):
    import gpu_full_study

    row = dict.fromkeys(gpu_full_study.ProgramRow._fields, 1)
    rows = [row | {"hours": 0.5, "measured": True}, row | {"hours": 2.0, "measured": False}]
    gpu_summary.write_table(tmp_path / "full.csv", gpu_full_study.ProgramRow._fields, rows)
    text = gpu_summary.summary(tmp_path, [], dry=True)
    assert "The whole takes 2.50 hours by this; 1 of 2 programs were measured." in text
    assert text.count("Not measured.") == 3
