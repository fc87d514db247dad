"""A calculator in a process of its own: its answers arrive, and its death, silence or absence is a reason."""

import ast
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from exam_local import CALCULATORS, Local, made_up

from h2scale.exam import models, worker

LIMITS = models.TimeLimits(load=60.0, answer=30.0, model=60.0)
H2 = models.dimer(1, 1, 0.8, 0, 1)
PROTONS = models.dimer(1, 1, 0.8, 2, 1)


def ask(name, asks, limits=LIMITS, **keywords):
    with models.WorkerModel(made_up(name, **keywords), limits) as model:
        return model.ask(asks), model.failure


def test_answers_are_those_of_the_calculator_itself():
    asks = [H2, PROTONS, models.atom(1, 0, 2)]
    answers, failure = ask("Honest", asks)
    assert not failure
    for answer, expected in zip(answers, Local(made_up("Honest")).ask(asks), strict=True):
        assert answer.energy == expected.energy
        np.testing.assert_array_equal(answer.forces, expected.forces)


def test_what_a_calculator_prints_does_not_reach_the_channel():
    answers, failure = ask("talks", [H2, H2])
    assert not failure
    assert [answer.status for answer in answers] == ["ok", "ok"]


def test_other_interpreter_answers_the_same():
    with models.WorkerModel(made_up("Honest", python=sys.executable), LIMITS) as model:
        assert model.ask([H2])[0].energy == Local(made_up("Honest")).ask([H2])[0].energy
        assert model.environment["python"].startswith("3.")
        assert "ase" in model.environment["packages"]


def test_crash_costs_one_answer_and_says_how():
    answers, failure = ask("Crashes", [H2, PROTONS, H2])
    assert [answer.status for answer in answers] == ["ok", "error", "ok"]
    assert "exit code 7: a last word on stdout" in answers[1].reason
    assert not failure


def test_second_crash_ends_the_request_but_not_the_exam():
    with models.WorkerModel(made_up("Crashes"), LIMITS) as model:
        answers = model.ask([PROTONS, PROTONS, H2])
        assert [answer.status for answer in answers] == ["error"] * 3
        assert answers[2].reason.startswith("not asked after the process died")
        assert model.ask([H2])[0].status == "ok"


def test_hang_is_cut_off():
    start = time.monotonic()
    answers, failure = ask("Hangs", [PROTONS, H2], models.TimeLimits(60.0, 1.0, 60.0))
    assert [answer.status for answer in answers] == ["error", "ok"]
    assert answers[0].reason == "no answer within 1 s"
    assert not failure
    assert time.monotonic() - start < 20


def test_model_out_of_time_is_not_run():
    answers, failure = ask("Hangs", [PROTONS, H2], models.TimeLimits(60.0, 30.0, 3.0))
    assert answers[1].status == "not run"
    assert failure == "the time for this model, 3 s, is used up"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("no_such_module_at_all:make", "No module named 'no_such_module_at_all'"),
        ("/no/such/file.py:make", "there is no file /no/such/file.py"),
        (f"{CALCULATORS}:missing", "has no missing"),
        (f"{CALCULATORS}:NeedsCharge", "needs the arguments total_charge, multiplicity"),
        (f"{CALCULATORS}:not_callable", "is int, which cannot be called"),
    ],
)
def test_what_cannot_be_loaded_is_a_reason(entry, words):
    with models.WorkerModel(models.Entry("x", entry), LIMITS) as model:
        assert words in model.failure
        assert model.ask([H2])[0] == models.Answer(pytest.approx(np.nan, nan_ok=True), None, "not run", model.failure)


def test_interpreter_that_does_not_exist_is_a_reason():
    with models.WorkerModel(made_up("Honest", python="/no/such/python"), LIMITS) as model:
        assert "config.python=/no/such/python cannot be started" in model.failure


def test_raising_is_a_refusal_and_the_rest_goes_on():
    answers, _ = ask("RaisesNear", [models.dimer(1, 1, 0.2, 0, 1), models.dimer(6, 1, 1.0, 0, 2), H2])
    assert [answer.status for answer in answers] == ["refused", "refused", "ok"]
    assert answers[0].reason == "RuntimeError: atoms too close"


def test_worker_needs_only_ase_and_numpy_beside_the_standard_library():
    tree = ast.parse(Path(worker.__file__).read_text(encoding="utf-8"))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.split(".")[0] for name in named} - set(sys.stdlib_module_names)
    assert foreign == {"ase"}  # NumPy comes with it
