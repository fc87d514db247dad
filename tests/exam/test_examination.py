"""The exam of a calculator object: what another project imports, its flags, its card, and what is no answer at all."""

import csv
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import exam_calculators
import pytest
from ase import Atoms
from exam_local import candidate

from h2scale import exam
from h2scale.errors import InputError
from h2scale.exam import card, examination, records, session
from h2scale.exam.calculators import exact_calculators

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
BLOCKED = ("jax", "jaxlib", "pyscf", "flax", "h5py", "yaml", "tqdm", "absl", "ml_collections")
WITHOUT_OTHERS = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, {str(Path(__file__).parent)!r})
import exam_calculators
from ase import Atoms
from h2scale import exam
h2 = Atoms("H2", [[0, 0, 0], [0, 0, 0.74]])
far = exam.check_separation(exam_calculators.Honest(), h2, h2)
print(exam.check_conditioning(exam_calculators.Honest()).passed, *(one.status for one in far))
"""


def test_checks_for_other_projects_need_numpy_and_ase_alone():
    done = subprocess.run([sys.executable, "-c", WITHOUT_OTHERS], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.stdout.strip(), done.stderr) == ("True pass pass", "")


def test_blocked_import_is_refused_there():
    code = WITHOUT_OTHERS + "import jax"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert "jax is blocked" in done.stderr


def test_ten_questions_take_two_seconds_of_a_calculator_that_takes_one_millisecond():
    calculator = exam_calculators.Slow()
    begun = time.process_time()  # beside other work the clock on the wall says little
    report = exam.check_conditioning(calculator)
    assert time.process_time() - begun + 0.001 * calculator.calls < 2
    assert 0 < calculator.calls < 200
    assert report.passed
    assert len(report.findings) == 10
    assert "10 of 10" in str(report)


@pytest.mark.parametrize(
    ("name", "flag", "value"),
    [
        ("Honest", "charge", "learned"),
        ("IgnoresCharge", "charge", "ignored"),
        ("RefusesEverything", "charge", "refused"),
        ("EnergyPerAtom", "charge", "unknown"),
        ("Honest", "spin", "learned"),
        ("IgnoresSpin", "spin", "ignored"),
        ("Honest", "isolated_atoms", "network"),
        ("TableOfAtoms", "isolated_atoms", "table"),
        ("Honest", "range_angstrom", 8.0),  # its Morse potential is 2e-6 eV deep there
        ("Honest", "precision", "float64"),
        ("Float32", "precision", "float32"),
        ("Honest", "unit", "eV"),
        ("InHartree", "unit", "hartree"),
        ("InKcal", "unit", "kcal/mol"),
        ("Honest", "cached", False),
        ("Stale", "cached", True),
    ],
)
def test_flags_say_what_the_calculator_does(name, flag, value):
    report = exam.check_conditioning(getattr(exam_calculators, name)())
    assert report.capabilities.as_dict()[flag] == value
    assert report.passed == (name in ("Honest", "Float32"))
    assert bool(report.failures) != report.passed


def molecule(formula, **info):
    """H2 or an atom."""
    return Atoms(formula, [[0.0, 0.0, 0.74 * place] for place in range(1 + (formula == "H2"))], info=info)


@pytest.mark.parametrize(
    ("make", "first", "second", "statuses"),
    [
        (exam_calculators.Honest, molecule("H2"), molecule("H2"), ["pass", "pass"]),
        # One depth for all bonds by the total charge, as an embedding of it gives.
        (exam_calculators.Honest, molecule("H2"), molecule("H2", charge=1), ["fail", "fail"]),
        (exact_calculators.ExactCalculator, molecule("H", charge=1), molecule("H", charge=1), ["pass", "pass"]),
        (exam_calculators.Honest, molecule("H", charge=1), molecule("H", charge=1), ["fail", "pass"]),  # no Coulomb
        (exam_calculators.CountsCalls, molecule("H2"), molecule("H2"), ["fail", "pass"]),
    ],
)
def test_two_molecules_of_the_users_choice_add_up_or_do_not(make, first, second, statuses):
    found = exam.check_separation(make(), first, second)
    assert [one.status for one in found] == statuses
    assert first.info.keys() <= {"charge"}  # left as they were


def test_molecule_that_cannot_have_its_spin_is_refused():
    with pytest.raises(InputError, match=r"H2 of charge 0 cannot have info\['spin'\]=2"):
        exam.check_separation(exam_calculators.Honest(), molecule("H2", spin=2), molecule("H2"))


@pytest.mark.parametrize(
    ("made", "words"), [(exam_calculators.returns_a_number, "returned int"), (7, "got int"), (dict, "returned dict")]
)
def test_what_is_no_calculator_could_not_be_asked(made, words):
    with pytest.raises(TypeError, match=f"could not be asked.*{words}"):
        exam.check_conditioning(made)


def test_way_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="charge must be one of info:KEY"):
        exam.check_conditioning(exam_calculators.Honest(), charge="telepathy")
    with pytest.raises(ValueError, match="spin=argument:multiplicity needs the factory"):
        exam.check_conditioning(exam_calculators.Honest(), spin="argument:multiplicity")


def test_class_is_a_factory_of_calculators_for_each_charge():
    report = exam.check_conditioning(
        exam_calculators.NeedsCharge, charge="argument:total_charge", spin="argument:multiplicity"
    )
    assert report.passed, str(report)


@pytest.mark.parametrize("name", ["EnergyPerAtom", "EnergyAsText"])
def test_energy_that_is_no_number_is_a_fault_and_no_refusal(name):
    report = exam.check_conditioning(getattr(exam_calculators, name)())
    statuses = {one.status for one in report.findings}
    assert "error" in statuses
    assert "refused" not in statuses
    assert any("the energy is no single number but" in one.reason for one in report.findings)


def test_forces_that_are_no_numbers_are_a_fault_of_the_check_that_needs_them():
    failures = exam.check_conditioning(exam_calculators.ForcesAreNotNumbers()).failures
    assert [(one.check, one.status) for one in failures] == [("forces are minus the gradient", "error")]


def test_array_of_one_energy_is_a_number():
    assert exam.check_conditioning(exam_calculators.EnergyInAList()).passed


def test_card_is_graded_as_the_command_grades(tmp_path):
    graded = exam.examine(exam_calculators.RefusesProtons(), sections=["nuclei"])
    session.run_exam([candidate("RefusesProtons")], ("nuclei",), tmp_path)
    with (tmp_path / records.EXAM_CSV).open(encoding="utf-8", newline="") as lines:
        expected = list(csv.DictReader(lines))
    with graded.to_csv(tmp_path / "card.csv").open(encoding="utf-8", newline="") as lines:
        found = list(csv.DictReader(lines))
    assert found == expected
    assert len(found) == len(graded.findings)
    assert graded.complete
    assert graded.passed  # a refusal is honest


@pytest.fixture(scope="module")
def graded():
    return exam.examine(exam_calculators.Honest(), sections=["nuclei", "hydrogen"])


def test_card_finds_its_numbers_by_short_names(graded):
    two_protons = graded["two protons"]
    assert (two_protons.section, two_protons.system, two_protons.status) == ("bare nuclei", "H+ H+", "fail")
    assert two_protons.value == graded["H+ H+: R E / (Z Z 14.4 eV Å), 0.62 to 6 Å"].value
    assert graded["H2 depth"].value == pytest.approx(4.75, abs=0.01)
    passed, total = graded.score
    assert 0 < passed < total
    assert not graded.passed
    assert str(graded) == f"Honest: {passed} of {total} checks passed"
    with pytest.raises(KeyError, match="short names are two protons"):
        graded["three protons"]
    with pytest.raises(KeyError, match="findings are named 'D_e'"):
        graded["D_e"]
    figure = graded.plot()
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert len(titles) == len(graded.results["curves"])
    assert "H2, hydrogen" in titles


def test_every_panel_of_a_card_shows_its_curve_and_its_distances():
    figure = exam.examine(exam_calculators.Honest(), sections=["nuclei", "compression"]).plot()
    for axes in (one for one in figure.axes if one.get_title()):
        low, high = axes.get_ylim()
        reference = axes.lines[0].get_ydata()
        assert len(axes.lines) >= 2
        assert ((low < reference) & (reference < high)).all()
        first, last = axes.get_xlim()
        shown = [label.get_text() for label in axes.get_xticklabels() if first <= label.get_position()[0] <= last]
        assert 2 <= len(shown) <= 8
        assert all(float(text) > 0 for text in shown)


def test_every_headline_is_a_check_of_the_exam(graded):
    for name in card.HEADLINES:
        assert graded[name].check


def test_section_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match=r"exam\.sections must be some of nuclei"):
        exam.examine(exam_calculators.Honest(), sections=["astrology"])


def test_model_that_refuses_h2_is_not_asked_on():
    graded = exam.examine(exam_calculators.RefusesEverything())
    assert not graded.complete
    assert graded.results["sections"] == []
    assert "could not be asked" in graded["neutral H2 is answered"].reason


IN_FLOAT32 = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import exam_calculators
import jax
from h2scale import exam
card = exam.examine(exam_calculators.Honest(), sections=["hydrogen"])
print(repr(card.results["curves"][0]["references"]["exact"][0]), jax.numpy.zeros(1).dtype)
"""


