"""Pages of the exam: checks passed by each model, failures worst first, and every curve, in one file without network.

`python -m h2scale.report.exam_page FOLDER` collects every exam.json below a folder into FOLDER/leaderboard.html.
"""

import argparse
import html
import json
import sys
import urllib.parse
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from h2scale.errors import InputError
from h2scale.exam import conditioning_checks, grading
from h2scale.exam.sections import SECTIONS
from h2scale.report import exam_data, page
from h2scale.runtime import files, migration

GROUPS = (conditioning_checks.SECTION, *(title for section in SECTIONS.values() for title in section.titles))
"""Beginnings of the findings' sections, in the order of the page."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
"""Enforced by the browser: nothing is fetched."""
_SHOWN_FAILURES = 8
_NAMED_AT_MOST = 4
_DIGEST = 8
MOST_COMPARED = 4

Model = dict[str, Any]
Finding = dict[str, Any]


def write_exam_page(folder: str | Path) -> Path:
    """Write report.html from a folder's exam.json; return its path.

    Raises:
        InputError: exam.json is missing, not readable or holds no model.
    """
    folder = Path(folder)
    return _write(folder / "report.html", _read(folder / "exam.json"), "The exam")


def write_leaderboard(folder: str | Path) -> Path:
    """Write leaderboard.html from every exam.json below a folder; return its path.

    A model that stands in several exams is told apart by the folder of each.

    Raises:
        InputError: there is no exam.json, or one is not readable.
    """
    folder = Path(folder)
    paths = sorted(folder.rglob("exam.json"))
    if not paths:
        raise InputError(f"{folder} holds no exam.json; name a folder of exams.")
    found = [(path.parent.relative_to(folder), model) for path in paths for model in _read(path)]
    names = [model["name"] for _, model in found]
    models = [
        model if names.count(model["name"]) == 1 else {**model, "name": f"{model['name']} ({where})"}
        for where, model in found
    ]
    return _write(folder / "leaderboard.html", models, "Leaderboard of the exam")


def num_passed(model: Model) -> tuple[int, int]:
    """Return the checks passed and all checks with a verdict or none; sections that have no limits are left out."""
    counted = [one["status"] for one in model["findings"] if _is_scored(one)]
    return counted.count(grading.PASS), len(counted)


def _is_scored(finding: Finding) -> bool:
    return grading.is_scored(finding["section"], finding["status"])


def _read(path: Path) -> list[Model]:
    try:
        found = migration.exam_results(json.loads(path.read_text(encoding="utf-8")))["models"]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not the result of an exam ({type(error).__name__}: {error}).") from error
    if not found:
        raise InputError(f"{path} holds no model.")
    return found


def _write(path: Path, models: list[Model], title: str) -> Path:
    models = sorted(models, key=num_passed, reverse=True)
    assets = resources.files("h2scale.report") / "assets"
    style, script = ((assets / name).read_text(encoding="utf-8") for name in ("exam_page.css", "exam_page.js"))
    # "<" is escaped so that no text of a model can close the element.
    data = json.dumps(exam_data.drawn(models), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    body = [
        f"<style>{style}</style>",
        page.element("h1", title),
        page.element("p", _summary(models), "lead"),
        f'<div class="board">{_leaderboard(models)}</div>',
        page.element("p", _LEGEND, "soft"),
        _filters(models),
        page.element("h2", "Side by side"),
        _comparison(models),
        page.element("h2", "Curves"),
        page.element("p", _CURVES_HELP, "soft"),
        _ZOOM,
        '<div id="charts"></div>',
        page.element("h2", "Report cards"),
        *[_card(model) for model in models],
        f'<script type="application/json" id="data">{data}</script>',
        f"<script>{script}</script>",
    ]
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    document = page.document(f"h2scale: {title}", body)
    files.write_text(path, document.replace("<title>", policy + "<title>", 1))
    return path


_CURVES_HELP = (
    "Move over a curve, or along it with the arrow keys, for its numbers. A curve that leaves its frame is cut there."
)
_ZOOM = (
    '<div class="filters still" id="zoom"><label>Distances from '
    '<input type="number" id="from" min="0" step="any" placeholder="all"></label> '
    '<label>to <input type="number" id="to" min="0" step="any" placeholder="all"> Å</label> '
    '<label>Energies <select id="scale" data-usual="1">'
    + "".join(
        f'<option value="{scale}"{" selected" * (scale == "1")}>{text}</option>'
        for scale, text in (("10", "÷ 10"), ("3", "÷ 3"), ("1", "as they are"), ("0.3", "× 3"), ("0.1", "× 10"))
    )
    + "</select></label></div>"
)
_LEGEND = (
    "Cells show checks passed of all checks. Refused: the model raised, which is an honest result. Not conditioned: "
    "charge or spin does not reach the model, so what depends on it was not scored. Not asked: an exam of before the "
    "section was added. Shape metrics have no limits. A click on a column's name sorts by it."
)


def _summary(models: list[Model]) -> str:
    best = models[0]
    incomplete = [model["name"] for model in models if not model["complete"]]
    blind = [
        model["name"] for model in models if any(one["status"] == grading.NOT_CONDITIONED for one in model["findings"])
    ]
    parts = [f"{len(models)} model{'s' if len(models) > 1 else ''} examined."]
    passed, total = num_passed(best)
    parts.append(f"{best['name']} passes most: {passed} of {total} checks.")
    if blind:
        parts.append(f"Charge or spin does not reach {_named(blind)}.")
    if incomplete:
        parts.append(f"Incomplete: {_named(incomplete)}.")
    return " ".join(parts)


def _named(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _NAMED_AT_MOST else f"{len(names)} of them"


def _leaderboard(models: list[Model]) -> str:
    groups = [
        group
        for group in GROUPS
        if any(_is_scored(one) for model in models for one in _of(model, group) if one["low"] is not None)
    ]
    headers = ["Model", "Passed", *[group.capitalize() for group in groups], "H₂ D_e (eV)", "H⁺H⁺ R E / 14.4"]
    rows = []
    for model in models:
        passed, total = num_passed(model)
        cells: list[str | tuple[str, float]] = [model["name"], (f"{passed} of {total}", passed)]
        for group in groups:
            counted = [one for one in _of(model, group) if _is_scored(one)]
            passed = sum(one["status"] == grading.PASS for one in counted)
            nothing = "–" if _of(model, group) else "not asked"
            cells.append((f"{passed}/{len(counted)}", passed / len(counted)) if counted else nothing)
        cells.append(_headline(model, "hydrogen", "H2", "D_e"))
        cells.append(_headline(model, "bare nuclei", "H+ H+", "R E / (Z Z 14.4 eV Å), 0.62 to 6 Å"))
        rows.append(cells)
    return page.sortable(headers, rows)


def _headline(model: Model, section: str, system: str, check: str) -> str | tuple[str, float]:
    for one in model["findings"]:
        if (one["section"], one["system"], one["check"]) == (section, system, check):
            return one["status"] if one["value"] is None else (_number(one["value"]), one["value"])
    return "–"


def _filters(models: list[Model]) -> str:
    names = "".join(
        f'<label class="chip"><input type="checkbox" class="model" value="{html.escape(model["name"])}" checked>'
        f'<i class="swatch"></i>{html.escape(model["name"])}</label>'
        for model in models
    )
    sections = list(dict.fromkeys(one["section"] for model in models for one in model["findings"]))
    selects = (("Section", _select("section", sections)), ("Status", _select("status", grading.STATUSES)))
    return (
        f'<div class="filters" id="filters"><div>{names}'
        '<button type="button" id="all">all</button> <button type="button" id="none">none</button></div>'
        + "".join(f"<label>{name} {select}</label> " for name, select in selects)
        + '<label>Find <input type="search" id="find" placeholder="N2, slope, …"></label></div>'
    )


def _comparison(models: list[Model]) -> str:
    """Return the choice of up to four models whose findings are shown beside each other."""
    names = "".join(f"<option>{html.escape(model['name'])}</option>" for model in models)
    selects = "".join(
        f'<select class="compare" aria-label="model {place + 1}"><option value="">–</option>{names}</select> '
        for place in range(MOST_COMPARED)
    )
    differ = '<label><input type="checkbox" id="differ"> only where their status differs</label>'
    return f'<div class="filters still" id="comparison">{selects}{differ}</div><div id="compared"></div>'


def _select(identity: str, values: Sequence[str]) -> str:
    options = "".join(f"<option>{html.escape(value)}</option>" for value in values)
    return f'<select id="{identity}"><option value="">all</option>{options}</select>'


def _card(model: Model) -> str:
    name = model["name"]
    counts = {status: sum(one["status"] == status for one in model["findings"]) for status in grading.STATUSES}
    told = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    told += f"; {model['seconds']:.0f} s."
    facts = {**model["facts"], "charge": model["charge"], "spin": model["spin"], **_environment(model)}
    flags = {key: value for key, value in model.get("capabilities", {}).items() if value is not None}
    able = " · ".join(f"{key.replace('_', ' ')}: {_flag(value)}" for key, value in flags.items())
    about = " · ".join(f"{key.replace('_', ' ')}: {value}" for key, value in facts.items())
    failures = [
        one for one in exam_data.worst_first(model["findings"]) if one["status"] in (grading.FAIL, *grading.INCOMPLETE)
    ]
    folded = [
        f'<details class="group" data-model="{html.escape(name)}" data-group="{html.escape(group)}">'
        f"<summary>{html.escape(group)}: {_tally(_of(model, group))}</summary></details>"
        for group in (*GROUPS, "loading")
        if _of(model, group)
    ]
    return (
        f'<section class="card" data-model="{html.escape(name)}">{page.element("h3", name)}'
        f"{page.element('p', told)}{page.element('p', about, 'soft')}"
        + (page.element("p", f"Found: {able}", "soft") if able else "")
        + (page.element("p", "Worst failures", "soft") + _table(model, failures[:_SHOWN_FAILURES]) if failures else "")
        + "".join(folded)
        + "</section>"
    )


def _environment(model: Model) -> dict[str, str]:
    """Return the versions behind the predictions, and those of an earlier run's sections where they differ."""
    told = {}
    if environment := model["environment"]:
        told = {"python": environment["python"], "packages": _versions(environment)}
    for section, earlier in model.get("earlier_environments", {}).items():  # earlier results say nothing of it
        told[f"{section} examined earlier with"] = f"python {earlier['python']}, {_versions(earlier)}"
    return told


