"""The command leaves a whole dataset with its manifest, or one line and nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import full_disk
import numpy as np
import pytest

from h2scale import data
from h2scale.data import convert, streaming

ROOT = Path(__file__).parents[2]
WATER = "O 0 0 0.117 0.1 0 0\nH 0 0.757 -0.470 -0.1 0 0\nH 0 -0.757 -0.470 0 0 0\n"
HEADER = "Properties=species:S:1:pos:R:3:forces:R:3 charge=0 multiplicity=1 regime=thermal smiles=O s2=0.0 "
FRAME = f"3\n{HEADER}energy=-2077.0\n{WATER}"


def frames(number):
    """So many frames, each with its oxygen elsewhere."""
    return "".join(FRAME.replace("O 0 0 0.117", f"O 0 0 {0.117 + 0.0001 * k:.4f}") for k in range(number))


LEVEL = ["--format=extxyz", "--level=pbe0/def2-svp", "--atomic-energies-ev=H=-13.5,O=-2040"]
METHANE_QM9 = (
    "5\ngdb 1\t157.7118\t157.70997\t157.70699\t0.\t13.21\t-0.3877\t0.1171\t0.5048\t35.3641\t0.044749\t-40.47893\t"
    "-40.476062\t-40.475117\t-40.498597\t6.469\t\nC\t-0.0126981359\t 1.0858041578\t 0.0080009958\t-0.535689\n"
    "H\t 0.002150416\t-0.0060313176\t 0.0019761204\t 0.133921\nH\t 1.0117308433\t 1.4637511618\t 0.0002765748\t0.1339\n"
    "H\t-0.540815069\t 1.4475266138\t-0.8766437152\t 0.133923\nH\t-0.5238136345\t 1.4379326443\t 0.9063972942\t0.1339\n"
    "1341.307\t1341.3284\nC\tC\t\nInChI=1S/CH4/h1H4\tInChI=1S/CH4/h1H4\n"
)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "water.extxyz"
    path.write_text(frames(3))
    return path


def refusal(capsys, *arguments, said_before=False):
    assert convert.main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert ("level: " in out) == said_before
    assert err.startswith("h2scale: ")
    assert err.count("\n") == 1
    return err


def test_a_file_becomes_a_dataset_that_knows_where_it_comes_from(tmp_path, source, capsys):
    output = tmp_path / "water.h5"
    assert convert.main([*LEVEL, f"--output={output}", str(source)]) == 0
    assert "zero of energy: isolated atoms at the same level, given by the caller" in capsys.readouterr().out
    dataset = data.load_dataset(output)
    np.testing.assert_allclose(dataset.energy, -10.0, atol=1e-9)
    assert dataset.manifest["level"] == "pbe0/def2-svp"
    assert dataset.manifest["isolated_atom_energies_ev"] == {"H": -13.5, "O": -2040.0}
    (named,) = dataset.manifest["sources"]
    summed = subprocess.run(["sha256sum", source], capture_output=True, text=True, check=True).stdout.split()[0]
    assert named == {"name": "water.extxyz", "sha256": summed}


def test_a_folder_of_shards_holds_the_same(tmp_path, source):
    output = tmp_path / "water.shards"
    assert convert.main([*LEVEL, f"--output={output}", str(source)]) == 0
    dataset = streaming.ShardedDataset(output)
    assert len(dataset) == 3
    assert dataset[2].energy == pytest.approx(-10.0, abs=1e-9)
    assert dataset.manifest["sources"][0]["name"] == "water.extxyz"
    assert dataset.manifest["dropped"] == {}


def test_energies_without_forces_are_stored_as_such(tmp_path):
    source, output = tmp_path / "methane.xyz", tmp_path / "qm9.h5"
    source.write_text(METHANE_QM9)
    command = [sys.executable, "-m", "h2scale.data.convert", "--format=qm9", f"--output={output}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "JAX_PLATFORMS": "cpu"})
    assert done.returncode == 0, done.stderr
    with pytest.raises(ValueError, match="holds energies without forces"):
        data.load_dataset(output)
    dataset = data.load_dataset(output, allow_missing_forces=True)
    assert dataset.energy[0] == pytest.approx(-18.38986, abs=1e-5)
    assert json.dumps(dataset.manifest["has_forces"]) == "false"


def test_mistakes_are_one_line_and_leave_nothing(tmp_path, source, capsys):
    before = sorted(tmp_path.iterdir())
    output = f"--output={tmp_path / 'out.h5'}"
    assert "must end in .h5 (one file) or .shards" in refusal(capsys, *LEVEL, "--output=out.npz", source)
    assert "there is no folder" in refusal(capsys, *LEVEL, f"--output={tmp_path}/no/out.h5", source)
    assert "format must be one of paper" in refusal(capsys, "--format=cif", output, source)
    assert "the zero of energy is unknown" in refusal(capsys, *LEVEL[:2], output, source)
    assert "must read H=-13.6" in refusal(capsys, *LEVEL[:2], "--atomic-energies-ev=13.6", output, source)
    source.write_text(FRAME + FRAME.replace("O 0 0", "Qq 0 0"))
    assert "water.extxyz, frame 1 (line 6): unknown element 'Qq'" in refusal(capsys, *LEVEL, output, source)
    source.write_text(FRAME.replace("0 -0.757 -0.470", "0 -0.757 nan"))
    assert "frame 0 (line 1): its energy or a position is not a finite number" in refusal(
        capsys, *LEVEL, output, source
    )
    source.write_text(FRAME.replace("H 0 -0.757 -0.470", "H 0 0.757 -0.4"))
    found = refusal(capsys, *LEVEL, "--no-unit-check", output, source)
    assert "frame 0 (line 1): two atoms are 0.07 angstrom apart; at least 0.1 is required" in found
    assert sorted(tmp_path.iterdir()) == before


def test_what_exists_is_not_overwritten(tmp_path, source, capsys):
    output = tmp_path / "mine.h5"
    output.write_text("mine")
    assert "exists already" in refusal(capsys, *LEVEL, f"--output={output}", source)
    assert output.read_text() == "mine"


@pytest.mark.parametrize("name", ["water.h5", "water.shards"])
def test_a_full_disk_is_one_line(tmp_path, source, name, capsys):
    source.write_text(frames(400))
    output = tmp_path / "out" / name
    output.parent.mkdir()
    with full_disk.limit(3000):
        found = refusal(capsys, *LEVEL, f"--output={output}", source, said_before=True)
    assert f"h2scale: {output} cannot be written: File too large" in found
    assert not list(tmp_path.rglob("*.h5*"))
    assert not list(tmp_path.rglob("*.npy"))


ATOMS_IN_FILE = (
    "1\nProperties=species:S:1:pos:R:3 energy=-13.5\nH 0 0 0\n1\nProperties=species:S:1:pos:R:3 energy=-2040\nO 0 0 0\n"
)
PLAIN = f"3\nProperties=species:S:1:pos:R:3:forces:R:3 energy=-2077.0\n{WATER}"


def said(capsys, *arguments):
    assert convert.main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_dry_run_says_what_is_taken_for_what_and_writes_nothing(tmp_path, source, capsys):
    source.write_text(ATOMS_IN_FILE + PLAIN + PLAIN)
    before = sorted(tmp_path.iterdir())
    assert said(capsys, "--level=pbe0/def2-svp", "--dry-run", source) == [
        "format: extxyz",
        "level: pbe0/def2-svp",
        "units in the files: angstrom, eV, eV/angstrom",
        "energy: energy, total",
        "forces: forces",
        "molecule: composition and perceived bonds",
        "charge: 0, assumed: no frame says it",
        "spin multiplicity: the lowest that the electrons allow, assumed: no frame says it",
        "rung: as the file or format says, else by the largest force",
        "zero of energy: isolated atoms found in the files: H -13.5 eV, O -2040 eV",
        "found: 3 structures of 3 molecules, 5 atoms; thermal 1, atom 2",
        "left out: 1, the geometry of an earlier structure, with the same energy",
        "nothing was written",
    ]
    assert sorted(tmp_path.iterdir()) == before


def test_what_a_dry_run_says_is_what_is_written(tmp_path, source, capsys):
    source.write_text(ATOMS_IN_FILE + PLAIN)
    output = tmp_path / "mine.h5"
    dry = said(capsys, "--level=pbe", "--dry-run", source)
    wet = said(capsys, "--level=pbe", f"--output={output}", source)
    assert wet[:-1] == dry[:-1]
    assert wet[-1] == f"written: {output}"
    dataset = data.load_dataset(output)
    assert dataset.has_forces
    np.testing.assert_allclose(dataset.energy, [0.0, 0.0, -10.0], atol=1e-9)
    assert dataset.manifest["read_as"]["molecule"] == "composition and perceived bonds"
    assert dataset.manifest["num_molecules"] == 3


def test_a_dry_run_finds_what_writing_would_refuse(source, capsys):
    source.write_text(frames(3) + FRAME.replace("H 0 -0.757 -0.470", "H 0 0.757 -0.4"))
    assert "frame 3 (line 16): two atoms are 0.07 angstrom apart" in refusal(capsys, *LEVEL, "--dry-run", source)
    source.write_text(frames(3) + FRAME.replace("0.117", "0.15").replace("energy=", "s_squared=nan energy="))
    found = refusal(capsys, *LEVEL, "--dry-run", source, said_before=True)
    assert "structure 3, counted from 0 without those left out" in found
    assert "has a missing or non-finite <S^2>" in found


def test_energies_of_the_users_own_without_forces_or_isolated_atoms(tmp_path, source, capsys):
    text = PLAIN.replace("forces:R:3", "other:R:3")
    source.write_text(text + text.replace("0.117", "0.127").replace("-2077.0", "-2076.8"))
    output = tmp_path / "mine.h5"
    command = ["--level=pbe", f"--output={output}", source]
    assert "the zero of energy is unknown: the files hold no neutral isolated atoms" in refusal(capsys, *command)
    assert "no forces by which equilibrium could be told" in refusal(capsys, *command, "--zero=fit")
    assert not output.exists()
    lines = said(capsys, *command, "--zero=fit", "--rung=thermal")
    assert "forces: none; its columns are other" in lines
    dataset = data.load_dataset(output, allow_missing_forces=True)
    assert not dataset.has_forces
    assert dataset.manifest["zero_is_fit"] is True
    np.testing.assert_allclose(dataset.energy, [-0.1, 0.1], atol=1e-6)


@pytest.mark.parametrize("name", ["mine.h5", "mine.shards"])
def test_what_frames_contradict_is_refused_before_anything_is_written(tmp_path, source, name, capsys):
    source.write_text(frames(5).replace("regime=thermal ", ""))
    output = tmp_path / name
    message = refusal(capsys, *LEVEL, "--rung=equilibrium", f"--output={output}", source)
    assert "--rung=equilibrium is contradicted by 5 of 5 frames" in message
    assert not output.exists()
