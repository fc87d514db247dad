"""A whole exam: rows for what went wrong, nothing asked twice, and names that mean nothing refused in one line."""

import csv
import io
import json

import pytest
from exam_local import CALCULATORS

from h2scale import command_line, runner
from h2scale import config as config_lib
from h2scale.errors import IncompleteError, InputError
from h2scale.exam import models, registry, session, workload

LIMITS = models.TimeLimits(60.0, 10.0, 60.0)


def settings(*calculators, private="", python="", charge="info:charge", spin="info:spin", workers=1):
    return session.ExamSettings(calculators, python, private, charge, spin, ("nuclei",), LIMITS, workers)


def run(folder, *calculators, sections=("nuclei",), **keywords):
    stream = io.StringIO()
    complete = session.run_exam(session.candidates(settings(*calculators, **keywords)), sections, folder, stream)
    with (folder / session.EXAM_CSV).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return complete, rows, json.loads((folder / session.EXAM_JSON).read_text(encoding="utf-8")), stream.getvalue()


def private(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_model_that_does_not_load_is_a_row_and_the_rest_goes_on(tmp_path):
    complete, rows, exam, _ = run(tmp_path, "no_such_module_at_all:make", f"{CALCULATORS}:IgnoresCharge")
    assert not complete
    assert not exam["complete"]
    lost = [row for row in rows if row["model"] == "no_such_module_at_all:make"]
    assert [(row["section"], row["status"]) for row in lost] == [("loading", "not run")]
    assert "No module named" in lost[0]["reason"]
    other = [row for row in rows if row["model"] != "no_such_module_at_all:make"]
    assert {row["status"] for row in other if row["section"] == "bare nuclei"} == {"not conditioned"}
    assert tuple(rows[0]) == session.COLUMNS


def test_finished_model_is_not_asked_again_and_an_incomplete_one_is(tmp_path):
    name = f"{CALCULATORS}:IgnoresCharge"
    assert run(tmp_path, name, sections=())[0]
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "models").iterdir()}
    complete, _, _, said = run(tmp_path, name, sections=())
    assert complete
    assert not said
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "models").iterdir()} == before
    run(tmp_path, "no_such_module_at_all:make", sections=())
    assert run(tmp_path, "no_such_module_at_all:make", sections=())[3]


def test_several_processes_of_a_calculator_find_what_one_does(tmp_path):
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    alone.mkdir()
    shared.mkdir()
    name = f"{CALCULATORS}:RefusesProtons"
    _, rows, exam, _ = run(alone, name, sections=("nuclei", "hydrogen"))
    complete, shared_rows, shared_exam, _ = run(shared, name, sections=("nuclei", "hydrogen"), workers=2)
    assert complete
    assert shared_rows == rows
    assert shared_exam["models"][0]["curves"] == exam["models"][0]["curves"]


def test_an_interrupted_exam_keeps_its_finished_sections_and_a_later_one_may_add_some(tmp_path, monkeypatch):
    def killed(model, *_):
        if not isinstance(model, workload.Silent):  # which only counts what is to be asked
            raise KeyboardInterrupt
        return session.grading.Part([], [])

    name = f"{CALCULATORS}:IgnoresCharge"
    with monkeypatch.context() as patch:
        patch.setattr(session.hydrogen, "examine", killed)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, name, sections=("nuclei", "hydrogen"))
    monkeypatch.setattr(session.nuclei, "examine", killed)  # is not asked again
    complete, rows, exam, _ = run(tmp_path, name, sections=("nuclei", "hydrogen"))
    assert complete
    assert exam["models"][0]["sections"] == ["nuclei", "hydrogen"]
    places = [row["section"] for row in rows]
    assert places.index("bare nuclei") < places.index("hydrogen")
    assert run(tmp_path, name, sections=())[1:3] == (rows, exam)


def test_what_failed_before_is_asked_again_whatever_sections_are_named(tmp_path):
    (candidate,) = session.candidates(settings(f"{CALCULATORS}:IgnoresCharge"))
    assert run(tmp_path, candidate.entry.name, sections=("nuclei",))[0]
    (path,) = (tmp_path / "models").iterdir()
    record = json.loads(path.read_text(encoding="utf-8"))
    lost = {**record["parts"]["nuclei"]["findings"][0], "status": "not run"}
    record["parts"]["loading"] = {"environment": {}, "seconds": 0.0, "findings": [lost], "curves": []}
    record["parts"]["nuclei"]["findings"][0] = lost
    path.write_text(json.dumps(record), encoding="utf-8")
    complete, rows, _, _ = run(tmp_path, candidate.entry.name, sections=())
    assert complete
    assert "not run" not in {row["status"] for row in rows}


def test_sections_asked_with_other_packages_are_named(tmp_path):
    name = f"{CALCULATORS}:IgnoresCharge"
    now = run(tmp_path, name, sections=("nuclei",))[2]["models"][0]
    assert now["environment"]["packages"]["ase"]
    assert now["earlier_environments"] == {}
    (path,) = (tmp_path / "models").iterdir()
    record = json.loads(path.read_text(encoding="utf-8"))
    older = {"python": "3.0.0", "packages": {"ase": "3.0"}}
    record["parts"]["nuclei"]["environment"] = older
    path.write_text(json.dumps(record), encoding="utf-8")
    (later,) = run(tmp_path, name, sections=("nuclei",))[2]["models"]
    assert later["environment"] == now["environment"]
    assert later["earlier_environments"] == {"nuclei": older}


