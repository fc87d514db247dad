"""A whole exam: rows for what went wrong, no query sent twice, and an exit code that says what is missing."""

import csv
import io
import json

import pytest
from exam_local import CALCULATORS, Local, candidate, made_up

from h2scale import command_line
from h2scale import config as config_lib
from h2scale.exam import candidates, records, session, worker_model, workload
from h2scale.exam.sections import SECTIONS, hydrogen, nuclei

LIMITS = worker_model.TimeLimits(60.0, 10.0, 60.0)
MISSING = "no_such_module_at_all:make"


def in_processes(*calculators, python="", workers=1):
    """Candidates in processes of their own, as the command line makes them."""
    settings = candidates.CandidateSettings(calculators, python, "", "info:charge", "info:spin", LIMITS, workers)
    return candidates.find(settings)


def results(folder):
    with (folder / records.EXAM_CSV).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return rows, json.loads((folder / records.EXAM_JSON).read_text(encoding="utf-8"))


def run(folder, *found, sections=("nuclei",)):
    stream = io.StringIO()
    complete = session.run_exam(found, sections, folder, stream)
    return complete, *results(folder), stream.getvalue()


def edit_record(folder, change):
    """Changes the record of the only model in a workdir."""
    (path,) = (folder / records.MODELS_FOLDER).iterdir()
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record["parts"])
    path.write_text(json.dumps(record), encoding="utf-8")


def test_model_that_does_not_load_is_a_row_and_the_rest_goes_on(tmp_path):
    complete, rows, exam, _ = run(tmp_path, *in_processes(MISSING, f"{CALCULATORS}:IgnoresCharge"))
    assert not complete
    assert not exam["complete"]
    lost = [row for row in rows if row["model"] == MISSING]
    assert [(row["section"], row["status"]) for row in lost] == [("loading", "not run")]
    assert "No module named" in lost[0]["reason"]
    other = [row for row in rows if row["model"] != MISSING]
    assert {row["status"] for row in other if row["section"] == "bare nuclei"} == {"not conditioned"}
    assert tuple(rows[0]) == records.COLUMNS


def test_finished_model_is_not_examined_again_and_an_incomplete_one_is(tmp_path):
    finished, incomplete = candidate("IgnoresCharge"), candidate("NotANumber")
    assert run(tmp_path, finished, sections=())[0]
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "models").iterdir()}
    complete, _, _, said = run(tmp_path, finished, sections=())
    assert complete
    assert not said
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "models").iterdir()} == before
    run(tmp_path, incomplete, sections=())
    assert run(tmp_path, incomplete, sections=())[3]


def test_several_processes_of_a_calculator_find_what_one_does(tmp_path):
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    alone.mkdir()
    shared.mkdir()
    name = f"{CALCULATORS}:RefusesProtons"
    _, rows, exam, _ = run(alone, *in_processes(name), sections=("nuclei", "hydrogen"))
    complete, shared_rows, shared_exam, _ = run(shared, *in_processes(name, workers=2), sections=("nuclei", "hydrogen"))
    assert complete  # a refusal is a result
    assert shared_rows == rows
    assert shared_exam["models"][0]["curves"] == exam["models"][0]["curves"]
    protons = [row for row in rows if row["section"] == "bare nuclei" and row["system"] == "H+ H+"]
    assert {row["status"] for row in protons} == {"refused"}
    assert all("ValueError: there are no electrons" in row["reason"] for row in protons)


def test_an_interrupted_exam_keeps_its_finished_sections_and_a_later_one_may_add_some(tmp_path, monkeypatch):
    def killed(model, *_):
        if not isinstance(model, workload.SilentModel):  # which only counts the queries
            raise KeyboardInterrupt
        return session.grading.Part([], [])

    model = candidate("IgnoresCharge")
    with monkeypatch.context() as patch:
        patch.setattr(hydrogen, "examine", killed)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, model, sections=("nuclei", "hydrogen"))
    monkeypatch.setattr(nuclei, "examine", killed)  # is not examined again
    complete, rows, exam, _ = run(tmp_path, model, sections=("nuclei", "hydrogen"))
    assert complete
    assert exam["models"][0]["sections"] == ["nuclei", "hydrogen"]
    places = [row["section"] for row in rows]
    assert places.index("bare nuclei") < places.index("hydrogen")
    assert run(tmp_path, model, sections=())[1:3] == (rows, exam)


