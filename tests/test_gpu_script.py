"""The comparison and the summary of benchmarks/gpu.py; `.ci/run` runs the whole script without a GPU."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "gpu.py"


@pytest.fixture(scope="module")
def gpu():
    spec = importlib.util.spec_from_file_location("gpu", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.describe_device = lambda dry: ["GPU: none"]
    return module


def saved(path, energies):
    np.savez(path, **{"nequip energies float64": energies})
    return np.load(path)


@pytest.mark.parametrize(("shift", "agree"), [(1e-13, True), (1e-8, False)])
def test_difference_beyond_the_order_of_sums_is_named(gpu, tmp_path, shift, agree):
    with saved(tmp_path / "cpu.npz", [1.0, -3.0]) as cpu, saved(tmp_path / "gpu.npz", [1.0, shift - 3.0]) as other:
        rows = gpu.compare(cpu, other)
    assert [row["agree"] for row in rows] == [agree]
    gpu.write_table(tmp_path / "agreement.csv", list(rows[0]), rows)
    text = gpu.summary(tmp_path, ["agreement: 1 s"], dry=True)
    assert ("All agree" in text) == agree
    assert ("Apart by more than the order of sums explains: nequip energies float64." in text) != agree


def test_summary_says_what_was_not_measured_and_adds_the_hours(gpu, tmp_path):
    row = dict.fromkeys(gpu.ProgramRow._fields, 1)
    rows = [row | {"hours": 0.5, "measured": True}, row | {"hours": 2.0, "measured": False}]
    gpu.write_table(tmp_path / "full.csv", gpu.ProgramRow._fields, rows)
    text = gpu.summary(tmp_path, [], dry=True)
    assert "The whole takes 2.50 hours by this; 1 of 2 programs were measured." in text
    assert text.count("Not measured.") == 3