def _versions(environment: dict[str, Any]) -> str:
    versions = [f"{name} {version}" for name, version in environment["packages"].items()]
    if source := environment.get("source", ""):  # earlier results do not have it
        versions.append(f"source {source[:_DIGEST]}")
    return ", ".join(versions)


def _flag(value: Any) -> str:
    return _number(value) if isinstance(value, float) else str(value)


def _table(model: Model, findings: Sequence[Finding]) -> str:
    """Return findings as rows, those that have a curve with a link to it."""
    drawn = {(curve["section"], curve["system"]) for curve in model["curves"]}
    rows = "".join(
        f'<tr class="finding" data-section="{html.escape(one["section"])}" data-status="{one["status"]}">'
        f'<td><span class="tag {one["status"].replace(" ", "-")}">{one["status"]}</span></td>'
        f"<td>{_check(one, (one['section'], one['system']) in drawn)}</td>"
        f'<td class="number">{_value(one)}</td><td class="soft">{_limits(one)}</td>'
        f'<td class="soft">{html.escape(one["reason"])}</td></tr>'
        for one in findings
    )
    return f'<div class="scroll worst"><table class="findings"><tbody>{rows}</tbody></table></div>'


def _check(one: Finding, drawn: bool) -> str:
    text = html.escape(f"{one['system']}: {one['check']}")
    if not drawn:
        return text
    key = f"{one['section']}|{one['system']}"
    return f'<a href="#curve={urllib.parse.quote(key)}" data-curve="{html.escape(key)}">{text}</a>'


