"""QM9 and OMol25, in the layout in which they are distributed, become datasets that load."""

import distributed
import numpy as np
import pytest

from h2scale import data
from h2scale.data import convert, partition, splits, streaming

LEVEL = "wb97m-v/def2-tzvpd"
ATOMS = {"H": -13.58, "C": -1030.1, "N": -1485.6, "O": -2043.2, "F": -2715.0, "Br": -70046.0}
QM9_WATER = (
    "3\n"
    "gdb 3\t799.58812\t437.90386\t282.94545\t1.8511\t6.31\t-0.2928\t0.0687\t0.3615\t19.0002\t0.021375\t-76.404702\t"
    "-76.401867\t-76.400922\t-76.422349\t6.002\t\n"
    "O\t-0.0343604951\t 0.9775395708\t 0.0076015923\t-0.589706\n"
    "H\t 0.0647664923\t 0.0205721989\t 0.0015346341\t 0.294853\n"
    "H\t 0.8717903737\t 1.3007924048\t 6.931336*^-4\t 0.294853\n"
    "1671.4222\t3803.6305\t3907.698\nO\tO\t\nInChI=1S/H2O/h1H2\tInChI=1S/H2O/h1H2\n"
)


@pytest.fixture(scope="module")
def shipped():
    return data.load_dataset("pbe0_def2svp")


def chosen(dataset, mask):
    organic = np.logical_and.reduceat(np.isin(dataset.atomic_numbers, (1, 6, 7, 8, 9)), dataset.atom_offset)
    return dataset.select(np.flatnonzero(mask & organic & (dataset.n_atoms > 2)))


def run(capsys, *arguments, code=0):
    assert convert.main([str(argument) for argument in arguments]) == code
    captured = capsys.readouterr()
    return captured.err if code else captured.out


def test_qm9_becomes_a_dataset_without_forces(tmp_path, shipped, capsys):
    known = chosen(shipped, (shipped.rung == "equilibrium") & (shipped.spin_multiplicity == 1) & (shipped.charge == 0))
    known = known.select(np.arange(0, len(known), 6))
    path, output = distributed.write_qm9(tmp_path / "dsgdb9nsd.xyz.tar.bz2", known), tmp_path / "qm9.h5"
    assert any("*^-" in distributed.qm9_text(1, structure) for structure in known)
    said = run(capsys, f"--output={output}", path)
    assert "format: qm9\nlevel: b3lyp/6-31g(2df,p)\n" in said
    assert "forces: none\n" in said
    assert f"found: {len(known)} structures of {len(np.unique(known.molecule))} molecules" in said
    dataset = data.load_dataset(output, allow_missing_forces=True)
    assert not dataset.has_forces
    np.testing.assert_allclose(dataset.energy, known.energy, atol=1e-6)
    np.testing.assert_allclose(dataset.positions, known.positions, atol=1e-9)
    np.testing.assert_array_equal(dataset.molecule, known.molecule)
    assert set(dataset.rung) == {"equilibrium"}
    divided = partition.divide(known, splits.SplitSettings())
    for side, found in data.sides(output, "equilibrium").items():
        np.testing.assert_array_equal(found, divided.indices("equilibrium", side))


def test_water_of_qm9_is_bound_as_published(tmp_path, capsys):
    path, output = tmp_path / "dsgdb9nsd_000003.xyz", tmp_path / "water.h5"
    path.write_text(QM9_WATER)
    run(capsys, f"--output={output}", path)
    (water,) = data.load_dataset(output, allow_missing_forces=True)
    # U0 - zpve - atomref, hartree: 228.2 kcal/mol without zero-point energy; experiment 232.6
    assert water.energy == pytest.approx((-76.404702 - 0.021375 + 75.064579 + 2 * 0.500273) * 27.211386, abs=1e-4)
    assert water.positions[2, 2] == 6.931336e-4


