"""The exam's page: its words come from the results; a real browser draws every curve and every control works."""

import copy
import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from h2scale.errors import InputError
from h2scale.exam import records
from h2scale.report import exam_data, exam_page

CHROMIUM = shutil.which("chromium")
SHIPPED = Path(__file__).parents[2] / "experiments" / "results" / "exam"


def finding(section, system, check, status, value=None, low=None, high=None, reason=""):
    return {
        "section": section,
        "system": system,
        "check": check,
        "value": value,
        "unit": "eV",
        "reference": None,
        "low": low,
        "high": high,
        "status": status,
        "reason": reason,
    }


GOOD = {
    "name": "good",
    "entry": "a:b",
    "kwargs": {},
    "charge": "info:charge",
    "spin": "info:spin",
    "facts": {"package": "p"},
    "environment": {"python": "3.11.7", "packages": {"ase": "3.26"}},
    "earlier_environments": {"shapes": {"python": "3.10.1", "packages": {"ase": "3.22"}}},
    "seconds": 3.0,
    "complete": True,
    "findings": [
        finding("conditioning checks", "H2", "charge reaches the model", "pass", 16.4, 0.001),
        finding("hydrogen", "H2", "D_e", "pass", 4.75, 4.7, 4.8),
        finding("hydrogen", "H2", "tail: mean absolute error", "fail", 0.9, 0.0, 0.1),
        finding("hydrogen", "H2", "well: mean absolute error", "fail", 0.2, 0.0, 0.1),
        finding("bare nuclei", "H+ H+", "slope of log E beyond 6 Å", "pass", -1.0, -1.05, -0.95),
        finding("shape, ml-peg", "HH", "force flips", "measured", 1.0),
    ],
    "curves": [
        {
            "section": "hydrogen",
            "system": "H2",
            "note": "own atoms",
            "distances": [0.4, 0.74, 1.5, 4.0],
            "energies": [1.0, -4.7, -2.0, None],
            "references": {"exact": [1.1, -4.75, -2.1, -0.01]},
        },
        {
            "section": "bare nuclei",
            "system": "H+ H+",
            "note": "own separated nuclei",
            "distances": [0.5, 1.0, 10.0],
            "energies": [28.8, 14.4, 1.44],
            "references": {"exact, Z Z / R": [28.8, 14.4, 1.44]},
        },
    ],
}
BAD = copy.deepcopy(GOOD) | {
    "name": "bad <b>&",
    "complete": False,
    "findings": [
        finding(
            "conditioning checks",
            "H2",
            "charge reaches the model",
            "not conditioned",
            reason="takes no </script> charge",
        ),
        finding("hydrogen", "H2", "D_e", "error", reason="the energy is nan"),
    ],
    "curves": GOOD["curves"][:1],
}


def write(folder, *models):
    folder.mkdir(exist_ok=True)
    (folder / "exam.json").write_text(json.dumps({"format": records.FORMAT, "models": models}), encoding="utf-8")
    return folder


def page(folder, *models):
    return exam_page.write_exam_page(write(folder, *models)).read_text(encoding="utf-8")


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


