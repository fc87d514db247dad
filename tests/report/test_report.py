"""The page is one valid file that needs nothing else, says what the tables say, and is drawn for any run."""

import html.parser
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import synthetic

from h2scale.report import charged, report, summary
from h2scale.report.claims import protons
from h2scale.runtime import tables
from h2scale.scaling import fits

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Checker(html.parser.HTMLParser):
    """Collects text and attributes, and fails on a tag that is closed out of order."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.attributes = [], [], []

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parse(path):
    checker = Checker()
    checker.feed(path.read_text(encoding="utf-8"))
    checker.close()
    assert checker.open == []
    return checker


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = synthetic.write_workdir(
        tmp_path_factory.mktemp("report"), num_sizes=3, num_data=3, rungs=("equilibrium", "stretched")
    )
    fits.write_fits(folder, num_bootstrap=60)
    report.write_report(folder)
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = synthetic.write_workdir(
        tmp_path_factory.mktemp("tiny"),
        models=("nequip",),
        num_sizes=1,
        num_data=1,
        rungs=("equilibrium",),
        num_seeds=1,
        num_diverged=0,
        charged=False,
    )
    fits.write_fits(folder, num_bootstrap=50)
    report.write_report(folder)
    return folder


def test_the_page_is_well_formed_and_self_contained(workdir):
    page = parse(workdir / "report.html")
    loaded = [value for tag, name, value in page.attributes if name in ("src", "href") and tag != "a"]
    assert loaded
    assert all(value.startswith("data:image/svg+xml;base64,") for value in loaded)
    source = (workdir / "report.html").read_text()
    without_pictures = re.sub(r"data:[^\"]*", "", source)
    assert "http://" not in without_pictures
    assert "https://" not in without_pictures
    assert "url(" not in without_pictures


def test_verdicts_come_before_figures_and_tables(workdir):
    source = (workdir / "report.html").read_text()
    positions = [source.index(text) for text in ("Verdicts", "<figure>", "Every cell", "Scaling laws", "Reproduce")]
    assert positions == sorted(positions)


def test_settings_are_escaped(workdir):
    source = (workdir / "report.html").read_text()
    assert "<b>&" not in source
    assert "&lt;b&gt;&amp;" in source


def test_linked_files_exist_beside_the_page(workdir):
    links = [value for tag, name, value in parse(workdir / "report.html").attributes if (tag, name) == ("a", "href")]
    assert len(links) == 7
    for link in links:
        assert (workdir / link).exists()


def test_every_picture_is_there_as_png_and_svg(workdir):
    names = {path.stem for path in (workdir / "figures").iterdir()}
    common = {"h2_curves", "h2_signed_error", "error_vs_scale", "h2_heatmap", "training"}
    assert names == {"headline", "protons_schnet", "bare_nuclei"} | {
        f"{name}_{arm}" for name in common for arm in ("nequip", "schnet")
    }
    for name in names:
        assert (workdir / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        ElementTree.parse(workdir / "figures" / f"{name}.svg")


def test_cells_in_the_page_are_the_means_of_the_table(workdir):
    replicas = tables.read_table(workdir / "replicas.csv")
    chosen = (
        (replicas["model"] == "schnet")
        & (replicas["rung"] == "stretched")
        & (replicas["num_train"] == 240)
        & (replicas["num_params"] == replicas["num_params"][replicas["model"] == "schnet"].max())
    )
    values = replicas["h2_mae_ev"][chosen]
    assert len(values) == 2
    assert f'data-value="{float(np.mean(values))!r}"' in (workdir / "report.html").read_text()


def test_the_same_tables_give_the_same_page(tiny):
    before = (tiny / "report.html").read_bytes()
    report.write_report(tiny)
    assert (tiny / "report.html").read_bytes() == before


def test_baselines_are_shown_best_first_when_given(tiny, tmp_path):
    assert "Physics without learning" not in (tiny / "report.html").read_text()
    path = tmp_path / "baselines.csv"
    path.write_text("method,h2_mae_ev\nRHF <x>,2.5\nCASSCF,0.05\nfailed,\n")
    copy = synthetic.copy_workdir(tiny, tmp_path / "copy")
    source = report.write_report(copy, baselines=path).read_text()
    assert source.index("CASSCF") < source.index("RHF &lt;x&gt;") < source.index("<td>failed</td>")


def test_a_single_replica_gets_its_page(tiny):
    assert "not tested" in parse(tiny / "report.html").text


def test_a_run_where_everything_diverged_gets_its_page(tmp_path):
    folder = synthetic.write_workdir(
        tmp_path, models=("nequip",), num_sizes=1, num_data=2, rungs=("thermal",), num_seeds=1, num_diverged=2
    )
    fits.write_fits(folder, num_bootstrap=50)
    page = parse(report.write_report(folder))
    assert "not tested" in page.text
    assert "diverged" in " ".join(page.text)


def test_a_run_without_replicas_or_fits_is_refused(tmp_path):
    folder = synthetic.write_workdir(tmp_path, models=())
    with pytest.raises(ValueError, match=r"fits\.json: no such file; a report needs it"):
        report.write_report(folder)
    fits.write_fits(folder, num_bootstrap=50)
    with pytest.raises(ValueError, match=r"replicas\.csv: no replicas"):
        report.write_report(folder)


def test_cells_are_means_and_spreads_over_finite_seeds(workdir):
    run = summary.load_run(workdir)
    cells = summary.cells_of(run, "nequip", "equilibrium")
    assert [cell.num_finite for cell in cells][:2] == [0, 2]  # the first two replicas diverged
    rows = summary.rows_of(run, "nequip", "equilibrium")
    inside = (rows["num_params"] == cells[1].num_params) & (rows["num_train"] == cells[1].num_train)
    assert cells[1].mean["h2_mae_ev"] == pytest.approx(np.mean(rows["h2_mae_ev"][inside]), rel=1e-12)
    assert cells[1].spread["h2_mae_ev"] == pytest.approx(np.std(rows["h2_mae_ev"][inside], ddof=1), rel=1e-12)
    assert np.isnan(cells[0].mean["h2_mae_ev"])


def test_rungs_are_ordered_from_narrow_to_wide(workdir):
    run = summary.load_run(workdir)
    assert summary.rungs_of(run, "nequip") == ["equilibrium", "stretched"]


def test_bare_nuclei_have_a_section_where_a_charge_was_told(workdir, tiny):
    title = "Two bare nuclei, H₂⁺ and ions"
    assert title in " ".join(parse(workdir / "report.html").text)
    assert (workdir / "figures" / "bare_nuclei.svg").exists()
    assert title not in " ".join(parse(tiny / "report.html").text)


def test_a_study_of_charge_alone_opens_with_two_protons(tmp_path):
    folder = synthetic.write_workdir(tmp_path, models=("nequip",))
    run = summary.load_run(workdir_with_fits(folder))
    scored = np.full(len(run.arms), "scored")
    told = run._replace(replicas=run.replicas | {"protons_status": scored})
    assert charged.is_the_question(told)
    half = np.where(np.arange(len(run.arms)) % 2, "scored", "not conditioned")
    assert not charged.is_the_question(run._replace(replicas=run.replicas | {"protons_status": half}))
    judged = [protons.judge(told, arm) for arm in summary.arms_of(told)]
    assert "none learned" in charged.verdict_sentence(told, judged)
    zeros = np.zeros(len(run.arms))
    exact = {name: zeros for name in told.replicas if name.startswith("protons_") and "mae" in name}
    for prior, words in (("none", "NequIP learned"), ("coulomb", "none learned that two bare protons repel as 1/R; 1")):
        right = told._replace(replicas=told.replicas | exact | {"prior": np.full(len(run.arms), prior)})
        judged = [protons.judge(right, arm) for arm in summary.arms_of(right)]
        assert words in charged.verdict_sentence(right, judged)


def workdir_with_fits(folder):
    fits.write_fits(folder, num_bootstrap=50)
    return folder


def test_an_arm_cures_the_windows_in_which_its_errors_vanish(workdir):
    run = summary.load_run(workdir)
    assert charged.cures(run).count("no arm") == 3
    both = {name: np.concatenate([values, values]) for name, values in run.replicas.items()}
    half = len(run.arms)
    both["arm"] = np.concatenate([run.arms, np.where(run.arms == "schnet", "zeros", run.arms)])
    for window in ("near", "far"):
        both[f"protons_{window}_mae_ev"][half:] *= 0
    sentence = charged.cures(run._replace(replicas=both, arms=both["arm"]))
    assert (sentence.count(": zeros"), sentence.count("no arm")) == (2, 1)