@pytest.fixture
def omol(tmp_path, shipped):
    mask = np.isin(shipped.rung, ("equilibrium", "thermal", "ion", "spin_state")) & (shipped.n_atoms > 2)
    known = chosen(shipped, mask)
    known = known.select(np.arange(0, len(known), 30))
    folder = tmp_path / "train_4M"
    folder.mkdir()
    half = len(known) // 2
    distributed.write_omol(folder / "data0000.aselmdb", list(known)[:half], ATOMS)
    distributed.write_omol(folder / "data0001.aselmdb", list(known)[half:], ATOMS, next_id=False)
    (folder / "metadata.npz").write_bytes(b"")
    return folder, known


def zero():
    return "--zero=" + ",".join(f"{symbol}={energy}" for symbol, energy in ATOMS.items())


def test_omol_becomes_a_dataset(tmp_path, omol, capsys):
    folder, known = omol
    output = tmp_path / "omol.h5"
    assert "the zero of energy is unknown" in run(capsys, f"--level={LEVEL}", f"--output={output}", folder, code=2)
    assert not output.exists()
    said = run(capsys, f"--level={LEVEL}", zero(), f"--output={output}", folder)
    assert "format: ase\n" in said
    assert "charge: charge\n" in said
    assert "spin multiplicity: spin\n" in said
    assert "molecule: composition and perceived bonds\n" in said
    dataset = data.load_dataset(output)
    assert dataset.has_forces
    np.testing.assert_allclose(dataset.energy, known.energy, atol=1e-8)
    np.testing.assert_array_equal(dataset.forces, known.forces)
    np.testing.assert_array_equal(dataset.charge, known.charge)
    np.testing.assert_array_equal(dataset.spin_multiplicity, known.spin_multiplicity)
    np.testing.assert_array_equal(dataset.spin_squared, known.spin_squared)
    assert {"equilibrium", "thermal", "ion"} == set(dataset.rung)
    assert "test_curve" not in dataset.rung  # there is no curve of H2 at this level
    # Frames of one molecule stay together.
    for name in np.unique(known.molecule[known.charge == 0]):
        assert len(set(dataset.molecule[(known.molecule == name) & (known.charge == 0)].tolist())) <= 2


def test_omol_in_shards_holds_the_same(tmp_path, omol, capsys):
    folder, known = omol
    output = tmp_path / "omol.shards"
    run(capsys, f"--level={LEVEL}", zero(), f"--output={output}", folder)
    dataset = streaming.ShardedDataset(output)
    assert len(dataset) == len(known)
    np.testing.assert_allclose([s.energy for s in dataset], known.energy, atol=1e-8)
    assert dataset.manifest["read_as"]["charge"] == "charge"


def test_omol_relative_to_a_fit_is_marked(tmp_path, omol, capsys):
    folder, known = omol
    output = tmp_path / "omol.h5"
    said = run(capsys, f"--level={LEVEL}", "--zero=fit", "--elements=H,C,N,O", f"--output={output}", folder)
    assert "zero of energy: least-squares fit of one energy per element; no isolated atoms" in said
    dataset = data.load_dataset(output)
    assert dataset.manifest["zero_is_fit"] is True
    assert 0 < len(dataset) < len(known)
    assert abs(dataset.energy.mean()) < abs(known.energy.mean())


def test_heavy_elements_come_as_they_are(tmp_path, shipped, capsys):
    water = shipped[int(np.flatnonzero((shipped.molecule == "O") & (shipped.rung == "thermal"))[0])]
    bromide = water._replace(
        atomic_numbers=np.array([35, 1], np.int32),
        positions=np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.414]]),
        forces=np.zeros((2, 3)),
        energy=-3.9,
    )
    path = distributed.write_omol(tmp_path / "data0000.aselmdb", [water, bromide], ATOMS)
    output = tmp_path / "bromide.h5"
    run(capsys, f"--level={LEVEL}", zero(), f"--output={output}", path)
    dataset = data.load_dataset(output)
    assert dataset.energy[1] == pytest.approx(-3.9, abs=1e-9)
    assert dataset.rung[1] == "equilibrium"
