"""Several processes of a calculator predict as one does, and the conditioning checks still see what one would hide."""

import time

import numpy as np
import pytest
from exam_local import Local, made_up

from h2scale.exam import conditioning_checks, models, worker_model, worker_pool

LIMITS = worker_model.TimeLimits(load=60.0, prediction=30.0, model=60.0)
CURVE = [models.dimer(1, 1, distance, 0, 1) for distance in np.linspace(0.5, 4.0, 21)]
PROTONS = models.dimer(1, 1, 0.8, 2, 1)


def pool(name, watch=models.ignore):
    return worker_pool.WorkerPool(made_up(name), LIMITS, 2, watch)


def test_a_long_request_is_shared_in_order_and_a_short_one_has_one_process():
    honest = [prediction.energy for prediction in Local(made_up("Honest")).predict(CURVE)]
    told = []

    def calls(predictions):  # this calculator counts the structures that it was given
        pairs = zip(predictions, honest, strict=False)
        return [round((prediction.energy - energy) / 0.01) for prediction, energy in pairs]

    with pool("CountsCalls", lambda query, prediction: told.append((query, prediction.energy))) as model:
        predictions = model.predict(CURVE)
        assert calls(predictions) == [1 + 2 * (i // 2) for i in range(21)]
        assert sorted(told) == sorted(zip(CURVE, (prediction.energy for prediction in predictions), strict=True))
        assert calls(model.predict(CURVE[:15])) == list(range(23, 53, 2))
        # Both processes shared would hide that a prediction depends on the ones before it.
        _, part = conditioning_checks.examine(model, made_up("CountsCalls"))
    assert {one.system: one.status for one in part.findings}["order of calls"] == "fail"


def test_requests_of_the_conditioning_checks_stay_with_one_process():
    lengths = []

    class Recorder(Local):
        def predict(self, queries, *, reuse=False):
            lengths.append(len(queries))
            return super().predict(queries, reuse=reuse)

    conditioning_checks.examine(Recorder(made_up("Honest")), made_up("Honest"))
    assert 1 < max(lengths) < worker_pool.SHARED_FROM


def test_crashes_cost_at_most_the_share_of_one_process():
    with pool("Crashes") as model:
        predictions = model.predict([*CURVE[:4], PROTONS, *CURVE[4:]])
        assert [i for i, prediction in enumerate(predictions) if prediction.status != "ok"] == [4]
        predictions = model.predict([PROTONS, CURVE[0], PROTONS, *CURVE])
        assert [i for i, prediction in enumerate(predictions) if prediction.status != "ok"] == list(range(0, 24, 2))
        assert {prediction.status for prediction in model.predict(CURVE)} == {"ok"}


def test_one_process_too_many_is_a_reason(tmp_path):
    entry = made_up("loads_once", kwargs={"path": str(tmp_path / "loaded")})
    with worker_pool.WorkerPool(entry, LIMITS, 2) as model:
        assert "FileExistsError" in model.failure
        assert {prediction.status for prediction in model.predict(CURVE)} == {"not run"}


def test_an_interrupted_request_ends_at_once_though_a_process_hangs():
    def interrupt(query, prediction):
        raise KeyboardInterrupt

    with pool("Hangs", interrupt) as model:
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            model.predict([CURVE[0], PROTONS] * 8)
    assert time.monotonic() - start < 20
