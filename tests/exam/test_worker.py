"""A calculator in a process of its own: its predictions arrive, and its death, silence or absence is a reason."""

import ast
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from exam_local import CALCULATORS, Local, made_up

from h2scale.exam import models, worker, worker_model

LIMITS = worker_model.TimeLimits(load=60.0, prediction=30.0, model=60.0)
H2 = models.dimer(1, 1, 0.8, 0, 1)
PROTONS = models.dimer(1, 1, 0.8, 2, 1)


def opened(name, limits=LIMITS, **keywords):
    return worker_model.WorkerModel(made_up(name, **keywords), limits)


def statuses(predictions):
    return [prediction.status for prediction in predictions]


def test_predictions_are_those_of_the_calculator_itself_whatever_it_prints():
    queries = [H2, PROTONS, models.atom(1, 0, 2)]
    with opened("talks", python=sys.executable) as model:
        predictions = model.predict(queries)
        assert not model.failure
        assert model.environment["python"].startswith("3.")
        assert "ase" in model.environment["packages"]
    for prediction, expected in zip(predictions, Local(made_up("Honest")).predict(queries), strict=True):
        assert prediction.energy == expected.energy
        np.testing.assert_array_equal(prediction.forces, expected.forces)


def test_crash_costs_one_prediction_and_the_second_one_the_request():
    with opened("Crashes") as model:
        predictions = model.predict([H2, PROTONS, H2])
        assert statuses(predictions) == ["ok", "error", "ok"]
        assert "exit code 7: a last word on stdout" in predictions[1].reason
        predictions = model.predict([PROTONS, PROTONS, H2])
        assert statuses(predictions) == ["error"] * 3
        assert predictions[2].reason.startswith("not tried after the process died")
        assert model.predict([H2])[0].status == "ok"
        assert not model.failure


def test_hang_is_cut_off():
    start = time.monotonic()
    with opened("Hangs", worker_model.TimeLimits(60.0, 1.0, 60.0)) as model:
        predictions = model.predict([PROTONS, H2])
        assert not model.failure
    assert statuses(predictions) == ["error", "ok"]
    assert predictions[0].reason == "no prediction within 1 s"
    assert time.monotonic() - start < 20


def test_model_out_of_time_is_not_run():
    with opened("Hangs") as model:
        model._deadline = time.monotonic() + 0.5  # as if loading had taken the rest
        assert statuses(model.predict([PROTONS, H2])) == ["error", "not run"]
        assert model.failure == "the time for this model, 60 s, is used up"


def test_calculator_that_cannot_be_loaded_is_a_reason():
    with worker_model.WorkerModel(models.Entry("x", "no_such_module_at_all:make"), LIMITS) as model:
        assert "No module named 'no_such_module_at_all'" in model.failure
        (lost,) = model.predict([H2])
    assert lost == models.Prediction(pytest.approx(np.nan, nan_ok=True), None, "not run", model.failure)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("/no/such/file.py:make", "there is no file /no/such/file.py"),
        (f"{CALCULATORS}:missing", "has no missing"),
        (f"{CALCULATORS}:NeedsCharge", "needs the arguments total_charge, multiplicity"),
        (f"{CALCULATORS}:not_callable", "is int, which cannot be called"),
        ("module", "a calculator is named MODULE:FACTORY"),
    ],
)
def test_entry_without_a_calculator_names_what_is_missing(entry, words):
    with pytest.raises((ImportError, AttributeError, TypeError)) as caught:
        Local(models.Entry("x", entry))
    assert words in worker.describe_error(caught.value)


def test_interpreter_that_does_not_exist_is_a_reason():
    with opened("Honest", python="/no/such/python") as model:
        assert "config.python=/no/such/python cannot be started" in model.failure


def test_raising_is_a_refusal_and_the_rest_goes_on():
    queries = [models.dimer(1, 1, 0.2, 0, 1), models.dimer(6, 1, 1.0, 0, 2), H2]
    predictions = Local(made_up("RaisesNear")).predict(queries)
    assert statuses(predictions) == ["refused", "refused", "ok"]
    assert predictions[0].reason == "RuntimeError: atoms too close"


def test_worker_needs_only_ase_and_numpy_beside_the_standard_library():
    tree = ast.parse(Path(worker.__file__).read_text(encoding="utf-8"))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.split(".")[0] for name in named} - set(sys.stdlib_module_names)
    assert foreign == {"ase"}  # NumPy comes with it
