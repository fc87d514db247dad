"""Several processes of a calculator answer as one does, and the witness still sees what one would hide."""

import time

import numpy as np
import pytest
from exam_local import Local, made_up

from h2scale.exam import conditioning_checks, models, worker_pool

LIMITS = models.TimeLimits(load=60.0, answer=30.0, model=60.0)
CURVE = [models.dimer(1, 1, distance, 0, 1) for distance in np.linspace(0.5, 4.0, 21)]
PROTONS = models.dimer(1, 1, 0.8, 2, 1)


def pool(name, answered=models.pass_over):
    return worker_pool.WorkerPool(made_up(name), LIMITS, 2, answered)


def test_answers_are_in_the_order_of_the_question_and_each_is_told_once():
    told = []
    with pool("Honest", lambda ask, answer: told.append((ask, answer.energy))) as model:
        answers = model.ask(CURVE)
    expected = [answer.energy for answer in Local(made_up("Honest")).ask(CURVE)]
    assert [answer.energy for answer in answers] == expected
    assert sorted(told) == sorted(zip(CURVE, expected, strict=True))


def test_a_long_request_is_shared_and_a_short_one_is_not():
    honest = [answer.energy for answer in Local(made_up("Honest")).ask(CURVE)]

    def calls(model, asks):  # this calculator counts energies and forces
        return [round((answer.energy - energy) / 0.01) for answer, energy in zip(model.ask(asks), honest, strict=False)]

    with pool("CountsCalls") as model:
        assert calls(model, CURVE) == [1 + 2 * (i // 2) for i in range(21)]
        assert calls(model, CURVE[:15]) == list(range(23, 53, 2))


def test_the_witness_asks_one_process_in_order():
    lengths = []

    class Recorder(Local):
        def ask(self, asks, *, reuse=False):
            lengths.append(len(asks))
            return super().ask(asks, reuse=reuse)

    conditioning_checks.examine(Recorder(made_up("Honest")), made_up("Honest"))
    assert 1 < max(lengths) < worker_pool.SHARED_FROM
    with pool("CountsCalls") as model:
        _, part = conditioning_checks.examine(model, made_up("CountsCalls"))
    assert {one.system: one.status for one in part.findings}["order of calls"] == "fail"


def test_crashes_cost_at_most_the_share_of_one_process():
    with pool("Crashes") as model:
        answers = model.ask([*CURVE[:4], PROTONS, *CURVE[4:]])
        assert [i for i, answer in enumerate(answers) if answer.status != "ok"] == [4]
        answers = model.ask([PROTONS, CURVE[0], PROTONS, *CURVE])
        assert [i for i, answer in enumerate(answers) if answer.status != "ok"] == list(range(0, 24, 2))
        assert {answer.status for answer in model.ask(CURVE)} == {"ok"}


def test_what_cannot_be_loaded_is_a_reason():
    with worker_pool.WorkerPool(models.Entry("x", "no_such_module_at_all:make"), LIMITS, 2) as model:
        assert "No module named 'no_such_module_at_all'" in model.failure
        assert {answer.status for answer in model.ask(CURVE)} == {"not run"}


def test_one_process_too_many_is_a_reason(tmp_path):
    entry = made_up("loads_once", kwargs={"path": str(tmp_path / "loaded")})
    with worker_pool.WorkerPool(entry, LIMITS, 2) as model:
        assert "FileExistsError" in model.failure
        assert {answer.status for answer in model.ask(CURVE)} == {"not run"}


def test_an_interrupted_request_ends_at_once_though_a_process_hangs():
    def interrupt(ask, answer):
        raise KeyboardInterrupt

    with pool("Hangs", interrupt) as model:
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            model.ask([CURVE[0], PROTONS] * 8)
    assert time.monotonic() - start < 20