def test_what_failed_before_is_repeated_whatever_sections_are_named(tmp_path):
    model = candidate("IgnoresCharge")
    assert run(tmp_path, model)[0]

    def fail(parts):
        lost = {**parts["nuclei"]["findings"][0], "status": "not run"}
        parts["loading"] = {"environment": {}, "seconds": 0.0, "findings": [lost], "curves": []}
        parts["nuclei"]["findings"][0] = lost

    edit_record(tmp_path, fail)
    complete, rows, _, _ = run(tmp_path, model, sections=())
    assert complete
    assert "not run" not in {row["status"] for row in rows}


def test_sections_examined_with_other_packages_are_named(tmp_path):
    model = candidate("IgnoresCharge")
    (now,) = run(tmp_path, model)[2]["models"]
    assert now["environment"]["packages"]["ase"]
    assert now["earlier_environments"] == {}
    older = {"python": "3.0.0", "packages": {"ase": "3.0"}}
    edit_record(tmp_path, lambda parts: parts["nuclei"].update(environment=older))
    (later,) = run(tmp_path, model)[2]["models"]
    assert later["environment"] == now["environment"]
    assert later["earlier_environments"] == {"nuclei": older}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (f"{CALCULATORS}:RaisesNear", 0),
        (f"{CALCULATORS}:NotANumber", command_line.EXIT_INCOMPLETE),
        (MISSING, command_line.EXIT_INCOMPLETE),
    ],
)
def test_exit_code_says_whether_the_exam_was_complete_and_all_is_written_before(tmp_path, name, code, capsys):
    config = config_lib.default()
    config.stage, config.calculator, config.exam.sections = "exam", name, ()
    folder = tmp_path / "run"
    assert command_line.run(config, str(folder)) == code
    assert ("exam.csv has the reasons" in capsys.readouterr().err) == bool(code)
    assert results(folder)[1]["complete"] == (code == 0)
    assert ("No module named" in (folder / "report.html").read_text(encoding="utf-8")) == (name == MISSING)


def test_results_name_no_folder_of_this_checkout(tmp_path):
    exam = run(tmp_path, *in_processes("chgnet", python="/no/such/python"), sections=())[2]
    assert exam["models"][0]["entry"] == "adapters.py:chgnet"


def test_sections_of_the_settings_are_those_there_are():
    config = config_lib.default()
    assert tuple(config.exam.sections) == tuple(SECTIONS)
    config.exam.sections = ("nuclei", "molecules")
    with pytest.raises(
        ValueError,
        match=r"exam\.sections.*nuclei, hydrogen, diatomics, shapes, compression, smoothness, ions, separation, bonds",
    ):
        config_lib.resolve(config)


def test_foreseen_work_is_that_of_a_model_that_refuses_nothing():
    entry, names = made_up("Honest"), ("conditioning checks", "nuclei", "hydrogen")
    model = Local(entry)
    list(session._parts(model, entry, names, lambda name: None, None))
    assert sum(map(workload.work, model.queries)) == pytest.approx(session._work(entry, names), rel=0.02)


def test_progress_names_the_model_and_its_section(tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    session.run_exam([candidate("IgnoresCharge")], ("nuclei",), tmp_path, stream)
    assert "examining IgnoresCharge: nuclei" in stream.getvalue()
    assert "1/1 models done" in stream.getvalue()


@pytest.mark.parametrize(
    ("name", "words"),
    [("RefusesEverything", "could not be asked: neutral singlet H2"), ("returns_a_number", "returned int, no ASE")],
)
def test_what_could_not_be_asked_has_not_been_examined(tmp_path, name, words):
    config = config_lib.default()
    config.stage, config.calculator = "exam", f"{CALCULATORS}:{name}"
    assert command_line.run(config, str(tmp_path / "run")) == command_line.EXIT_INCOMPLETE
    rows, exam = results(tmp_path / "run")
    assert any(words in row["reason"] and row["status"] == "not run" for row in rows)
    assert exam["models"][0]["sections"] == []
    assert not exam["complete"]


def test_published_results_get_the_sections_that_they_lack(tmp_path):
    model = candidate("IgnoresCharge")
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    (old,) = run(before, model, sections=("nuclei",))[2]["models"]
    published = json.loads((before / records.EXAM_JSON).read_text(encoding="utf-8"))
    published["models"][0]["seconds"] = 5000.0
    (after / records.EXAM_JSON).write_text(json.dumps(published), encoding="utf-8")
    (new,) = run(after, model, sections=("nuclei", "separation"))[2]["models"]
    assert new["sections"] == ["nuclei", "separation"]
    kept = [one for one in new["findings"] if one["section"] != "separation"]
    assert kept == old["findings"]
    assert len(new["findings"]) > len(kept)
    assert 5000.0 < new["seconds"] < 6000.0  # what it took before is not forgotten
    assert new["complete"]
