"""The documentation says what is so: settings, links, and examples that run."""

import importlib.metadata
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import jax
import launching
import numpy as np
import pytest
import yaml

from h2scale import config as config_lib
from h2scale.graphs import build
from h2scale.models import families, potential
from h2scale.models.settings import ModelSettings
from h2scale.runtime import tables
from h2scale.stages import scaling

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def module_of(path):
    spec = importlib.util.spec_from_file_location(f"{path.stem}_of_docs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settings_hook():
    return module_of(ROOT / "docs" / "hooks" / "settings.py")


def blocks(page, language):
    """Code blocks of a page in one language, unindented."""
    found = re.findall(
        rf"^( *)```{language}\n(.*?)^ *```", (ROOT / "docs" / page).read_text(), flags=re.DOTALL | re.MULTILINE
    )
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


def leaves(config, prefix=""):
    for name, value in config.items():
        if hasattr(value, "items") and len(value):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def test_table_of_settings_has_every_setting_with_its_default():
    hook = settings_hook()
    found = {row.key: row.default for row in hook.read(hook.CONFIG.read_text()) if row.default is not None}
    expected = dict(leaves(config_lib.default()))
    assert found.keys() == expected.keys()
    for key, source in found.items():
        if source != "{}":
            assert eval(source, {}) == expected[key], key


def test_every_setting_is_explained():
    hook = settings_hook()
    text = hook.on_page_markdown(hook.MARKER)
    rows = re.findall(r"^\| `([a-z_0-9.]+)` \| .* \| (.*) \|$", text, flags=re.MULTILINE)
    assert {key for key, _ in rows} >= {key for key, _ in leaves(config_lib.default())}
    # Names that say it; the example in `arms` and the rungs of `num_train_of`, whose sections are explained.
    plain = {"train.steps", "grid.seeds", "labels.functional", "labels.basis"}
    silent = {key for key, meaning in rows if not meaning and not key.startswith(("arms.", "grid.num_train_of."))}
    assert silent <= plain


def test_source_without_settings_is_refused():
    with pytest.raises(ValueError, match="holds no dictionary of settings"):
        settings_hook().read("def default():\n    return None\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not re.match(r"[a-z]+://", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md", "docs/your-model.md", "docs/glossary.md"])
def test_files_that_a_page_names_exist(page):
    text = (ROOT / page).read_text().replace("models/pair_sum.py", "models/schnet.py")
    for name in re.findall(r"`((?:h2scale|tests|experiments|benchmarks|docs)/[\w./-]*)`", text):
        assert (ROOT / name).exists(), f"{page} names {name}"


def test_readme_is_short_and_holds_the_two_commands():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 110
    for marker, word in (("<!-- run -->", "launch.py"), ("<!-- test -->", "pytest")):
        place = lines.index(marker)
        assert lines[place + 1] == "```bash"
        assert word in lines[place + 2]
        assert lines[place + 3] == "```"


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_replica_that_an_example_loads_is_one_of_the_default_study(page):
    ((arm, width, rung, number, rate, seed),) = re.findall(
        r'load_replica\("runs/scaling-default", "(\w+)-f(\d+)-(\w+)-n(\d+)-lr([\d.]+)-s(\d+)"\)',
        (ROOT / page).read_text(),
    )
    config = config_lib.resolve(module_of(ROOT / "experiments" / "scaling.py").get_config())
    grid = next(one.grid for one in scaling.study_settings(config).arms if one.name == arm)
    assert int(width) in grid.num_features
    assert int(number) in grid.sizes(rung)
    assert int(seed) in grid.seeds
    assert grid.rates(rung, int(width)) == (float(rate),)


def test_citation_file_holds_what_its_format_requires():
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert content["cff-version"] == "1.2.0"
    assert content["type"] in ("software", "dataset")
    for one in (content, *content["references"]):
        assert all(one[key] for key in ("title", "authors"))
        assert all(author.keys() <= {"name", "family-names", "given-names"} for author in one["authors"])
    assert content["message"]
    assert content["version"] == importlib.metadata.version("h2scale")


@pytest.fixture(scope="module")
def guided(tmp_path_factory):
    """A folder in which the five commands of the guide ran as they stand, after the program that writes the file."""
    folder = tmp_path_factory.mktemp("guide")
    (folder / "experiments").symlink_to(ROOT / "experiments")
    write, look = blocks("your-data.md", "python")
    guide = (ROOT / "docs" / "your-data.md").read_text().partition("### If a line is wrong")[0]
    commands = re.findall(r"^\*\*\d\.\*\*.*?^```bash\n(.*?)^```", guide, flags=re.DOTALL | re.MULTILINE)
    assert len(commands) == 5
    program = "import sys; from h2scale.command_line import main; sys.exit(main())"
    said = []
    for words in [
        ["python", "-c", write],
        *(shlex.split(command.replace("\\\n", "")) for command in commands),
        ["python", "-c", look],
    ]:
        assert words[0] in ("h2scale", "python")
        own = [sys.executable, "-c", program] if words[0] == "h2scale" else [sys.executable]
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            [*own, *words[1:]],
            cwd=folder,
            env=launching.environment() | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in ((0, 3) if "exam" in words else (0,)), done.stderr[-2000:]
        said.append(done.stdout)
        if "--dry-run" in words:
            assert not (folder / "mine.h5").exists()
    return folder, said[1:], look


@pytest.mark.slow
def test_guide_goes_from_your_file_to_a_report_in_five_commands(guided):
    folder, (dry, wet, card, run, exam, looked), look = guided
    assert [dry.rstrip()] == blocks("your-data.md", "text")
    assert wet.endswith("written: mine.h5\n")
    assert card.startswith("# mine\n")
    assert run.endswith("Report: runs/mine/report.html\n")
    assert exam.endswith("report.html\n")
    assert looked.strip() == look.rpartition("#")[2].strip()
    page = (folder / "runs" / "mine" / "report.html").read_text()
    assert "56 structures at pbe0/def2-svp, with forces; energies relative to isolated atoms found in the files" in page
    assert "no curve of H₂ at this level, so that the exact curve alone judges" in page
    assert "means nothing" not in page
    replicas = tables.read_table(folder / "runs" / "mine" / "replicas.csv")
    assert sorted(set(replicas["num_train"].tolist())) == [16, 32]
    assert np.isfinite(replicas["h2_mae_ev"]).all()
    assert np.isnan(replicas["h2_teacher_mae_ev"]).all()


def test_example_of_your_own_model_is_a_potential(monkeypatch):
    python = "\n".join(reversed(blocks("your-model.md", "python")[:2]))  # the page shows its last line first
    module = types.ModuleType("pair_sum")
    exec(python, module.__dict__)
    monkeypatch.setitem(sys.modules, "pair_sum", module)
    monkeypatch.setitem(families.MODULES, "pair_sum", "pair_sum")
    settings = ModelSettings(
        name="pair_sum",
        num_features=4,
        num_layers=1,
        l_max=0,
        cutoff=4.0,
        num_radial=2,
        radial_hidden=(4,),
        species=(1, 9),
        avg_num_neighbors=1.0,
        energy_scale=1.0,
        isolated_atom_exact=True,
        envelope_power=6,
        prior="none",
        conditioning="none",
        convolution="fast",
    )
    made = potential.make_potential(settings)
    params = made.init(jax.random.key(0))
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.9]])
    graph = build.graph_from_structure(np.array([1, 9]), positions, 0, 1, 4.0, (1, 9), np.float64)
    energy_and_forces = jax.jit(made.energy_and_forces)
    energy, forces = energy_and_forces(params, graph)
    assert float(energy[0]) != 0
    assert np.abs(forces).max() > 0
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-12)
    apart = graph._replace(positions=graph.positions.at[1, 2].set(4.0))
    assert float(energy_and_forces(params, apart)[0][0]) == 0


def test_comments_beside_fields_reach_the_api_pages():
    griffe = pytest.importorskip("griffe")
    source = '''
class Record:
    """One record, of a given <S^2>."""

    energy: float  # eV
    forces: list[float]  # eV/angstrom
    name: str
'''
    extensions = griffe.load_extensions(ROOT / "docs" / "hooks" / "field_comments.py")
    with griffe.temporary_visited_module(source, extensions=extensions) as module:
        text = module["Record"].docstring.value
    assert text.splitlines() == [
        "One record, of a given ⟨S²⟩.",
        "",
        "Attributes:",
        "    energy: eV",
        "    forces: eV/angstrom",
    ]
