"""Metrics of curves for which they are known by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from h2scale.physics import curves, metrics

REFERENCES = curves.load_h2_references()
DISTANCES = jnp.asarray(REFERENCES.distances_angstrom)
EXACT = jnp.asarray(REFERENCES.exact_ev)


def _metrics(energies: jax.Array, exact: jax.Array = EXACT, teacher: jax.Array = EXACT) -> metrics.H2Metrics:
    return jax.jit(metrics.h2_metrics)(DISTANCES, energies, exact, teacher)


def test_the_exact_curve_is_judged_perfect() -> None:
    found = _metrics(EXACT)
    for name in ("h2_mae_ev", "h2_wall_mae_ev", "h2_well_mae_ev", "h2_middle_mae_ev", "h2_tail_mae_ev", "h2_npe_ev"):
        assert float(getattr(found, name)) == 0.0, name
    assert float(found.h2_asymptote_error_ev) == 0.0
    assert int(found.h2_num_minima) == 1
    assert bool(found.h2_wall_is_repulsive)
    assert float(found.h2_bond_length_angstrom) == pytest.approx(0.74141, abs=5e-4)
    assert float(found.h2_well_depth_ev) == pytest.approx(4.74773, abs=2e-4)


def test_a_constant_shift_moves_every_mean_and_no_shape() -> None:
    found = _metrics(EXACT + 0.25, teacher=EXACT + 1.0)
    means = [found.h2_mae_ev, found.h2_wall_mae_ev, found.h2_well_mae_ev, found.h2_middle_mae_ev, found.h2_tail_mae_ev]
    np.testing.assert_allclose(means, 0.25, rtol=1e-12)
    np.testing.assert_allclose(found.h2_teacher_mae_ev, 0.75, rtol=1e-12)
    np.testing.assert_allclose(found.h2_npe_ev, 0.0, atol=1e-13)
    np.testing.assert_allclose(found.h2_asymptote_error_ev, 0.25, rtol=1e-12)
    np.testing.assert_allclose(found.h2_bond_length_angstrom, _metrics(EXACT).h2_bond_length_angstrom, rtol=1e-12)
    np.testing.assert_allclose(found.h2_well_depth_ev, _metrics(EXACT).h2_well_depth_ev - 0.25, rtol=1e-12)


@pytest.mark.parametrize("region", ["wall", "well", "middle", "tail"])
def test_an_error_in_one_region_is_seen_there_alone(region: str) -> None:
    mask = getattr(curves.regions(DISTANCES), region)
    found = _metrics(EXACT - 0.5 * mask)
    for other in ("wall", "well", "middle", "tail"):
        expected = 0.5 if other == region else 0.0
        np.testing.assert_allclose(getattr(found, f"h2_{other}_mae_ev"), expected, atol=1e-13)
    np.testing.assert_allclose(found.h2_mae_ev, 0.5 * float(jnp.mean(mask)), rtol=1e-12)
    np.testing.assert_allclose(found.h2_npe_ev, 0.5, rtol=1e-12)


def test_errors_of_both_signs_add_in_the_non_parallelity() -> None:
    error = jnp.zeros(128).at[10].set(0.3).at[90].set(-0.7)
    found = _metrics(EXACT + error)
    np.testing.assert_allclose(found.h2_npe_ev, 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.h2_mae_ev, 1.0 / 128, rtol=1e-12)


def test_a_parabola_gives_its_own_vertex() -> None:
    found = _metrics(3.0 * (DISTANCES - 1.234) ** 2 - 4.5)
    assert float(found.h2_bond_length_angstrom) == pytest.approx(1.234, abs=1e-12)
    assert float(found.h2_well_depth_ev) == pytest.approx(4.5, abs=1e-12)
    assert int(found.h2_num_minima) == 1


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["falling", "rising"])
def test_a_monotonic_curve_has_no_minimum(sign: float) -> None:
    found = _metrics(sign / DISTANCES)
    assert int(found.h2_num_minima) == 0
    assert jnp.isnan(found.h2_bond_length_angstrom)
    assert jnp.isnan(found.h2_well_depth_ev)
    assert bool(found.h2_wall_is_repulsive) == (sign > 0)


@pytest.mark.parametrize(("ripple", "expected"), [(0.004, 1), (0.2, 2)])
def test_a_minimum_counts_from_its_prominence(ripple: float, expected: int) -> None:
    """A dent at 5 angstrom on a flat asymptote: the exact curve rises by less than 1e-3 eV there."""
    dent = -ripple * jnp.exp(-(((DISTANCES - 5.0) / 0.3) ** 2))
    assert int(metrics.count_minima(EXACT + dent)) == expected


def test_prominence_is_the_lower_climb() -> None:
    curve = jnp.array([5.0, 1.0, 1.009, 0.0, 3.0])  # the first dent is 0.009 deep towards the right
    assert int(metrics.count_minima(curve)) == 1
    assert int(metrics.count_minima(curve.at[2].set(1.011))) == 2


def test_a_flat_bottom_is_one_minimum() -> None:
    assert int(metrics.count_minima(jnp.array([1.0, 0.0, 0.0, 0.0, 1.0]))) == 1


def test_a_constant_curve_has_none() -> None:
    assert int(metrics.count_minima(jnp.zeros(9))) == 0


def test_the_deepest_of_two_minima_is_the_bond() -> None:
    shallow = -1.0 * jnp.exp(-(((DISTANCES - 0.8) / 0.1) ** 2))
    deep = -2.0 * jnp.exp(-(((DISTANCES - 2.5) / 0.3) ** 2))
    found = _metrics(shallow + deep)
    assert int(found.h2_num_minima) == 2
    assert float(found.h2_bond_length_angstrom) == pytest.approx(2.5, abs=0.01)


def test_one_step_down_inside_the_wall_is_noticed() -> None:
    inside = int(jnp.sum(DISTANCES < 0.6)) - 1
    assert not bool(_metrics(EXACT.at[inside - 1].set(EXACT[inside])).h2_wall_is_repulsive)
    assert bool(_metrics(EXACT.at[inside + 5].set(EXACT[inside + 4] + 1.0)).h2_wall_is_repulsive)


def test_without_a_teacher_its_error_is_not_a_number() -> None:
    found = _metrics(EXACT, teacher=jnp.asarray(REFERENCES.teacher_ev))
    assert jnp.isnan(found.h2_teacher_mae_ev)
    assert float(found.h2_mae_ev) == 0.0


def test_a_diverged_curve_gives_no_number() -> None:
    found = _metrics(EXACT.at[64].set(jnp.nan))
    assert jnp.isnan(found.h2_mae_ev)
    assert jnp.isnan(found.h2_npe_ev)


def test_mapped_over_replicas_equals_looped_and_is_float64_for_a_float32_model() -> None:
    noise = jax.random.normal(jax.random.key(0), (5, 128), jnp.float32)
    population = EXACT.astype(jnp.float32)[None, :] + 0.3 * noise
    mapped = jax.jit(jax.vmap(metrics.h2_metrics, (None, 0, None, None)))(DISTANCES, population, EXACT, EXACT)
    assert mapped.h2_mae_ev.dtype == jnp.float64
    for i in range(5):
        alone = _metrics(population[i])
        for name in metrics.H2Metrics._fields:
            np.testing.assert_allclose(getattr(mapped, name)[i], getattr(alone, name), rtol=1e-12, err_msg=name)


def test_size_consistency_is_signed_and_exact_for_additive_energies() -> None:
    assert float(metrics.size_consistency_error(jnp.asarray(-2.6), jnp.asarray(-1.3))) == 0.0
    np.testing.assert_allclose(metrics.size_consistency_error(jnp.asarray(-2.5), jnp.asarray(-1.3)), 0.1)
