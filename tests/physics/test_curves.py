"""The test distances, their regions and the shipped references."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from h2scale import units
from h2scale.physics import curves, exact, fci


def test_the_distances_are_128_in_geometric_progression() -> None:
    distances = curves.H2_TEST_DISTANCES_ANGSTROM
    assert distances.shape == (128,)
    assert distances.dtype == np.float64
    np.testing.assert_allclose(distances[[0, -1]], [0.2, 8.0], rtol=1e-15)
    ratios = distances[1:] / distances[:-1]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-13)


def test_every_distance_is_in_exactly_one_region() -> None:
    distances = np.concatenate([curves.H2_TEST_DISTANCES_ANGSTROM, [0.6, 1.2, 3.0]])
    region = curves.regions(distances)
    np.testing.assert_array_equal(np.sum(np.stack(region).astype(int), axis=0), 1)
    assert [bool(mask[-3]) for mask in region] == [False, True, False, False]  # 0.6 is not below 0.6
    assert [bool(mask[-2]) for mask in region] == [False, False, True, False]
    assert [bool(mask[-1]) for mask in region] == [False, False, True, False]  # 3 is not beyond 3
    assert all(np.sum(mask[:128]) >= 20 for mask in region)


def test_references_are_float64_and_consistent() -> None:
    references = curves.load_h2_references()
    for name, values in references._asdict().items():
        assert values.dtype == np.float64, name
        assert values.shape == (128,), name
    assert np.isnan(references.teacher_ev).all()
    total = np.asarray(exact.h2_ground_state(references.distances_angstrom / units.BOHR_ANGSTROM))
    np.testing.assert_allclose(references.exact_ev, (total + 1) * 27.211386245988, rtol=1e-14)


def test_shipped_fci_is_close_to_exact_where_its_basis_is_good() -> None:
    references = curves.load_h2_references()
    excess = references.fci_ev - references.exact_ev
    # FCI/cc-pVQZ lies 0.68 millihartree above exact at 1.4 bohr and its two atoms 0.11, hence 0.0155 eV.
    assert np.abs(excess[references.distances_angstrom >= 0.6]).max() < 0.025
    assert np.abs(excess[references.distances_angstrom > 5]).max() < 2e-4
    assert np.abs(excess).max() < 0.06


def test_shipped_fci_is_what_is_computed_today(tmp_path: pathlib.Path) -> None:
    some = [0, 40, 127]
    distances = curves.H2_TEST_DISTANCES_ANGSTROM[some] / units.BOHR_ANGSTROM
    computed = fci.diatomic_curve(("H", "H"), "cc-pvqz", distances, cache_dir=tmp_path)
    shipped = curves.load_h2_references().fci_ev[some]
    np.testing.assert_allclose(computed.interaction_hartree * units.HARTREE_EV, shipped, rtol=0, atol=1e-7)


def test_a_teacher_is_taken_as_given_and_refused_in_another_shape() -> None:
    teacher = np.linspace(1.0, 0.0, 128)
    np.testing.assert_array_equal(curves.load_h2_references(teacher).teacher_ev, teacher)
    with pytest.raises(ValueError, match=r"teacher_ev must have shape \(128,\), one per test distance; got \(3,\)"):
        curves.load_h2_references(np.zeros(3))


def test_references_are_a_pytree_that_jit_takes_as_an_argument() -> None:
    references = curves.load_h2_references()
    traces = []

    @jax.jit
    def worst(given: curves.References) -> jax.Array:
        traces.append(1)
        return jnp.max(given.exact_ev)

    first = worst(references)
    second = worst(references._replace(exact_ev=2 * references.exact_ev))
    assert float(second) == 2 * float(first)
    assert len(traces) == 1, "a new reference must not compile again"
