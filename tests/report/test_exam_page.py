"""The exam's page: its words come from the results."""

import copy
import re
from pathlib import Path

import pytest
from exam_page_cases import BAD, GOOD, finding, page, write

from h2scale.errors import InputError
from h2scale.report import exam_data, exam_page

SHIPPED = Path(__file__).parents[2] / "experiments" / "results" / "exam"


def test_failures_come_worst_first():
    order = [one["check"] for one in exam_data.worst_first(GOOD["findings"])]
    assert order[:2] == ["tail: mean absolute error", "well: mean absolute error"]
    statuses = [one["status"] for one in exam_data.worst_first(GOOD["findings"] + BAD["findings"])]
    assert statuses == ["fail", "fail", "error", "not conditioned", "measured", "pass", "pass", "pass"]


def test_leaderboard_counts_checks_and_names_the_unconditioned_and_the_incomplete(tmp_path):
    text = page(tmp_path, BAD, GOOD)
    assert "good passes most: 3 of 5 checks." in text
    assert "Charge or spin does not reach bad &lt;b&gt;&amp;." in text
    assert "Incomplete: bad &lt;b&gt;&amp;." in text
    assert text.index(">good</td>") < text.index(">bad &lt;b&gt;&amp;</td>")


def test_metrics_without_limits_are_not_counted_whatever_became_of_them(tmp_path):
    mute = copy.deepcopy(GOOD)
    mute["findings"] += [
        finding("shape, ml-peg", "HF", "force flips", "refused", reason="the calculator gives no forces"),
        finding("teacher split", "H2", "model against exact", "error", reason="the energy is nan"),
    ]
    assert exam_page.num_passed(mute) == exam_page.num_passed(GOOD) == (3, 5)
    assert "3 of 5 checks" in page(tmp_path, mute)


def test_many_names_are_counted_and_not_listed(tmp_path):
    text = page(tmp_path, *[{**BAD, "name": f"blind{i}"} for i in range(5)])
    assert "Charge or spin does not reach 5 of them." in text


def test_text_of_a_model_stays_text(tmp_path):
    text = page(tmp_path, BAD)
    assert "<b>&" not in text
    assert text.count("</script>") == text.count("<script") == 3


def test_sections_examined_with_other_packages_say_so(tmp_path):
    assert "shapes examined earlier with: python 3.10.1, ase 3.22" in page(tmp_path, GOOD)
    old = {key: value for key, value in GOOD.items() if key != "earlier_environments"}
    assert "examined earlier" not in page(tmp_path, old)


def test_page_names_no_address_and_forbids_every_request(tmp_path):
    text = page(tmp_path, GOOD)
    assert exam_page.POLICY in text[: text.index("</head>")]
    addresses = set(re.findall(r"https?://[^\s\"'<]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}  # names, not addresses


def test_folder_of_exams_becomes_one_page(tmp_path):
    write(tmp_path / "one", GOOD)
    write(tmp_path / "two", GOOD, BAD)
    text = exam_page.write_leaderboard(tmp_path).read_text(encoding="utf-8")
    assert "3 models examined." in text
    assert "good (one)" in text
    assert "good (two)" in text


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("{}", "not the result"), ("[", "not the")])
def test_what_is_no_exam_is_refused_in_one_line(tmp_path, content, words):
    if content is not None:
        (tmp_path / "exam.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        exam_page.write_exam_page(tmp_path)


def test_folder_without_exams_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no exam\.json"):
        exam_page.write_leaderboard(tmp_path)


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 2)])
def test_command_says_how_it_is_used(monkeypatch, capsys, arguments, code):
    monkeypatch.setattr("sys.argv", ["exam_page", *arguments])
    with pytest.raises(SystemExit) as ended:
        exam_page.main()
    assert ended.value.code == code
    assert "usage: python -m h2scale.report.exam_page" in "".join(capsys.readouterr())


def test_section_of_later_is_not_asked_in_an_exam_of_before(tmp_path):
    new = {
        **GOOD,
        "name": "new",
        "findings": [*GOOD["findings"], finding("ions", "H", "ionization energy", "pass", 13.6, 13.3, 13.9)],
    }
    text = page(tmp_path, GOOD, new)
    row = text[text.index("<td>good</td>") :].split("</tr>")[0]
    assert row.count("<td>not asked</td>") == 1
    assert "not asked" not in text[text.index("<td>new</td>") :].split("</tr>")[0]


def test_flags_of_a_model_are_shown(tmp_path):
    flags = {"charge": "learned", "range_angstrom": 8.0, "noise_ev": None, "cached": False}
    text = page(tmp_path, {**GOOD, "capabilities": flags})
    assert "Found: charge: learned · range angstrom: 8 · cached: False" in text
    assert "Found:" not in page(tmp_path, GOOD)