def test_nan_leaves_the_exam_incomplete_and_a_refusal_does_not(tmp_path):
    assert not run(tmp_path, f"{CALCULATORS}:NotANumber", sections=())[0]
    assert run(tmp_path, f"{CALCULATORS}:RaisesNear", sections=())[0]


def test_model_that_raises_on_two_protons_is_refused_which_is_an_answer(tmp_path):
    complete, rows, _, _ = run(tmp_path, f"{CALCULATORS}:RefusesProtons")
    protons = [row for row in rows if row["section"] == "bare nuclei" and row["system"] == "H+ H+"]
    assert {row["status"] for row in protons} == {"refused"}
    assert all("ValueError: there are no electrons" in row["reason"] for row in protons)
    assert complete


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (f"{CALCULATORS}:RaisesNear", 0),
        (f"{CALCULATORS}:NotANumber", command_line.EXIT_INCOMPLETE),
        ("no_such_module_at_all:make", command_line.EXIT_INCOMPLETE),
    ],
)
def test_exit_code_says_whether_the_exam_was_complete(tmp_path, name, code, capsys):
    config = config_lib.default()
    config.stage, config.calculator, config.exam.sections = "exam", name, ()
    assert command_line.run(["launch.py"], config, str(tmp_path / "run")) == code
    assert ("the exam is incomplete" in capsys.readouterr().err) == bool(code)


def test_results_name_no_folder_of_this_checkout(tmp_path):
    exam = run(tmp_path, "chgnet", python="/no/such/python", sections=())[2]
    assert exam["models"][0]["entry"] == "adapters.py:chgnet"


@pytest.mark.parametrize(
    ("calculators", "words"),
    [
        ((), "config.calculator names no model"),
        (("unheard-of",), "config.calculator=unheard-of is no name of the registry (exact, "),
        (("exact", "exact"), "config.calculator names exact twice"),
    ],
)
def test_name_that_means_nothing_is_refused_in_one_line(calculators, words):
    with pytest.raises(InputError, match="calculator") as caught:
        session.candidates(settings(*calculators))
    assert words in str(caught.value)


def test_folder_without_replicas_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is a folder without replicas\.csv"):
        session.candidates(settings(str(tmp_path)))


def test_way_of_passing_charge_is_checked():
    with pytest.raises(InputError, match=r"config\.exam\.charge must be one of info:KEY, .*got 'magic'"):
        session.candidates(settings("a:b", charge="magic"))


def test_private_registry_adds_and_replaces(tmp_path):
    path = private(tmp_path, "mine: {entry: 'a.b:c', kwargs: {x: 1}, charge: none}\nexact: {entry: 'd:e'}\n")
    entries = registry.load(path)
    assert entries["mine"].kwargs == {"x": 1}
    assert (entries["mine"].charge, entries["mine"].spin) == ("none", "info:spin")
    assert entries["exact"].entry == "d:e"
    assert "hf" in entries


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is not YAML"),
        ("- a", "must map names to entries; got list"),
        ("a: {entry: module}", "a needs an entry of the form MODULE:FACTORY"),
        ("a: {entry: 'm:f', chrge: none}", "a has the unknown key chrge"),
        ("a: {entry: 'm:f', spin: yes}", "spin of a must be one of"),
    ],
)
def test_bad_private_registry_is_refused_in_one_line(tmp_path, text, words):
    with pytest.raises(InputError) as caught:
        registry.load(private(tmp_path, text))
    assert words in str(caught.value)


def test_missing_private_registry_is_refused():
    with pytest.raises(InputError, match=r"config\.exam\.registry=/no/such\.yaml cannot be read"):
        registry.load("/no/such.yaml")


def test_every_shipped_entry_says_where_it_comes_from():
    for name, entry in registry.load().items():
        assert {"package", "level_of_theory", "weights", "licence", "tested"} <= set(entry.facts), name


def test_section_that_does_not_exist_is_refused():
    config = config_lib.default()
    config.exam.sections = ("nuclei", "molecules")
    with pytest.raises(ValueError, match=r"exam\.sections.*nuclei, hydrogen, diatomics, shapes"):
        config_lib.resolve(config)


def test_incomplete_exam_is_written_before_it_is_reported(tmp_path):
    config = config_lib.default()
    config.stage, config.calculator = "exam", "no_such_module_at_all:make"
    folder = tmp_path / "run"
    with pytest.raises(IncompleteError, match=r"exam\.csv has the reasons"):
        runner.run(config_lib.resolve(config), str(folder))
    assert "No module named" in (folder / "report.html").read_text(encoding="utf-8")


def test_what_is_foreseen_is_what_a_model_that_answers_is_asked():
    (candidate,) = session.candidates(settings("exact"))
    asked = []
    with candidate.open(lambda ask, answer: asked.append(ask)) as model:
        list(session._parts(model, candidate.entry, ("witness", "nuclei", "hydrogen"), lambda name: None))
    foreseen = session._work(candidate.entry, ("witness", "nuclei", "hydrogen"))
    assert sum(workload.work(ask) for ask in asked) == pytest.approx(foreseen, rel=0.02)


def test_progress_names_the_model_and_what_it_is_asked(tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    session.run_exam(session.candidates(settings("exact")), ("nuclei",), tmp_path, stream)
    assert "asking exact: nuclei" in stream.getvalue()
    assert "1/1 models done" in stream.getvalue()
