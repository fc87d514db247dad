"""The ridge regression: exact where two-body terms suffice, and tuned on validation alone."""

import numpy as np
import pytest

from h2scale.data import dataset as dataset_lib
from h2scale.evaluation import simple_models
from h2scale.types import Structure

SMALL = {"num_bins": (12, 16), "cutoffs_angstrom": (3.0, 5.0), "strengths": (1e-8, 1e-4, 1e-1)}


def molecules(number, energy, elements=(1, 8), seed=0):
    """Random structures of three to five atoms, no two closer than 0.8 angstrom, labelled by `energy(z, distances)`."""
    generator = np.random.default_rng(seed)
    structures = []
    while len(structures) < number:
        z = generator.choice(elements, size=generator.integers(3, 6))
        positions = generator.uniform(0, 2.6, (len(z), 3))
        first, second = np.triu_indices(len(z), 1)
        distances = np.linalg.norm(positions[first] - positions[second], axis=1)
        if distances.min() < 0.8:
            continue
        label = energy(z, z[first] + z[second], distances)
        name = f"molecule {len(structures) // 2}"
        structures.append(
            Structure(
                z, positions, label, np.zeros_like(positions), 0, 1, "equilibrium", "equilibrium", name, "t", 0.0, ""
            )
        )
    return dataset_lib.from_structures(structures, {})


def two_body(z, kinds, distances):
    return float(-0.3 * np.sum(z == 8) + np.sum(kinds * np.exp(-distances)))


def test_a_two_body_energy_is_learnt():
    dataset = molecules(260, two_body)
    sides = np.split(np.arange(260), [200, 230])
    result = simple_models.ridge_energies(
        dataset, *sides, num_bins=(16,), cutoffs_angstrom=(6.0,), strengths=(1e-9, 1e-7)
    )
    test = dataset.energy[sides[2]]
    assert np.abs(result.test_energies - test).mean() < 0.02 * np.abs(test).mean()


def test_predictions_ignore_rotation_order_and_place_of_atoms():
    dataset = molecules(60, two_body)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    moved = [
        s._replace(positions=s.positions[::-1] @ rotation + 3, atomic_numbers=s.atomic_numbers[::-1]) for s in dataset
    ]
    moved = dataset_lib.from_structures(moved, {})
    sides = np.split(np.arange(60), [40, 50])
    expected = simple_models.ridge_energies(dataset, *sides, **SMALL).test_energies
    np.testing.assert_allclose(simple_models.ridge_energies(moved, *sides, **SMALL).test_energies, expected, atol=1e-8)


def test_test_labels_change_nothing():
    dataset = molecules(60, two_body)
    sides = np.split(np.arange(60), [40, 50])
    first = simple_models.ridge_energies(dataset, *sides, **SMALL)
    dataset.energy[sides[2]] += 100.0
    second = simple_models.ridge_energies(dataset, *sides, **SMALL)
    assert first.settings == second.settings
    np.testing.assert_array_equal(first.test_energies, second.test_energies)


def test_the_settings_are_those_with_the_smallest_validation_error():
    dataset = molecules(60, two_body)
    result = simple_models.ridge_energies(dataset, *np.split(np.arange(60), [40, 50]), **SMALL)
    assert len(result.table) == 12
    assert result.validation_error_ev == min(error for _, error in result.table)


def test_an_element_that_training_lacks_contributes_nothing():
    known, other = molecules(50, two_body), molecules(4, two_body, elements=(9,), seed=3)
    dataset = dataset_lib.from_structures([*known, *other], {})
    result = simple_models.ridge_energies(dataset, *np.split(np.arange(54), [40, 50]), **SMALL)
    np.testing.assert_array_equal(result.test_energies, 0.0)


def test_weights_of_the_validation_structures_choose_the_settings():
    """With all weight on one structure the settings are those that are best for it; without weights all weigh alike."""
    dataset = molecules(60, two_body)
    sides = np.split(np.arange(60), [40, 50])
    even = simple_models.ridge_energies(dataset, *sides, weights=np.full(10, 0.1), **SMALL)
    plain = simple_models.ridge_energies(dataset, *sides, **SMALL)
    assert even.settings == plain.settings
    np.testing.assert_allclose(even.validation_error_ev, plain.validation_error_ev, rtol=1e-12)
    chosen = set()
    for place in range(10):
        only = simple_models.ridge_energies(dataset, *sides, weights=np.eye(10)[place], **SMALL)
        alone = simple_models.ridge_energies(dataset, sides[0], sides[1][[place]], sides[2], **SMALL)
        assert only.settings == alone.settings
        np.testing.assert_allclose(only.validation_error_ev, alone.validation_error_ev, rtol=1e-9)
        chosen.add(only.settings)
    assert len(chosen) > 1, "every structure chooses alike: the weights are not checked"


def test_an_empty_side_is_refused():
    dataset = molecules(10, two_body)
    with pytest.raises(ValueError, match="validation is empty"):
        simple_models.ridge_energies(dataset, np.arange(5), np.arange(0), np.arange(5, 10))
