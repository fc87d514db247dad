"""Errors on held-out structures are means over molecules, by side and regime, beside the model that predicts zero."""

import numpy as np
import pytest

from h2scale import data
from h2scale.data import partition, splits
from h2scale.evaluation import held_out


@pytest.fixture(scope="module")
def divided():
    return partition.divide(data.load_dataset("pbe0_def2svp"), splits.SplitSettings(max_held_out=300))


def by_hand(divided, indices, values):
    """Mean over molecules of the mean over each one's structures, in plain Python."""
    of_molecule = {}
    for index, value in zip(indices.tolist(), values.tolist(), strict=True):
        of_molecule.setdefault(str(divided.dataset.molecule[index]), []).append(value)
    return np.mean([np.mean(own) for own in of_molecule.values()])


def test_test_structures_are_the_test_side_and_then_the_unseen_one(divided):
    indices = held_out.test_structures(divided, "stretched")
    sides = divided.side[indices]
    assert (sides[:300] == "test").all()
    assert (sides[300:] == "unseen").all()
    assert len(sides) > 300


def test_groups_are_each_side_whole_and_then_its_regimes(divided):
    indices = held_out.test_structures(divided, "stretched")
    found = list(held_out.groups(divided, indices))
    names = [(side, regime) for side, regime, _ in found]
    assert len(set(names)) == len(names)
    assert names[0] == ("test", "all")
    assert ("unseen", "curve") in names
    for side in ("test", "unseen"):
        of_side = {regime: places for one, regime, places in found if one == side}
        whole = of_side.pop("all")
        np.testing.assert_array_equal(whole, np.flatnonzero(divided.side[indices] == side))
        np.testing.assert_array_equal(np.sort(np.concatenate(list(of_side.values()))), whole)
        for regime, places in of_side.items():
            assert set(divided.dataset.regime[indices[places]].tolist()) == {regime}


def test_errors_are_means_over_molecules(divided):
    indices = held_out.test_structures(divided, "stretched")[:300]
    generator = np.random.default_rng(0)
    energy, force = generator.normal(0, 0.1, 300) * divided.dataset.n_atoms[indices], generator.uniform(0, 1, 300)
    found = held_out.errors(divided, indices, energy, force)
    assert (found.num_structures, found.num_molecules) == (300, len(np.unique(divided.molecule[indices])))
    absolute = np.abs(energy)
    expected = {
        "energy_mae_ev": absolute,
        "energy_mae_ev_per_atom": absolute / divided.dataset.n_atoms[indices],
        "within_43_mev_share": (absolute <= 0.043).astype(float),
        "force_mae_ev_per_angstrom": force,
    }
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(found, name), by_hand(divided, indices, values), rtol=1e-12, err_msg=name)
    # The control: means over structures are other numbers.
    assert abs(np.mean(absolute) - found.energy_mae_ev) > 1e-3
    same = held_out.errors(divided, indices, absolute, force)
    assert same == found  # signed or absolute


def test_half_of_the_molecules_err_by_less_than_the_median(divided):
    """A molecule of many structures has no more say than one of a single structure."""
    dataset = divided.dataset
    minima = np.flatnonzero((dataset.rung == "equilibrium") & (divided.side == "test"))[:4]
    curve = np.flatnonzero((dataset.molecule == "FF") & (dataset.regime == "curve"))
    indices = np.concatenate([minima, curve])
    energy = np.concatenate([[0.1, 0.2, 0.3, 0.4], np.full(len(curve), 5.0)])
    found = held_out.errors(divided, indices, energy, np.zeros(len(indices)))
    assert found.energy_median_ae_ev == 0.3
    assert np.median(energy) == 5.0  # the control
    assert found.num_molecules == 5


def test_zero_model_errs_by_the_labels(divided):
    indices = held_out.test_structures(divided, "stretched")
    found = held_out.zero_errors(divided, indices)
    energy, force = divided.dataset.energy[indices], []
    for index in indices:
        force.append(np.abs(divided.dataset[int(index)].forces).mean())
    np.testing.assert_allclose(found.energy_mae_ev, by_hand(divided, indices, np.abs(energy)), rtol=1e-12)
    np.testing.assert_allclose(found.force_mae_ev_per_angstrom, by_hand(divided, indices, np.array(force)), rtol=1e-12)
    assert found.force_mae_ev_per_angstrom > 0.1