PROBE = """
<pre id="probe"></pre><script>
const seen = {errors: []};
window.addEventListener("error", (event) => seen.errors.push(String(event.message)));
const visible = (selector) =>
  [...document.querySelectorAll(selector)].filter((node) => !node.closest("[hidden]")).length;
window.dispatchEvent(new Event("beforeprint"));  // draws what is far from the window too
seen.lines = [...document.querySelectorAll(".line")].map((line) => line.getAttribute("d"));
seen.references = document.querySelectorAll(".reference").length;
const svg = document.querySelector(".chart[data-section=hydrogen] svg");
const box = svg.getBoundingClientRect();
const at = (share) => ({bubbles: true, clientX: box.left + share * box.width, clientY: box.top + 50});
svg.dispatchEvent(new PointerEvent("pointermove", at(0.4)));
seen.tip = svg.parentElement.querySelector(".tip").textContent;
seen.tipShown = svg.parentElement.querySelector(".tip").style.display;
svg.dispatchEvent(new PointerEvent("pointerleave", at(0.4)));
seen.tipAfter = svg.parentElement.querySelector(".tip").style.display;
const change = (node, value) => { node.value = value; node.dispatchEvent(new Event("input", {bubbles: true})); };
seen.rowsBefore = document.querySelectorAll(".group .finding").length;
for (const group of document.querySelectorAll(".group")) {
  group.open = true;
  group.dispatchEvent(new Event("toggle"));
}
seen.allRows = visible(".group .finding");
change(document.getElementById("status"), "fail");
seen.failedRows = visible(".group .finding");
change(document.getElementById("status"), "");
change(document.getElementById("section"), "bare nuclei");
seen.nucleiCharts = visible(".chart");
change(document.getElementById("section"), "");
change(document.getElementById("find"), "d_e");
seen.foundRows = visible(".group .finding");
change(document.getElementById("find"), "");
const key = (node, name) => node.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
key(svg, "ArrowRight");
seen.tipByKey = svg.parentElement.querySelector(".tip").style.display;
key(svg, "Escape");
const order = () => [...document.querySelectorAll("table.sortable tbody tr")].map((row) => row.cells[0].textContent);
const heads = document.querySelectorAll("table.sortable th");
key(heads[0], "Enter");
seen.byName = order();
key(heads[0], " ");
seen.byNameDown = order();
const findings = document.querySelector(".group table.findings");
findings.tHead.rows[0].cells[1].click();
seen.rowsByCheck = [...findings.tBodies[0].rows].map((row) => row.cells[1].textContent);
const selects = document.querySelectorAll("select.compare");
seen.mostCompared = selects.length;
change(selects[0], "good");
seen.oneCompared = document.querySelectorAll("#compared tr").length;
change(selects[1], "bad <b>&");
seen.compared = document.querySelectorAll("#compared tbody tr").length;
seen.notAsked = [...document.querySelectorAll("#compared .tag.not-asked")].length;
const differ = document.getElementById("differ");
differ.checked = true;
differ.dispatchEvent(new Event("input", {bubbles: true}));
seen.differing = document.querySelectorAll("#compared tbody tr").length;
seen.address = location.hash;
const before = svg.querySelector(".line").getAttribute("d");
change(document.getElementById("scale"), "0.3");
window.dispatchEvent(new Event("beforeprint"));
seen.scaled = svg.querySelector(".line").getAttribute("d") !== before;
change(document.getElementById("to"), "2");
window.dispatchEvent(new Event("beforeprint"));
seen.ticks = [...svg.querySelectorAll("text[text-anchor=middle]")].map((node) => node.textContent);
document.querySelector(".worst a[data-curve]").click();
seen.target = [...document.querySelectorAll(".chart.target")].map((chart) => chart.dataset.key);
seen.focused = document.activeElement === svg;
const first = document.querySelector("input.model");
first.checked = false;
first.dispatchEvent(new Event("input", {bubbles: true}));
seen.cards = visible(".card");
seen.linesLeft = visible(".line");
document.getElementById("none").click();
seen.noLines = visible(".line");
document.getElementById("all").click();
seen.allLines = visible(".line");
seen.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
fetch("data:text/plain,x").then(() => { seen.fetched = true; }, () => { seen.fetched = false; }).then(() => {
  document.getElementById("probe").textContent = JSON.stringify(seen);
});
</script></body>"""


