"""Results, records and logs that format 1 wrote are read as if this version had written them."""

import io
import json
from pathlib import Path

import pytest
from exam_local import candidate

from h2scale.exam import models, prediction_log, records, session
from h2scale.report import exam_page
from h2scale.runtime import migration, workdir


@pytest.fixture
def old():
    """By file name: what the exam of the made-up calculator `Stale` left, with the log of a section cut short."""
    return json.loads(Path(__file__).with_name("exam_of_format_1.json").read_text(encoding="utf-8"))


def run(folder):
    stream = io.StringIO()
    session.run_exam([candidate("Stale")], (), folder, stream)
    return json.loads((folder / records.EXAM_JSON).read_text(encoding="utf-8")), stream.getvalue()


def test_results_have_the_findings_of_a_new_exam(old, tmp_path):
    content, _ = run(tmp_path)
    migrated = migration.exam_results(old["exam.json"])
    (model,), (new,) = migrated["models"], content["models"]
    assert migrated["format"] == content["format"] == records.FORMAT
    assert model["findings"] == new["findings"]
    assert model.keys() == new.keys() - {"capabilities"}  # which results of before do not have
    assert model["entry"] == "h2scale.exam.calculators.exact_calculators:ExactCalculator"
    assert migration.exam_results(content) is content


def test_page_is_that_of_the_migrated_results(old, tmp_path):
    pages = []
    for content in (old["exam.json"], migration.exam_results(old["exam.json"])):
        (tmp_path / records.EXAM_JSON).write_text(json.dumps(content), encoding="utf-8")
        pages.append(exam_page.write_exam_page(tmp_path).read_text(encoding="utf-8"))
    assert pages[0] == pages[1]
    assert "Conditioning checks" in pages[0]


def test_finished_exam_goes_on_without_a_query(old, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "Stale.json").write_text(json.dumps(old["models/Stale.json"]), encoding="utf-8")
    content, said = run(tmp_path)
    assert not said
    assert content == migration.exam_results(old["exam.json"])


def test_log_spares_its_queries(old, tmp_path):
    environment, line = old["models/Stale.nuclei.jsonl"]
    path = tmp_path / "Stale.nuclei.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in (environment, {**line, "seconds": 7.0})))

    class Never:
        failure, environment = "", old["models/Stale.nuclei.jsonl"][0]["environment"]

    with prediction_log.PredictionLog(models.ignore, lambda query: None) as log:
        log.attach(Never())
        log.begin(path)
        (prediction,) = log.predict([models.dimer(1, 1, 0.8, 0, 1)])
        assert prediction == (-1.5, None, "ok", "the calculator gives no forces")
        assert log.seconds >= 7


def test_workdir_opens_with_the_settings_of_today(old, tmp_path):
    (tmp_path / workdir.CONFIG_FILE).write_text(json.dumps(old["config.json"]), encoding="utf-8")
    opened = workdir.open_workdir(str(tmp_path), {"stage": "exam", "exam.prediction_seconds": 120.0})
    assert json.loads((opened / workdir.CONFIG_FILE).read_text(encoding="utf-8")) == old["config.json"]
