"""A subset holds whole molecules, is nested in larger ones, and says what it is of."""

import numpy as np
import pytest

from h2scale import data
from h2scale.data import rungs, storage, subset
from h2scale.errors import InputError
from h2scale.labels import card


@pytest.fixture(scope="module")
def shipped():
    return data.load_dataset("pbe0_def2svp")


def test_molecules_are_taken_whole_and_small_ones_stay(shipped):
    chosen = subset.subset(shipped, 4000, keep_below=2)
    assert 3800 < len(chosen) <= 4000
    heavy = np.add.reduceat((shipped.atomic_numbers > 1).astype(int), shipped.atom_offset)
    drawn = ~np.isin(shipped.rung, (rungs.ATOM, "h2", rungs.TEST_CURVE)) & (heavy >= 2)
    for name in np.unique(chosen.molecule):
        assert np.count_nonzero(chosen.molecule == name) == np.count_nonzero(shipped.molecule == name)
    assert set(shipped.molecule[~drawn]) <= set(chosen.molecule)
    assert np.count_nonzero(chosen.rung == rungs.TEST_CURVE) == np.count_nonzero(shipped.rung == rungs.TEST_CURVE)


def test_a_larger_subset_holds_the_smaller_one_and_another_seed_another(shipped):
    small, large, other = (
        set(subset.subset(shipped, number, keep_below=2, seed=seed).molecule)
        for number, seed in ((3500, 0), (4000, 0), (3500, 1))
    )
    assert small < large
    assert small != other


def test_rounding_is_written_down_and_halves_the_file(shipped, tmp_path):
    chosen = subset.subset(shipped, 4000, keep_below=2)
    assert chosen.manifest["subset"]["structures_of"] == len(shipped)
    assert f"out of {len(shipped)} structures" in card.data_card(chosen, "some")
    kept = np.isin(shipped.molecule, np.unique(chosen.molecule))
    whole = shipped.select(np.flatnonzero(kept))
    np.testing.assert_allclose(chosen.positions, whole.positions, atol=1e-6)
    np.testing.assert_array_equal(chosen.energy, whole.energy)
    for name, dataset in (("rounded", chosen), ("whole", whole)):
        storage.save_dataset(tmp_path / f"{name}.h5", dataset)
    assert (tmp_path / "rounded.h5").stat().st_size < 0.6 * (tmp_path / "whole.h5").stat().st_size
    np.testing.assert_array_equal(data.load_dataset(tmp_path / "rounded.h5").positions, chosen.positions)


def test_too_few_structures_and_an_existing_output_are_refused(shipped, tmp_path, capsys):
    with pytest.raises(InputError, match=r"structures must be at least \d+, .* got 10\."):
        subset.subset(shipped, 10)
    (tmp_path / "there.h5").write_bytes(b"")
    with pytest.raises(SystemExit) as ended:
        subset.main(["pbe0_def2svp", str(tmp_path / "there.h5"), "--structures", "6500"])
    assert ended.value.code == subset.EXIT_BAD_INPUT
    assert "exists already" in capsys.readouterr().err
