"""The curves as files: read without this package, equal to what the exam uses, and part of the wheel."""

import configparser
import csv
import fnmatch
from pathlib import Path

import numpy as np

from h2scale.exam.references import curve_files, tables

ROOT = Path(__file__).parents[2]
FILES = sorted(curve_files.FOLDER.glob("*.csv"))
FACTS = ("system", "level of theory", "charge", "spin multiplicity", "zero of energy", "source", "units", "licence")


def read(path):
    """Comments and rows of a file, read as any CSV reader would."""
    lines = path.read_text(encoding="utf-8").splitlines()
    facts = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    return facts, {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def test_every_file_says_what_it_is():
    assert len(FILES) == 3 + len(tables.shipped_curves())
    for path in FILES:
        facts, columns = read(path)
        assert tuple(facts) == FACTS, path.name
        assert all(facts.values()), path.name
        assert "Apache-2.0" in facts["licence"]
        assert (np.diff(columns["distance_angstrom"]) > 0).all()
        assert np.isfinite(np.array(list(columns.values()))).all()
        assert len(columns["distance_angstrom"]) >= 8


def test_files_are_what_the_program_writes_today(tmp_path):
    for path in curve_files.write(tmp_path):
        (facts, columns), (shipped_facts, shipped) = read(path), read(curve_files.FOLDER / path.name)
        assert facts == shipped_facts, path.name
        for name, values in columns.items():  # tails are small differences, whose last digits hang on the compiler
            np.testing.assert_allclose(values, shipped[name], rtol=1e-8, atol=1e-12, err_msg=path.name)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in FILES}


def test_exact_curves_have_their_known_minima_and_limits():
    facts, h2 = read(curve_files.FOLDER / "H2_exact.csv")
    assert facts["system"] == "H2"
    assert abs(h2["energy_ev"].min() + tables.EXACT_CONSTANTS["H2"].depth_ev) < 2e-3
    assert abs(h2["total_energy_hartree"][-1] + 1) < 1e-5
    facts, cation = read(curve_files.FOLDER / "H2plus_exact.csv")
    assert "CC BY 4.0" in facts["licence"]
    assert abs(cation["energy_ev"].min() + tables.EXACT_CONSTANTS["H2+"].depth_ev) < 2e-3
    assert abs(cation["total_energy_hartree"][-1] + 0.5) < 1e-5


def test_shipped_curves_are_the_exams():
    _, columns = read(curve_files.FOLDER / "HCl_UCCSD_T_cc-pVDZ.csv")
    (curve,) = tables.shipped("HCl")
    np.testing.assert_allclose(columns["distance_angstrom"], curve.distances, rtol=1e-8)
    np.testing.assert_allclose(columns["energy_ev"], curve.energies, atol=1e-8)


def test_wheel_holds_them():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    patterns = settings["options.package_data"]["h2scale"].split()
    for path in [*FILES, curve_files.FOLDER / "README.md"]:
        name = str(path.relative_to(ROOT / "h2scale"))
        assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns), name
