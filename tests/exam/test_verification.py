"""A submission is verified: an honest one is in order, and every way of tampering with one is told."""

import json
import re

import exam_calculators
import pytest
from exam_local import CALCULATORS

from h2scale import command_line, exam
from h2scale.errors import InputError
from h2scale.exam import verification, worker_model

REOPENING = verification.Reopening("", "", worker_model.TimeLimits(60.0, 10.0, 60.0), 0)


@pytest.fixture(scope="module")
def submission():
    """The exam.json of an honest toy."""
    results = exam.examine(
        exam_calculators.Honest(), sections=["nuclei", "compression", "ions", "separation", "bonds"]
    ).results
    results["entry"] = f"{CALCULATORS}:Honest"
    return {"format": 2, "complete": True, "models": [results]}


def write(folder, content):
    path = folder / "exam.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def verify(folder, content):
    return verification.verify(write(folder, content), REOPENING)


def tampered(submission, change):
    copy = json.loads(json.dumps(submission))
    change(copy["models"][0])
    return copy


def first_failure(model):
    return next(one for one in model["findings"] if one["status"] == "fail" and one["value"] is not None)


def test_honest_submission_is_in_order_and_was_asked_again(submission, tmp_path):
    verdict = verify(tmp_path, submission)
    assert verdict.problems == []
    assert verdict.notes == ["Honest: 20 of its numbers asked again"]


def call_it_passed(model):
    first_failure(model)["status"] = "pass"


def widen_the_limits(model):
    one = first_failure(model)
    one["low"], one["high"], one["status"] = -1e9, 1e9, "pass"


def forget_the_unanswered(model):
    first_failure(model)["status"] = "not run"


def invent_a_status(model):
    first_failure(model)["status"] = "splendid"


def invent_a_number(model):
    first_failure(model)["value"] = "about three"


def drop_a_key(model):
    del model["charge"]


def invent_a_section(model):
    model["sections"].append("astrology")


def forget_the_versions(model):
    model["environment"] = {}


def shift_a_curve(model):
    for curve in model["curves"]:
        curve["energies"] = [1.01 * energy for energy in curve["energies"]]


def shift(model, section):
    """Move the numbers of a section and keep their verdicts right."""
    for one in model["findings"]:
        if one["section"] == section and one["unit"] == "eV":
            one["value"] += 0.05
            one["status"] = "pass" if one["low"] <= one["value"] <= one["high"] else "fail"


def shift_bonds(model):
    shift(model, "bond energies")


def shift_ions(model):
    shift(model, "ions")


def shift_separation(model):
    shift(model, "separation")


def cut_a_curve(model):
    model["curves"][0]["energies"].pop()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (call_it_passed, "is called pass"),
        (widen_the_limits, "passes -1000000000.0 to 1000000000.0, here"),
        (forget_the_unanswered, "complete, though some checks are not run"),
        (invent_a_status, "status must be one of"),
        (invent_a_number, "numbers must be finite or null"),
        (drop_a_key, "charge is missing"),
        (invent_a_section, "section astrology is not known"),
        (forget_the_versions, "names no versions"),
        (shift_a_curve, "Å: "),
        (shift_bonds, "D_e: "),
        (shift_ions, "ionization energy: "),
        (shift_separation, "minus both alone: "),
        (cut_a_curve, "as many energies as distances"),
    ],
)
def test_tampering_is_told(submission, tmp_path, change, words):
    problems = verify(tmp_path, tampered(submission, change)).problems
    assert any(words in problem and problem.startswith("Honest: ") for problem in problems), problems


@pytest.mark.parametrize(
    ("content", "words"), [("[]", "list of models"), ('{"format": 9, "models": [1]}', "format must")]
)
def test_other_json_is_no_submission(tmp_path, content, words):
    (problem,) = verify(tmp_path, content).problems
    assert words in problem


def test_file_that_is_not_json_is_a_mistake(tmp_path):
    with pytest.raises(InputError, match="is not JSON"):
        verify(tmp_path, "{")
    with pytest.raises(InputError, match="cannot be read"):
        verification.verify(tmp_path / "none.json", REOPENING)


@pytest.mark.parametrize("section", ["ions", "separation", "bonds"])
def test_numbers_without_a_curve_are_asked_again(tmp_path, section):
    results = exam.examine(exam_calculators.Honest(), sections=[section]).results
    results["entry"] = f"{CALCULATORS}:Honest"
    verdict = verify(tmp_path, {"format": 2, "complete": True, "models": [results]})
    assert verdict.problems == []
    assert re.fullmatch(r"Honest: (11|14|20) of its numbers asked again", verdict.notes[0])


def test_calculator_that_cannot_be_loaded_is_a_note(submission, tmp_path):
    def move(model):
        model["entry"] = "no_such_module_at_all:make"

    verdict = verify(tmp_path, tampered(submission, move))
    assert verdict.problems == []
    assert "nothing was asked again" in verdict.notes[0]


def test_command_says_so_and_its_exit_code_too(submission, tmp_path, capsys):
    path = write(tmp_path, submission)
    assert command_line.main(["exam", f"--verify={path}"]) == 0
    assert f"{path} is in order." in capsys.readouterr().out
    write(tmp_path, tampered(submission, call_it_passed))
    assert command_line.main(["exam", f"--verify={path}"]) == command_line.EXIT_BAD_INPUT
    assert "is called pass" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command_line.main(["exam", "gfn2-xtb", f"--verify={path}"])
    assert "takes no NAME beside it; got gfn2-xtb" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("section", "system", "numbers", "charge", "spin"),
    [
        ("hydrogen", "H2+", (1, 1), 1, 2),
        ("diatomics", "HeH+", (2, 1), 1, 1),
        ("bare nuclei", "H+ Li3+", (1, 3), 4, 1),
        ("compression", "HCl", (1, 17), 0, 1),
        ("compression", "CN", (6, 7), 0, 2),
        ("smoothness", "H2+", (1, 1), 1, 2),
    ],
)
def test_curve_is_asked_in_its_own_state(section, system, numbers, charge, spin):
    query = verification.question_of(section, system)(1.5)
    assert (query.numbers, query.charge, query.spin) == (numbers, charge, spin)


def test_every_scan_of_the_exam_can_be_asked_again():
    curves = exam.examine(
        exam_calculators.Honest(), sections=["nuclei", "hydrogen", "diatomics", "compression", "smoothness"]
    ).results
    without = {
        (curve["section"], curve["system"])
        for curve in curves["curves"]
        if verification.question_of(curve["section"], curve["system"]) is None
    }
    # A difference of two states, and triangles.
    assert {system for _, system in without if "triangle" not in system} == {"H2 triplet minus singlet"}
