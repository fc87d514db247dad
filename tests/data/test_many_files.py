"""Many files become one dataset by many workers: as by one process, whoever is killed, with one manifest at the end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from h2scale.data import convert, many_files, opening, shards, streaming
from h2scale.runtime import cluster

ATOMS = {"H": -13.6, "O": -2042.9}
WATER = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.470], [0.0, -0.757, -0.470]])
LEVEL = "--level=pbe0/def2-svp"


def water(generator, energy=None):
    atoms = ase.Atoms("OH2", positions=WATER + generator.normal(scale=0.03, size=(3, 3)))
    energy = -2042.9 - 27.2 - 10 + generator.normal(scale=0.1) if energy is None else energy
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=generator.normal(size=(3, 3)))
    return atoms


def alone(symbol):
    atoms = ase.Atoms(symbol)
    atoms.calc = SinglePointCalculator(atoms, energy=ATOMS[symbol], forces=np.zeros((1, 3)))
    return atoms


def write_files(folder, number, frames=30):
    """Files of water; the atoms are in the first, and the second frame of each is that of the file before."""
    folder.mkdir()
    generator, paths, before = np.random.default_rng(0), [], None
    for index in range(number):
        own = [water(generator) for _ in range(frames)]
        if before is not None:
            own[1] = before
        before = own[5]
        paths.append(folder / f"part-{index:03d}.extxyz")
        ase.io.write(paths[-1], [alone("H"), alone("O"), *own] if index == 0 else own)
    return paths


def run(*arguments, code=0):
    assert convert.main([str(argument) for argument in arguments]) == code


def assert_same(one, other):
    first, second = streaming.ShardedDataset(one), streaming.ShardedDataset(other)
    assert len(first) == len(second) > 0
    found, same = (dataset.gather(np.arange(len(dataset))) for dataset in (first, second))
    # A fitted zero hangs on the order of the sums.
    np.testing.assert_allclose(found.energy, same.energy, atol=1e-10)
    for name in ("positions", "forces", "n_atoms", "rung", "molecule", "teacher"):
        np.testing.assert_array_equal(getattr(found, name), getattr(same, name), err_msg=name)
    zeros = [dataset.manifest["isolated_atom_energies_ev"] for dataset in (first, second)]
    assert zeros[0] == pytest.approx(zeros[1], rel=0, abs=1e-10)
    for name in ("level", "has_forces", "energy_zero", "sources", "dropped"):
        assert first.manifest[name] == second.manifest[name], name


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return write_files(tmp_path_factory.mktemp("few") / "files", 3)


@pytest.fixture(scope="module")
def together(few):
    """The few files converted by one process."""
    output = few[0].parent.parent / "one.shards"
    run(LEVEL, f"--output={output}", *few)
    return output


def in_this_process(monkeypatch, few, output, *options, code=0):
    """Convert by `--workers` with the worker in this process, which need not start another."""
    monkeypatch.setattr(many_files, "_processes", lambda folder, workers: many_files.work(str(folder)))
    run(LEVEL, "--workers=1", f"--output={output}", *options, *few, code=code)


@pytest.mark.parametrize("zero", [[], ["--zero=fit"], ["--zero=H=-13.6,O=-2042.9"]], ids=["file", "fit", "given"])
def test_files_apart_give_the_dataset_of_files_together(tmp_path, few, together, monkeypatch, zero, capsys):
    output, expected = tmp_path / "many.shards", together
    if zero:
        expected = tmp_path / "one.shards"
        run(LEVEL, f"--output={expected}", *zero, *few)
    in_this_process(monkeypatch, few, output, *zero)
    said = capsys.readouterr().out
    assert "left out: 2, the geometry of an earlier structure, with the same energy" in said
    assert_same(expected, output)
    assert len(opening.open_dataset(output)) == 90
    assert not list(output.glob("*.lock"))
    run(LEVEL, "--workers=1", f"--output={output}", *few, code=2)
    assert "holds a whole dataset already" in capsys.readouterr().err


def test_a_repeated_geometry_that_stays_is_noticed(tmp_path, few, together, monkeypatch):
    """The control: without the comparison between files the datasets differ."""
    monkeypatch.setattr(many_files, "_repeated", lambda folders, keep_first: {})
    in_this_process(monkeypatch, few, tmp_path / "many.shards")
    with pytest.raises(AssertionError):
        assert_same(together, tmp_path / "many.shards")


def test_one_refused_file_is_named_and_the_others_stay_done(tmp_path, few, monkeypatch, capsys):
    bad = tmp_path / "bad.extxyz"
    text = few[2].read_text().splitlines()
    bad.write_text("\n".join(text[:7]) + "\n" + "\n".join(text[7:]).replace("energy=", "energy=nan other=", 1) + "\n")
    output, zero = tmp_path / "many.shards", "--zero=H=-13.6,O=-2042.9"
    in_this_process(monkeypatch, [*few[:2], bad], output, zero, code=2)
    error = capsys.readouterr().err
    assert "1 of 3 files were refused, the first: " in error
    assert f"{bad}, frame " in error
    assert shards.is_complete(output / "part-00001")
    assert not (output / shards.MANIFEST).exists()
    bad.write_text(few[2].read_text())  # mended: the same command does what is left
    in_this_process(monkeypatch, [*few[:2], bad], output, zero)
    assert len(opening.open_dataset(output)) == 90


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output=x.h5", "--workers=2"], "--workers writes a folder of shards"),
        (["--output=x.shards", "--workers=2", "--dry-run"], "--workers writes a folder of shards"),
        (["--output=x.shards", "--workers=-1"], "--workers 1 or more; got 'here' and -1"),
        (["--output=x.shards", "--workers=2", "--launcher=moon"], "--launcher must be one of here, local, slurm"),
        (["--output=x.shards", "--workers=2", "--format=xml"], "format must be one of"),
        (["--output=x.shards", "--workers=2", "--elements=Qq"], "unknown element 'Qq'"),
    ],
)
def test_what_workers_cannot_do_is_one_line(tmp_path, few, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(many_files, "_processes", lambda folder, workers: many_files.work(str(folder)))
    run(LEVEL, *options, *few, code=2)
    error = capsys.readouterr().err
    assert message in error
    assert error.count("h2scale: ") == 1
    assert not list(tmp_path.iterdir())


def test_files_of_other_options_are_not_mixed(tmp_path, few, monkeypatch, capsys):
    output = tmp_path / "many.shards"
    output.mkdir()
    (output / many_files.PLAN).write_text(json.dumps({"tasks": [], "options": {}}))
    in_this_process(monkeypatch, few, output, code=2)
    assert "was begun with other files or options" in capsys.readouterr().err


def test_two_energies_of_one_geometry_in_two_files_are_refused(tmp_path, few, monkeypatch, capsys):
    frames = ase.io.read(few[1], index=":")
    energy, forces = frames[7].get_potential_energy(), frames[7].get_forces()
    frames[7].calc = SinglePointCalculator(frames[7], energy=energy + 0.5, forces=forces)
    other = tmp_path / "other.extxyz"
    ase.io.write(other, frames[7:9])
    in_this_process(monkeypatch, [*few, other], tmp_path / "many.shards", code=2)
    assert "another file has its geometry with an energy that differs by 0.5 eV" in capsys.readouterr().err
    in_this_process(monkeypatch, [*few, other], tmp_path / "kept.shards", "--keep-first", code=0)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["here", "local", "slurm"])
def test_64_files_and_a_kill_give_the_dataset_of_one_process(tmp_path, launcher):
    """By processes the command ends with a line and continues; under a launcher the job is submitted again."""
    if launcher != "here":
        pytest.importorskip("submitit")
    if launcher == "slurm" and not cluster.slurm_answers():
        pytest.skip("no Slurm answers on this machine; tests/slurm_one_node.sh starts one")
    files = write_files(tmp_path / "files", 64, frames=20)
    run(LEVEL, f"--output={tmp_path / 'one.shards'}", *files)
    output = tmp_path / "many.shards"
    command = [sys.executable, "-m", "h2scale.data.convert", LEVEL, f"--launcher={launcher}", "--workers=2"]
    command += [] if launcher == "here" else ["--minutes=10"]
    command += [f"--output={output}", *map(str, files)]
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    deadline = time.monotonic() + 300
    while len(list(output.glob("part-*/manifest.json"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.poll() is None, "the conversion ended before a worker could be killed"
    os.kill(killed_worker(process.pid, output), signal.SIGKILL)
    code = process.wait(300)
    if launcher == "here":
        assert code == 2
        assert "a worker was killed; the same command continues" in log.read_text()
        assert not (output / shards.MANIFEST).exists()
        assert subprocess.run(command, check=False).returncode == 0
    else:
        assert code == 0, log.read_text()
    assert_same(tmp_path / "one.shards", output)


def killed_worker(parent, output):
    """Process that holds the lock of a task, by the system's table of locks."""
    inodes = {os.stat(path).st_ino for path in output.glob("part-*.lock")}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if fields[1] == "POSIX" and int(fields[5].split(":")[2]) in inodes and int(fields[4]) not in (0, parent):
                return int(fields[4])
    raise AssertionError("no worker holds a task")
