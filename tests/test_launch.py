"""The command: experiment files resolve at every size, and a mistake costs one line and no files."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from h2scale import config as config_lib

ROOT = Path(__file__).parent.parent
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.py"))


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def launch(*arguments, cwd):
    command = [sys.executable, str(ROOT / "launch.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("size", config_lib.SIZES)
def test_experiment_resolves_at_every_size_and_says_what_it_asks(path, size):
    module = load(path)
    config = config_lib.resolve(module.get_config(size))
    assert (config.experiment, config.size) == (path.stem, size)
    assert module.__doc__


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("--config.model.cutof=3", "there is no setting config.model.cutof; did you mean --config.model.cutoff?"),
        ("--config.train.steps=many", "config.train.steps"),
        ("--config.train.steps=-5", "config.train.steps must be at least 1; got -5."),
    ],
)
def test_mistake_in_a_flag_costs_one_line(override, message, tmp_path):
    done = launch(f"--config={ROOT}/experiments/scaling.py:smoke", override, cwd=tmp_path)
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert message in lines[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", ["smoke", "huge"])
def test_missing_experiment_or_size_costs_one_line(size, tmp_path):
    name = "nothing" if size == "smoke" else "scaling"
    done = launch(f"--config={ROOT}/experiments/{name}.py:{size}", cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert ("nothing.py" if size == "smoke" else "huge") in done.stderr
