"""The command line: experiment files resolve at every size, and a mistake costs one line and no files."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from h2scale import command_line, setting_checks
from h2scale import config as config_lib

# ml_collections loads config files so.
pytestmark = pytest.mark.filterwarnings(r"ignore:the load_module\(\) method is deprecated:DeprecationWarning")

ROOT = Path(__file__).parent.parent
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.py"))
SCALING = f"--config={ROOT}/experiments/scaling.py"


@pytest.fixture(autouse=True)
def no_earlier_config_file(monkeypatch):
    """ml_collections loads a config file into the module of the one before it, which a process of its own has not."""
    monkeypatch.delitem(sys.modules, "config_config", raising=False)


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def settings_run(monkeypatch):
    """The settings and workdirs that commands of this process come to; nothing is run."""
    seen = []
    monkeypatch.setattr(command_line, "run", lambda config, workdir: seen.append((config, workdir)) or 0)
    return seen


def refusal(capsys, *words):
    """The one line that a wrong command leaves on stderr."""
    with pytest.raises(SystemExit) as caught:
        command_line.main(words)
    captured = capsys.readouterr()
    assert caught.value.code == command_line.EXIT_BAD_INPUT
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("size", setting_checks.SIZES)
def test_experiment_resolves_at_every_size_and_says_what_it_asks(path, size):
    module = load(path)
    config = config_lib.resolve(module.get_config(size))
    assert (config.experiment, config.size) == (path.stem, size)
    assert module.__doc__


def test_mistake_in_a_flag_of_launch_costs_one_line_and_no_files(tmp_path):
    command = [sys.executable, str(ROOT / "launch.py"), f"{SCALING}:smoke", "--config.train.steps=-5"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == command_line.EXIT_BAD_INPUT
    assert done.stderr == "h2scale: arm nequip: config.train.steps must be at least 1; got -5.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run",), "--config=FILE is missing"),
        (("run", f"{SCALING}:smoke", "--config.model.cutof=3"), "did you mean --config.model.cutoff?"),
        (("run", f"{SCALING}:smoke", "--config.train.steps=many"), "config.train.steps"),
        (("run", f"{SCALING}:smoke", "--config.train.steps=-5"), "config.train.steps must be at least 1; got -5."),
        (("run", f"{SCALING}:smoke", "--wrkdir=x"), "Unknown command line flag 'wrkdir'"),
        (("run", f"{SCALING}:smoke", "more"), "unexpected arguments more"),
        (("run", f"{SCALING}:huge"), "huge"),
        (("run", f"--config={ROOT}/experiments/nothing.py"), "nothing.py cannot be read"),
        (("run", f"--config={ROOT}/README.md"), "README.md is not Python"),
        (("run", f"--config={ROOT}/launch.py"), "this file has no function get_config"),
        (("exam",), "name what is to be examined"),
        (("exam", "exact", "--sections=algebra"), "config.exam.sections must be some of nuclei"),
        (("exam", "exact", "--config.exam.worker=2"), "did you mean --config.exam.workers?"),
        (("convert", "qm9.xyz"), "--output=NAME.h5 or NAME.shards is missing"),
        (("examine", "exact"), "there is no command examine; the commands are run, exam, convert and curve."),
    ],
    ids=lambda value: None if isinstance(value, tuple) else value[:30],
)
def test_mistake_costs_one_line(words, message, capsys):
    assert message in refusal(capsys, *words)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("--help",), ("h2scale run", "h2scale exam", "h2scale convert")),
        (("run", "--help"), ("--workdir", "experiments/scaling.py:smoke", "Exit codes")),
        (("exam", "--help"), ("--sections", "nuclei, hydrogen, diatomics, shapes", "gfn2-xtb")),
    ],
    ids=["h2scale", "run", "exam"],
)
def test_help_names_what_can_be_said(words, shown, capsys):
    assert command_line.main(words) == 0
    out = capsys.readouterr().out
    assert all(text in out for text in shown)


def test_help_of_convert_names_its_formats(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["h2scale"])
    with pytest.raises(SystemExit) as caught:
        command_line.main(["convert", "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: h2scale convert")
    assert "qm9" in out


def test_run_applies_flags_to_the_experiment(settings_run):
    command_line.main(["run", f"{SCALING}:smoke", "--workdir=here", "--config.grid.seeds=3,4"])
    ((config, workdir),) = settings_run
    assert (config.size, config.grid.seeds, workdir) == ("smoke", (3, 4), "here")


def test_exam_has_the_settings_of_the_exam_experiment(settings_run):
    experiment = load(ROOT / "experiments" / "exam.py").get_config()
    command_line.main(
        ["exam", "pbe0", "hf", "--sections=nuclei", "--python=p", "--workdir=w", "--config.exam.workers=2"]
    )
    ((config, workdir),) = settings_run
    experiment.calculator, experiment.python = "pbe0,hf", "p"
    experiment.exam.sections, experiment.exam.workers = ("nuclei",), 2
    assert config_lib.flatten(config) == config_lib.flatten(experiment)
    assert workdir == "w"
