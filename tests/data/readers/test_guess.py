"""The format is told from the file, and asked for where it cannot be."""

import ase
import ase.io
import h5py
import numpy as np
import pytest

from h2scale import errors
from h2scale.data.readers import guess
from h2scale.data.storage import SHIPPED

QM9 = "1\ngdb 1\t0.\nH 0 0 0 0\n"
EXTXYZ = "1\nProperties=species:S:1:pos:R:3 energy=-13.6\nH 0 0 0\n"


def hdf5(path, *names):
    with h5py.File(path, "w") as file:
        for name in names:
            file[f"CH4/{name}"] = np.zeros(1)
    return path


def trajectory(path):
    ase.io.write(path, ase.Atoms("H"))
    return path


def text(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda at: text(at / "mine.extxyz", EXTXYZ), "extxyz"),
        (lambda at: text(at / "mine.xyz", EXTXYZ), "extxyz"),
        (lambda at: text(at / "dsgdb9nsd_000001.xyz", QM9), "qm9"),
        (lambda at: text(at / "dsgdb9nsd.xyz.tar.bz2", ""), "qm9"),
        (lambda at: text(at / "unpacked" / "a.xyz", QM9).parent, "qm9"),
        (lambda at: text(at / "DFT_uniques.npz", ""), "vqm24"),
        (lambda at: hdf5(at / "ani1x-release.h5", "wb97x_dz.energy", "coordinates"), "ani1x"),
        (lambda at: hdf5(at / "SPICE-2.0.1.hdf5", "dft_total_gradient", "conformations"), "spice"),
        (lambda at: text(at / "mine.db", ""), "ase"),
        (lambda at: text(at / "data0000.aselmdb", ""), "ase"),
        (lambda at: text(at / "train_4M" / "data0000.aselmdb", "").parent, "ase"),
        (lambda at: text(at / "paper" / "all_nuclear_charges.npy", "").parent, "paper"),
        (lambda at: trajectory(at / "md.traj"), "ase"),
    ],
)
def test_each_format_is_told(tmp_path, make, expected):
    assert guess.format_of([make(tmp_path)]) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda at: text(at / "notes.unknown", "?"), "the format cannot be told from the file; name it by --format"),
        (lambda at: hdf5(at / "other.h5", "energies"), "the format cannot be told"),
        (lambda at: text(at / "empty" / "notes.txt", "").parent, "the format cannot be told"),
        (lambda at: text(at / "cut.h5", "no HDF5"), "is not HDF5 or is cut short"),
        (lambda at: SHIPPED / "pbe0_def2svp.h5", "is a dataset of h2scale's already; train on it by its path"),
    ],
)
def test_what_cannot_be_told_is_asked_for(tmp_path, make, message):
    with pytest.raises(errors.InputError, match=message):
        guess.format_of([make(tmp_path)])


def test_files_of_two_formats_are_refused(tmp_path):
    files = [text(tmp_path / "a.xyz", EXTXYZ), text(tmp_path / "b.db", "")]
    with pytest.raises(errors.InputError, match=r"a\.xyz looks like format extxyz and .*b\.db like ase"):
        guess.format_of(files)
