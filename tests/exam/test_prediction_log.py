"""Answers are kept as they come: a stopped exam asks nothing twice, and nothing of another model is believed."""

import contextlib
import io
import json

import numpy as np
import pytest

from h2scale.exam import models, prediction_log, session

PAIRS = [models.dimer(1, 1, distance, 0, 1) for distance in np.geomspace(0.3, 3.0, 7)]
ENTRY = models.Entry("springs", "made:up")


class Springs:
    """Ties its atoms to the origin; may refuse, err or be stopped at the n-th structure it is asked."""

    failure = ""

    def __init__(self, answered, *, version="1", stop_at=None, status=None):
        self.environment = {"python": "3", "packages": {"springs": version}}
        self.asked = []
        self._answered, self._stop_at, self._status = answered, stop_at, status or {}

    def ask(self, asks, *, reuse=False):
        answers = []
        for ask in asks:
            if len(self.asked) == self._stop_at:
                raise KeyboardInterrupt
            self.asked.append(ask)
            answers.append(self._answer(ask))
            self._answered(ask, answers[-1])
        return answers

    def _answer(self, ask):
        status = self._status.get(ask, models.OK)
        if status != models.OK:
            return models.Answer(np.nan, None, status, f"says {status}")
        energy = float(np.sum(np.square(ask.positions)) / 3 + ask.spin + 9 * ask.charge)
        return models.Answer(energy, -np.array(ask.positions) / 3, models.OK, "")


def opened(**keywords):
    told, skipped = [], []
    log = prediction_log.AnswerLog(lambda ask, answer: told.append(ask), skipped.append)
    model = Springs(log.answered, **keywords)
    log.listen(model)
    return log, model, told, skipped


def stopped(path, **keywords):
    """A run that is stopped at the fifth structure."""
    log, *_ = opened(stop_at=4, **keywords)
    with log:
        log.begin(path)
        with pytest.raises(KeyboardInterrupt):
            log.ask(PAIRS)


def same(first, second):
    for one, other in zip(first, second, strict=True):
        assert (one.status, one.reason) == (other.status, other.reason)
        assert one.energy == other.energy or np.isnan([one.energy, other.energy]).all()
        np.testing.assert_array_equal(one.forces, other.forces)


def test_the_next_run_asks_only_what_is_missing_and_answers_the_same(tmp_path):
    path = tmp_path / "springs.jsonl"
    stopped(path)
    log, model, told, skipped = opened()
    with log:
        log.begin(path)
        same(log.ask(PAIRS), Springs(lambda *_: None).ask(PAIRS))
        assert model.asked == told == PAIRS[4:]
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


@pytest.mark.parametrize(("version", "asked_again"), [("1", 3), ("2", 7)])
def test_answers_of_other_packages_are_not_believed(tmp_path, version, asked_again):
    path = tmp_path / "springs.jsonl"
    stopped(path)
    stopped(path, version="2", status=dict.fromkeys(PAIRS, models.ERROR))
    log, model, *_ = opened(version=version)
    with log:
        log.begin(path)
        log.ask(PAIRS)
    assert len(model.asked) == asked_again


def test_line_that_a_kill_cut_off_is_passed_over(tmp_path):
    path = tmp_path / "springs.jsonl"
    stopped(path)
    path.write_text(path.read_text()[:-20])
    log, model, *_ = opened()
    with log:
        log.begin(path)
        log.ask(PAIRS)
    assert model.asked == PAIRS[3:]
    again, model, *_ = opened()
    with again:
        again.begin(path)
        again.ask(PAIRS)
    assert not model.asked


def test_a_refusal_is_kept_and_an_error_is_asked_again(tmp_path):
    path = tmp_path / "springs.jsonl"
    wrong = {PAIRS[1]: models.REFUSED, PAIRS[2]: models.ERROR, PAIRS[3]: models.NOT_RUN}
    log, *_ = opened(status=wrong)
    with log:
        log.begin(path)
        first = log.ask(PAIRS)
        log.end(complete=False)
    log, model, *_ = opened()
    with log:
        log.begin(path)
        second = log.ask(PAIRS)
    assert model.asked == PAIRS[2:4]
    same(first[:2], second[:2])


def test_what_is_asked_outside_a_section_or_of_a_reused_object_is_always_asked(tmp_path):
    log, model, *_ = opened()
    with log:
        log.begin(None)
        log.ask(PAIRS)
        log.ask(PAIRS)
        assert len(model.asked) == 14
        log.begin(tmp_path / "springs.jsonl")
        log.ask(PAIRS)
        log.ask(PAIRS, reuse=True)
        assert len(model.asked) == 28


def test_a_stopped_exam_ends_with_the_findings_of_one_that_was_not(tmp_path):
    asked = []

    def run(folder, sections, stop_at=None):
        def opener(answered):
            asked.append(Springs(answered, stop_at=stop_at))
            return contextlib.nullcontext(asked[-1])

        folder.mkdir(exist_ok=True)
        stream = io.StringIO()
        complete = session.run_exam([session.Candidate(ENTRY, opener)], sections, folder, stream)
        exam = json.loads((folder / session.EXAM_JSON).read_text(encoding="utf-8"))
        return complete, exam["models"][0]["findings"], stream.getvalue()

    def files(folder):
        return sorted(path.name for path in (folder / "models").iterdir())

    run(tmp_path / "witness", ())
    whole = run(tmp_path / "whole", ("nuclei",))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", ("nuclei",), stop_at=300)
    assert files(tmp_path / "stopped") == ["springs.json", "springs.nuclei.jsonl"]
    continued = run(tmp_path / "stopped", ("nuclei",))
    assert continued[:2] == whole[:2]
    assert files(tmp_path / "stopped") == ["springs.json"]
    witness, whole, before, after = (model.asked for model in asked)
    assert before[len(witness) :] + after[len(witness) :] == whole[len(witness) :]
    assert len(before) == 300
    assert continued[2].splitlines()[-1].startswith("100%")