def _value(one: Finding) -> str:
    return "–" if one["value"] is None else f"{_number(one['value'])} {html.escape(one['unit'])}"


def _limits(one: Finding) -> str:
    reference = "" if one["reference"] is None else f"reference {_number(one['reference'])}"
    low, high = one["low"], one["high"]
    if low is None and high is None:
        return reference
    span = f"{_number(low) if low is not None else '…'} to {_number(high) if high is not None else '…'}"
    return f"{reference}, " * bool(reference) + f"passes {span}"


def _tally(findings: Sequence[Finding]) -> str:
    counts = {status: sum(one["status"] == status for one in findings) for status in grading.STATUSES}
    return ", ".join(f"{number} {status}" for status, number in counts.items() if number)


def _of(model: Model, group: str) -> list[Finding]:
    return [one for one in model["findings"] if one["section"].startswith(group)]


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def main() -> None:
    """Write the leaderboard of the folder that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m h2scale.report.exam_page",
        description="Collect every exam.json below a folder into FOLDER/leaderboard.html.",
    )
    parser.add_argument("folder", metavar="FOLDER", help="a folder of exams, e.g. experiments/results/exam")
    try:
        print(write_leaderboard(parser.parse_args().folder))
    except InputError as error:
        sys.exit(f"h2scale: {error}")


if __name__ == "__main__":
    main()
