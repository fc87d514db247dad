"""The shipped file follows from its sources, and nothing leaves without being counted."""

import numpy as np
import pytest

from h2scale import data, units
from h2scale.data import build_shipped, rungs
from h2scale.data.readers import extxyz

HEADER = "Properties=species:S:1:pos:R:3:forces:R:3 charge=0"
SEED = (
    f"1\n{HEADER} multiplicity=2 regime=atom smiles=[H] s2=0.75 energy=-13.61501660700798\nH 0 0 0 0 0 0\n"
    f"1\n{HEADER} multiplicity=2 regime=atom smiles=[F] s2=0.75 energy=-2708.8678217857923\nF 0 0 0 0 0 0\n"
    + 2
    * f"2\n{HEADER} multiplicity=1 regime=thermal smiles=F s2=0 energy=-2728.0\nH 0 0 0 1 0 0\nF 0.93 0 0 -1 0 0\n"
)


@pytest.fixture
def seed(tmp_path):
    path = tmp_path / "seed.extxyz"
    path.write_text(SEED)
    return path


def test_the_shipped_h2_is_that_of_its_source():
    """The text of H2's labels ships as well, so the packed numbers can be traced without the other source."""
    shipped = data.load_dataset(build_shipped.NAME)
    source = extxyz.read_extxyz(build_shipped.H2_LABELS, build_shipped.TEACHER, rungs.RUNG_OF_REGIME)
    packed = [s for s in shipped if s.molecule == rungs.H2_MOLECULE and s.rung != rungs.TEST_CURVE]
    assert len(packed) == len(source) == 58
    scale = units.HARTREE_EV / build_shipped.LABEL_HARTREE_EV
    atoms = 2 * shipped.manifest["isolated_atom_energies_ev"]["H"]
    for ours, theirs in zip(packed, source, strict=True):
        np.testing.assert_array_equal(ours.positions, theirs.positions)
        np.testing.assert_allclose(ours.forces, theirs.forces, rtol=2e-8)
        assert ours.energy == pytest.approx(theirs.energy * scale - atoms, abs=1e-12)


def test_isolated_atoms_are_the_zero_of_energy():
    shipped = data.load_dataset(build_shipped.NAME)
    atoms = shipped.rung == rungs.ATOM
    assert sorted(shipped.molecule[atoms]) == ["[C]", "[F]", "[H]", "[N]", "[O]"]
    assert (shipped.energy[atoms] == 0).all()
    assert (shipped.n_atoms[atoms] == 1).all()


def test_a_repeated_frame_is_dropped_and_counted(seed):
    built = build_shipped.build(seed)
    assert built.manifest["dropped"] == {
        "a lower solution exists at the same level": [],
        "identical to an earlier frame of the same molecule": ["F, thermal, -2728.0000 eV: frame 3 repeats frame 2"],
    }
    assert np.sum(built.molecule == "F") == 1
    assert len(built) == 3 + 58


def test_frames_that_differ_are_kept(seed):
    (*atoms, first, _) = extxyz.read_extxyz(seed, build_shipped.TEACHER, rungs.RUNG_OF_REGIME)
    moved = first._replace(positions=first.positions + np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1e-5]]))
    frames = [*atoms, first, moved, first._replace(regime="scaled")]
    for filter_frames in (build_shipped.without_duplicates, build_shipped.without_superseded):
        kept, dropped = filter_frames(frames)
        assert len(kept) == 5
        assert not dropped


def test_labels_of_a_wrong_state_are_dropped_and_counted(seed):
    (*_, first, _) = extxyz.read_extxyz(seed, build_shipped.TEACHER, rungs.RUNG_OF_REGIME)
    wrong = first._replace(molecule="N#N", regime="stretched", energy=-2962.4683)
    right = wrong._replace(energy=-2962.4683 - 2.432)
    kept, dropped = build_shipped.without_superseded([wrong, right])
    assert [s.energy for s in kept] == [right.energy]
    assert dropped == ["N#N, stretched, -2962.4683 eV: 2.432 eV above a lower one"]


def test_every_listed_wrong_state_was_met_in_the_shipped_build():
    dropped = data.load_dataset(build_shipped.NAME).manifest["dropped"]
    assert len(dropped["a lower solution exists at the same level"]) == len(build_shipped.SUPERSEDED)
    assert len(dropped["identical to an earlier frame of the same molecule"]) == 2


def test_the_command_writes_what_load_dataset_reads(seed, tmp_path, capsys):
    build_shipped.main(["--seed-labels", str(seed), "--output", str(tmp_path)])
    written = data.load_dataset(tmp_path / f"{build_shipped.NAME}.h5")
    assert len(written) == 61
    assert "'num_structures': 61" in capsys.readouterr().out
