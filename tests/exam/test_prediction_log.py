"""Predictions are kept as they come: a stopped exam repeats no query, and nothing of another model is believed."""

import contextlib
import io
import json

import numpy as np
import pytest

from h2scale.exam import candidates, models, prediction_log, records, session

PAIRS = [models.dimer(1, 1, distance, 0, 1) for distance in np.geomspace(0.3, 3.0, 7)]
ENTRY = models.Entry("springs", "made:up")


class Springs:
    """Ties its atoms to the origin; may refuse, err or be stopped at the n-th query."""

    failure = ""

    def __init__(self, watch, *, version="1", stop_at=None, status=None):
        self.environment = {"python": "3", "packages": {"springs": version}}
        self.queries = []
        self._watch, self._stop_at, self._status = watch, stop_at, status or {}

    def predict(self, queries, *, reuse=False):
        predictions = []
        for query in queries:
            if len(self.queries) == self._stop_at:
                raise KeyboardInterrupt
            self.queries.append(query)
            predictions.append(self._prediction(query))
            self._watch(query, predictions[-1])
        return predictions

    def _prediction(self, query):
        status = self._status.get(query, models.OK)
        if status != models.OK:
            return models.Prediction(np.nan, None, status, f"says {status}")
        energy = float(np.sum(np.square(query.positions)) / 3 + query.spin + 9 * query.charge)
        return models.Prediction(energy, -np.array(query.positions) / 3, models.OK, "")


def opened(**keywords):
    told, skipped = [], []
    log = prediction_log.PredictionLog(lambda query, prediction: told.append(query), skipped.append)
    model = Springs(log.record, **keywords)
    log.attach(model)
    return log, model, told, skipped


def stopped(path, **keywords):
    """A run that is stopped at the fifth structure."""
    log, *_ = opened(stop_at=4, **keywords)
    with log:
        log.begin(path)
        with pytest.raises(KeyboardInterrupt):
            log.predict(PAIRS)


def same(first, second):
    for one, other in zip(first, second, strict=True):
        assert (one.status, one.reason) == (other.status, other.reason)
        assert one.energy == other.energy or np.isnan([one.energy, other.energy]).all()
        np.testing.assert_array_equal(one.forces, other.forces)


def test_the_next_run_predicts_only_what_is_missing_and_the_same(tmp_path):
    path = tmp_path / "springs.jsonl"
    stopped(path)
    log, model, told, skipped = opened()
    with log:
        log.begin(path)
        same(log.predict(PAIRS), Springs(lambda *_: None).predict(PAIRS))
        assert model.queries == told == PAIRS[4:]
        assert skipped == PAIRS[:4]
        log.end(complete=True)
    assert not path.exists()


def test_seconds_of_the_earlier_run_count(tmp_path):
    path = tmp_path / "springs.jsonl"
    stopped(path)
    *lines, last = path.read_text().splitlines()
    path.write_text("\n".join([*lines, json.dumps({**json.loads(last), "seconds": 3600.0})]) + "\n")
    log, *_ = opened()
    with log:
        log.begin(path)
        assert 3600 <= log.seconds < 3660
        log.begin(None)
        assert log.seconds < 60


@pytest.mark.parametrize(("version", "repeated"), [("1", 3), ("2", 7)])
def test_predictions_of_other_packages_are_not_believed(tmp_path, version, repeated):
    path = tmp_path / "springs.jsonl"
    stopped(path)
    stopped(path, version="2", status=dict.fromkeys(PAIRS, models.ERROR))
    log, model, *_ = opened(version=version)
    with log:
        log.begin(path)
        log.predict(PAIRS)
    assert len(model.queries) == repeated


def test_line_that_a_kill_cut_off_is_passed_over(tmp_path):
    path = tmp_path / "springs.jsonl"
    stopped(path)
    path.write_text(path.read_text()[:-20])
    log, model, *_ = opened()
    with log:
        log.begin(path)
        log.predict(PAIRS)
    assert model.queries == PAIRS[3:]
    again, model, *_ = opened()
    with again:
        again.begin(path)
        again.predict(PAIRS)
    assert not model.queries


def test_a_refusal_is_kept_and_an_error_is_repeated(tmp_path):
    path = tmp_path / "springs.jsonl"
    wrong = {PAIRS[1]: models.REFUSED, PAIRS[2]: models.ERROR, PAIRS[3]: models.NOT_RUN}
    log, *_ = opened(status=wrong)
    with log:
        log.begin(path)
        first = log.predict(PAIRS)
        log.end(complete=False)
    log, model, *_ = opened()
    with log:
        log.begin(path)
        second = log.predict(PAIRS)
    assert model.queries == PAIRS[2:4]
    same(first[:2], second[:2])


def test_queries_outside_a_section_or_of_a_reused_object_are_always_passed_on(tmp_path):
    log, model, *_ = opened()
    with log:
        log.begin(None)
        log.predict(PAIRS)
        log.predict(PAIRS)
        assert len(model.queries) == 14
        log.begin(tmp_path / "springs.jsonl")
        log.predict(PAIRS)
        log.predict(PAIRS, reuse=True)
        assert len(model.queries) == 28


def test_a_stopped_exam_ends_with_the_findings_of_one_that_was_not(tmp_path):
    opened_models = []

    def run(folder, sections, stop_at=None):
        def opener(watch):
            opened_models.append(Springs(watch, stop_at=stop_at))
            return contextlib.nullcontext(opened_models[-1])

        folder.mkdir(exist_ok=True)
        stream = io.StringIO()
        complete = session.run_exam([candidates.Candidate(ENTRY, opener)], sections, folder, stream)
        exam = json.loads((folder / records.EXAM_JSON).read_text(encoding="utf-8"))
        return complete, exam["models"][0]["findings"], stream.getvalue()

    def files(folder):
        return sorted(path.name for path in (folder / "models").iterdir())

    run(tmp_path / "conditioning checks", ())
    whole = run(tmp_path / "whole", ("nuclei",))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", ("nuclei",), stop_at=300)
    assert files(tmp_path / "stopped") == ["springs.json", "springs.nuclei.jsonl"]
    continued = run(tmp_path / "stopped", ("nuclei",))
    assert continued[:2] == whole[:2]
    assert files(tmp_path / "stopped") == ["springs.json"]
    conditioning, whole, before, after = (model.queries for model in opened_models)
    assert before[len(conditioning) :] + after[len(conditioning) :] == whole[len(conditioning) :]
    assert len(before) == 300
    assert continued[2].splitlines()[-1].startswith("100%")