def test_exam_leaves_jax_of_the_process_in_float32_and_has_exact_references_all_the_same(graded):
    done = subprocess.run([sys.executable, "-c", IN_FLOAT32], capture_output=True, text=True, cwd=ROOT, check=True)
    number, dtype = done.stdout.split()
    (curve,) = (one for one in graded.results["curves"] if one["system"] == "H2" and one["section"] == "hydrogen")
    assert float(number) == curve["references"]["exact"][0]
    assert dtype == "float32"


def blocks():
    """Python blocks of the page about calculators."""
    text = (ROOT / "docs" / "your-calculator.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_example_of_a_script_makes_a_card(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked = {name: examination.SECTIONS[name] for name in ("nuclei", "hydrogen")}
    monkeypatch.setattr(examination, "SECTIONS", asked)  # all of them are asked elsewhere
    (script,) = [block for block in blocks() if "card.plot()" in block]
    exec(script, {"calculator": exam_calculators.Honest()})
    assert "Honest: " in capsys.readouterr().out
    assert (tmp_path / "card.csv").exists()
    assert (tmp_path / "card.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(("name", "code"), [("Honest", 0), ("IgnoresSpin", 1)])
def test_example_of_a_fixture_is_a_test_of_a_project(tmp_path, name, code):
    fixture, separation = [block for block in blocks() if "def test_" in block]
    made = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    made += f"from exam_calculators import {name} as make_calculator\n"
    (tmp_path / "test_mine.py").write_text(made + fixture + separation, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "test_mine.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=ENVIRONMENT)
    assert done.returncode == code, done.stdout
    assert f"{3 - code} passed" in done.stdout
    assert ("does not reach the model as info:spin" in done.stdout) == bool(code)
