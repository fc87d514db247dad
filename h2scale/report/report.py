"""The page of a run's findings: verdicts first, then figures, tables and settings; opens without a network."""

import json
import os
from pathlib import Path

import numpy as np

from h2scale.report import (
    charged,
    curve_figures,
    data_section,
    headline,
    page,
    regimes,
    result_tables,
    scaling_figures,
    style,
    summary,
    switches,
    words,
)
from h2scale.report.claims import foundation, protons, regions
from h2scale.report.claims import record as record_lib
from h2scale.report.claims import table as claims_table
from h2scale.runtime import files, tables

_FILES = {
    "replicas.csv": "one row per trained replica",
    "errors.csv": "errors on held-out molecules, by side and regime",
    "curves.csv": "every curve, with the references beside it",
    "history.csv": "metrics during training",
    "fits.json": "laws, slopes and their intervals",
    "config.json": "every setting",
    "data.json": "facts about the data of each arm",
    "environment.json": "versions and devices",
}
_VERDICT_NOTE = (
    "A verdict speaks of these models, data and ranges only. Inconclusive means that this run cannot tell. Intervals "
    "of exponents hold for both exponents at once in 95 %, all others are 95 % intervals."
)


def write_report(
    workdir: str | os.PathLike, *, baselines: str | os.PathLike | None = None, exams: str | os.PathLike | None = None
) -> Path:
    """Draw `figures/` and write `report.html` from the files of a finished workdir.

    Args:
        workdir: folder with replicas.csv, curves.csv, history.csv, fits.json, config.json and environment.json.
        baselines: CSV file of curves made without learning; its rows are shown, lowest `h2_mae_ev` first.
        exams: folder of examined models, which the claims about published models are judged by.

    Returns:
        The path of the page.

    Raises:
        ValueError: a file is missing or malformed, or the tables hold no replica.
    """
    workdir = Path(workdir)
    run = summary.load_run(workdir, baselines)
    if not len(run.arms):
        raise ValueError(f"{workdir / 'replicas.csv'}: no replicas; a report needs at least one.")
    figures = workdir / "figures"
    judged = claims_table.judge(run, foundation.read_exams(exams) if exams else ())
    opening = _open_with_charge if charged.is_the_question(run) else _open_with_scale
    body = opening(run, judged, figures)
    for arm in summary.arms_of(run):
        body += _figure_section(run, arm, figures, only_arm=len(summary.arms_of(run)) == 1)
    body += [switches.section(run), regimes.section(run, workdir)]
    body += [result_tables.cells(run), result_tables.fits(run), result_tables.baselines(run)]
    body.append(_settings_section(run, workdir))
    path = workdir / "report.html"
    files.write_text(path, page.document(f"h2scale: {_title(run)}", body))
    return path


def _open_with_scale(run: summary.Run, judged: list[record_lib.Verdict], figures: Path) -> list[str]:
    return [
        page.element("h1", "Does scale teach a neural potential physics?"),
        page.element("p", _title(run), "soft"),
        *[page.element("p", headline.summarise(run, arm), "lead") for arm in summary.arms_of(run)],
        data_section.section(run),
        _verdict_section(run, judged),
        page.element("h2", "In one picture"),
        _headline(run, summary.arms_of(run)[0], figures),
        charged.section(run, figures),
    ]


def _open_with_charge(run: summary.Run, judged: list[record_lib.Verdict], figures: Path) -> list[str]:
    first = [one for one in judged if one.number == protons.NUMBER]
    others = [one for one in judged if one.number != protons.NUMBER]
    scale = [page.element("p", headline.summarise(run, arm)) for arm in summary.arms_of(run)]
    return [
        page.element("h1", "Told the charge, is a neural potential right about two bare protons?"),
        page.element("p", _title(run), "soft"),
        page.element("p", charged.verdict_sentence(run, first), "lead"),
        page.element("p", charged.cures(run), "lead"),
        charged.section(run, figures),
        page.element("h2", "Verdicts"),
        _verdict_table(first),
        page.element("p", _VERDICT_NOTE, "soft"),
        page.folded("The other claims, arm by arm", "".join(scale) + _verdict_table(others)),
        data_section.section(run),
    ]


def _title(run: summary.Run) -> str:
    return f"h2scale, experiment {run.config['experiment']}, size {run.config['size']}"


def _verdict_section(run: summary.Run, judged: list[record_lib.Verdict]) -> str:
    """Verdicts that the report opens with, and those of every region and rung folded away."""
    opening = {
        "",
        regions.REGIONS[0].title,
        regions.WHOLE.title,
        *(one.scope for one in judged if one.number in (2, 4)),
    }
    opening |= {summary.rungs_of(run, arm)[0] for arm in summary.arms_of(run)}
    first = [one for one in judged if one.scope in opening]
    others = [one for one in judged if one.scope not in opening]
    return (
        page.element("h2", "Verdicts")
        + _verdict_table(first)
        + page.element("p", _VERDICT_NOTE, "soft")
        + page.folded("Region by region, and the other rungs", _verdict_table(others))
    )


def _verdict_table(judged: list[record_lib.Verdict]) -> str:
    rows = [
        [
            page.element("strong", f"({one.number}) {one.claim}" if one.number else f"Control: {one.claim}")
            + page.folded("Rule", page.element("p", one.rule)),
            page.element("span", words.arm(one.arm) if one.arm else "examined models")
            + (page.element("p", one.scope, "soft") if one.scope else ""),
            page.element("span", one.finding),
            page.bullets(one.numbers),
            page.element("span", one.verdict, f"tag {one.verdict.replace(' ', '-')}"),
        ]
        for one in judged
    ]
    return page.verdict_table(["Claim of arXiv:2509.26397", "Model", "This run found", "Numbers", "Verdict"], rows)


