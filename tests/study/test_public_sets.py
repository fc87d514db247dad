"""QM9 and OMol25, in the layout in which they are distributed, through convert and a smoke study to a page."""

import distributed
import numpy as np
import pytest

from h2scale import config as config_lib
from h2scale import data, runner
from h2scale.data import convert
from h2scale.runtime import tables

ATOMS = {"H": -13.58, "C": -1030.1, "N": -1485.6, "O": -2043.2, "F": -2715.0}


def study(folder, dataset, **grid):
    """The tables and the page of four replicas of one program."""
    config = config_lib.default()
    config.experiment, config.size = "tiny", "smoke"
    config.data.dataset, config.data.max_held_out = str(dataset), 40
    config.grid.update({"num_features": (2,), "num_train": ("auto",), "seeds": (0,), **grid})
    config.model.update({"num_layers": 1, "num_radial": 4, "cutoff": 4.0})
    config.train.update({"steps": 20, "steps_per_call": 5, "structures_per_batch": 4})
    config.eval.every = config.checkpoint.every = 10
    config.report.num_bootstrap = 100
    config.devices.compile_cache = False
    runner.run(config_lib.resolve(config), str(folder))
    found = {name: tables.read_table(folder / f"{name}.csv") for name in ("replicas", "errors", "curves")}
    return found, (folder / "report.html").read_text()


@pytest.fixture(scope="module")
def organic():
    """Neutral closed-shell structures of the shipped set made of the elements of QM9."""
    dataset = data.load_dataset("pbe0_def2svp")
    known = np.logical_and.reduceat(np.isin(dataset.atomic_numbers, (1, 6, 7, 8, 9)), dataset.atom_offset)
    known &= (dataset.charge == 0) & (dataset.spin_multiplicity == 1) & (dataset.n_atoms > 2)
    return dataset.select(np.flatnonzero(known))


@pytest.fixture(scope="module")
def qm9(tmp_path_factory, organic):
    """A study of minima whose energies alone are known."""
    folder = tmp_path_factory.mktemp("qm9")
    minima = organic.select(np.flatnonzero(organic.rung == "equilibrium")[::4])
    archive = distributed.write_qm9(folder / "dsgdb9nsd.xyz.tar.bz2", minima)
    assert convert.main([f"--output={folder / 'qm9.h5'}", str(archive)]) == 0
    return study(folder / "run", folder / "qm9.h5", rungs=("equilibrium",))


@pytest.fixture(scope="module")
def omol(tmp_path_factory, organic):
    """A study from shards, relative to a fit, of equilibrium and thermal structures with forces."""
    folder = tmp_path_factory.mktemp("omol")
    chosen = organic.select(np.flatnonzero(np.isin(organic.rung, ("equilibrium", "thermal")))[::6])
    (folder / "train_4M").mkdir()
    half = len(chosen) // 2
    for number, part in enumerate((list(chosen)[:half], list(chosen)[half:])):
        distributed.write_omol(folder / "train_4M" / f"data{number:04d}.aselmdb", part, ATOMS)
    asked = ["--level=wb97m-v/def2-tzvpd", "--zero=fit", f"--output={folder / 'omol.shards'}"]
    assert convert.main([*asked, str(folder / "train_4M")]) == 0
    return study(folder / "run", folder / "omol.shards", rungs=("thermal",))


def finite(column):
    """Mask of values that are numbers."""
    return np.isfinite(column).tolist()


def test_qm9_trains_on_energies_and_leaves_forces_empty(qm9):
    found, page = qm9
    replicas = found["replicas"]
    assert sorted(set(replicas["num_train"].tolist())) == [16, 32, 64, 128]
    assert set(replicas["force_weight"]) == {0}
    for name in ("test_force_mae_ev_per_angstrom", "zero_test_force_mae_ev_per_angstrom", "h2_teacher_mae_ev"):
        assert not any(finite(replicas[name])), name
    for name in ("test_energy_mae_ev", "ridge_test_energy_mae_ev", "h2_mae_ev"):
        assert all(finite(replicas[name])), name
    assert not any(finite(found["errors"]["force_mae_ev_per_angstrom"]))
    assert not any(finite(found["curves"]["teacher_ev"]))
    assert set(replicas["teacher"]) == {"b3lyp/6-31g(2df,p)"}
    assert "at b3lyp/6-31g(2df,p), without forces, so that energies alone are trained on" in page
    assert "no curve of H₂ at this level, so that the exact curve alone judges" in page
    assert "means nothing" not in page


def test_omol_trains_from_shards_and_its_page_warns_of_a_fitted_zero(omol):
    found, page = omol
    replicas = found["replicas"]
    for name in ("test_energy_mae_ev", "test_force_mae_ev_per_angstrom", "ridge_test_energy_mae_ev"):
        assert all(finite(replicas[name])), name
    assert not any(finite(replicas["h2_teacher_mae_ev"]))
    assert (
        "The H₂ asymptote means nothing here: the zero of energy of wb97m-v/def2-tzvpd is a least-squares fit" in page
    )
    assert "The asymptote means nothing for wb97m-v/def2-tzvpd, whose zero of energy is a fit." in page
    assert "with forces; energies relative to least-squares fit" in page