def browse(folder, text, probe, width=1200, address="", clock=("--virtual-time-budget=3000",)):
    """Dictionary that a probe leaves in a page which a headless browser opens at an address."""
    path = folder / "probed.html"
    path.write_text(text.replace("</body>", probe), encoding="utf-8")
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width},900",
            *clock,
            "--dump-dom",
            path.as_uri() + address,
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return json.loads(html.unescape(re.search(r'<pre id="probe">(\{.*?\})</pre>', done.stdout, re.S).group(1)))


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
@pytest.mark.parametrize("width", [390, 1200], ids=["phone", "desk"])
def test_real_browser_draws_every_curve_and_its_controls_work(tmp_path, width):
    seen = browse(tmp_path, page(tmp_path, GOOD, BAD), PROBE, width)
    assert seen["errors"] == []
    assert len(seen["lines"]) == 3
    assert all(line.startswith("M") and "NaN" not in line for line in seen["lines"])
    assert seen["references"] == 2
    assert "exact: " in seen["tip"]
    assert "good: " in seen["tip"]
    assert (seen["tipShown"], seen["tipAfter"]) == ("block", "none")
    assert seen["rowsBefore"] == 0  # made when they are wanted
    assert (seen["allRows"], seen["failedRows"], seen["nucleiCharts"], seen["foundRows"]) == (8, 2, 1, 2)
    assert (seen["cards"], seen["linesLeft"]) == (1, 1)
    assert (seen["noLines"], seen["allLines"]) == (0, 3)
    assert seen["fetched"] is False
    assert seen["wide"] <= 0
    # The keyboard does what the pointer does.
    assert seen["tipByKey"] == "block"
    assert seen["byName"] == ["bad <b>&", "good"]
    assert seen["byNameDown"] == ["good", "bad <b>&"]
    assert seen["rowsByCheck"] == sorted(seen["rowsByCheck"])
    # Side by side.
    assert (seen["mostCompared"], seen["oneCompared"]) == (4, 0)
    assert (seen["compared"], seen["notAsked"], seen["differing"]) == (6, 4, 6)
    assert "compare=good&compare=bad+%3Cb%3E%26" in seen["address"]
    assert "differ=1" in seen["address"]
    # Zoom, and from a failed check to its curve.
    assert seen["scaled"]
    assert seen["ticks"] == ["0.5", "0.7", "1", "1.5", "2"]
    assert seen["target"] == ["hydrogen|H2"]
    assert seen["focused"]


RESTORED = """
<pre id="probe"></pre><script>
window.addEventListener("load", () => {
  const seen = {
    section: document.getElementById("section").value,
    hidden: [...document.querySelectorAll("input.model:not(:checked)")].map((box) => box.value),
    compared: document.querySelectorAll("#compared tbody tr").length,
    order: [...document.querySelectorAll("table.sortable tbody tr")].map((row) => row.cells[0].textContent),
    target: [...document.querySelectorAll(".chart.target")].map((chart) => chart.dataset.key),
    address: location.hash,
    milliseconds: performance.now(),
    scale: document.getElementById("scale").value,
  };
  document.getElementById("probe").textContent = JSON.stringify(seen);
});
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_address_brings_the_same_page_back(tmp_path):
    bad = "bad+%3Cb%3E%26"
    address = f"#section=hydrogen&scale=0.3&hide={bad}&compare=good&compare={bad}&sort=0-&curve=hydrogen%7CH2"
    seen = browse(tmp_path, page(tmp_path, GOOD, BAD), RESTORED, address=address)
    assert seen["section"] == "hydrogen"
    assert seen["scale"] == "0.3"
    assert seen["hidden"] == ["bad <b>&"]
    assert seen["compared"] == 3
    assert seen["order"] == ["good", "bad <b>&"]
    assert seen["target"] == ["hydrogen|H2"]
    assert seen["address"] == address


LOADED = """
<pre id="probe"></pre><script>
window.addEventListener("load", () => {
  window.dispatchEvent(new Event("beforeprint"));  // draws every curve, more than a window shows
  const seen = {models: document.querySelectorAll(".card").length,
    lines: document.querySelectorAll(".line").length, milliseconds: performance.now()};
  document.getElementById("probe").textContent = JSON.stringify(seen);
});
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_fifty_models_that_were_asked_everything_are_shown_within_two_seconds(tmp_path):
    shipped = json.loads((SHIPPED / "gfn1-xtb" / "exam.json").read_text(encoding="utf-8"))["models"][0]
    assert len(shipped["findings"]) > 450
    text = page(tmp_path, *({**shipped, "name": f"model {place}"} for place in range(50)))
    for _ in range(3):  # beside other work the clock of the page says little
        seen = browse(tmp_path, text, LOADED, clock=())
        if seen["milliseconds"] < 2000:
            break
    assert (seen["models"], seen["lines"]) == (50, 50 * len(shipped["curves"]))
    assert seen["milliseconds"] < 2000


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