def _headline(run: summary.Run, arm: str, folder: Path) -> str:
    title = headline.headline(run, arm)
    svg = style.save(scaling_figures.headline(run, arm, title), folder, "headline")
    caption = (
        f"{words.arm(arm)}. Left: H₂ curves of the largest model trained on the most data, one line per seed. Middle "
        "and right: mean absolute error of held-out molecules (dotted) and of H₂ from 0.6 Å on (solid), at the most "
        "data and at the largest size; dots are seeds, lines their mean."
    )
    return page.picture(svg, f"{title}.", caption)


def _figure_section(run: summary.Run, arm: str, folder: Path, *, only_arm: bool) -> list[str]:
    title = words.arm(arm)
    rows = tables.select(run.replicas, run.arms == arm)
    most = words.count(rows["num_train"].max())
    suffix = "" if only_arm else "_" + "".join(letter if letter.isalnum() else "_" for letter in arm)
    drawings = [
        (
            "h2_curves",
            curve_figures.h2_curves,
            f"H₂ curves of every size and seed at {most} training structures, beside the exact curve, FCI in a finite "
            f"basis and the teacher's{_teacher_words(run, rows)}.{_asymptote_words(run, rows)}",
        ),
        (
            "h2_signed_error",
            curve_figures.signed_error,
            "Signed error along the curve. The axis is linear within 0.1 eV and logarithmic beyond. What lies between "
            "the teacher's line and zero is the teacher's error, the rest is the model's own.",
        ),
        ("error_vs_scale", scaling_figures.error_against_scale, _scale_caption(run, arm)),
        (
            "h2_heatmap",
            scaling_figures.heat_map,
            "Mean H₂ error from 0.6 Å on over seeds, in eV, in every cell of size and data.",
        ),
        (
            "training",
            scaling_figures.training,
            f"What training does to the H₂ error from 0.6 Å on while it lowers the validation error, at {most} "
            "structures; one line per replica.",
        ),
    ]
    if np.any((rows["protons_status"] == "scored") & rows["finite"]):
        caption = f"Two bare protons, total charge 2, at {most} training structures; the exact energy is 1/R."
        drawings.append(("protons", curve_figures.proton_curves, caption))
    pieces = [page.element("h2", f"Figures: {title}")]
    for name, draw, caption in drawings:
        svg = style.save(draw(run, arm), folder, name + suffix)
        pieces.append(page.picture(svg, f"{title}: {name.replace('_', ' ')}", caption))
    return pieces


def _teacher_words(run: summary.Run, rows: tables.Table) -> str:
    """Level of the teacher of some replicas, and where its curve of H2 comes from."""
    levels = ", ".join(dict.fromkeys(rows["teacher"].tolist()))
    of_rows = np.isin(run.curves["replica_id"], rows["replica_id"]) & (run.curves["system"] == "h2")
    if not np.any(np.isfinite(run.curves["teacher_ev"][of_rows])):
        return f" ({levels}), which this dataset does not have"
    computed = run.config.get("data.teacher_curve") == "auto"
    return f" ({levels}{', computed by PySCF where the dataset has none' if computed else ''})"


def _asymptote_words(run: summary.Run, rows: tables.Table) -> str:
    """Warn of the asymptote where the zero of energy of some replicas is a fit."""
    fitted = {facts["level"] for facts in run.data.values() if facts["zero_is_fit"]}
    there = sorted(fitted & set(rows["teacher"].tolist()))
    return f" The asymptote means nothing for {', '.join(there)}, whose zero of energy is a fit." if there else ""


def _scale_caption(run: summary.Run, arm: str) -> str:
    sentences = []
    for rung in summary.rungs_of(run, arm):
        record = summary.fit_of(run, arm, rung, "h2_beyond_wall_mae_ev")
        slopes = record["slopes"]
        if slopes["num_params"]["estimate"] is None:
            sentences.append(f"Rung {rung}: no slope ({slopes['reason']}).")
            continue
        exponents = " and ".join(
            f"{words.interval(slopes[name])} in {label}" for name, label in (("num_params", "N"), ("num_train", "D"))
        )
        sentences.append(f"Rung {rung}: H₂ error from 0.6 Å on with exponent {exponents}.")
    return (
        "Top: against parameters, at the most data. Bottom: against data, at the largest size. Pale dots are the other "
        "cells. Lines and bands are the joint law E + A N^-alpha + B D^-beta with its 95 % interval, where the grid is "
        "large enough for one. " + " ".join(sentences)
    )


def _settings_section(run: summary.Run, workdir: Path) -> str:
    experiment, size = run.config["experiment"], run.config["size"]
    command = f"python launch.py --config=experiments/{experiment}.py:{size}"
    there = [(name, what) for name, what in _FILES.items() if (workdir / name).exists()]
    files = "".join(f"<li>{page.link(name, name)}: {page.element('span', what)}</li>" for name, what in there)
    return (
        page.element("h2", "Reproduce")
        + page.element("p", "The same command again resumes what is unfinished and changes nothing that is finished.")
        + page.element("pre", command)
        + f"<ul>{files}</ul>"
        + page.folded("Settings", page.element("pre", json.dumps(run.config, indent=2, ensure_ascii=False)))
        + page.folded("Environment", page.element("pre", json.dumps(run.environment, indent=2, ensure_ascii=False)))
    )
