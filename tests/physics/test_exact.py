"""The exact curves pass through their tables, reach their limits and are smooth in between."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from h2scale import units
from h2scale.physics import exact

H2_TABLE = exact.shipped_table("h2_ground_state.csv")
CATION_TABLE = exact.shipped_table("h2_cation.csv")
CURVES = {"H2": exact.h2_ground_state, "H2+": exact.h2_cation}


@pytest.fixture(params=CURVES.values(), ids=CURVES.keys())
def energy(request: pytest.FixtureRequest):
    return request.param


def test_h2_passes_through_every_tabulated_point() -> None:
    error = exact.h2_ground_state(H2_TABLE["distance_bohr"]) - H2_TABLE["energy_hartree"]
    assert np.abs(error).max() < 1e-14


def test_h2_cation_passes_through_every_tabulated_point() -> None:
    error = exact.h2_cation(CATION_TABLE["distance_bohr"]) - CATION_TABLE["energy_1s_sigma_g_hartree"]
    rounding = np.where(CATION_TABLE["distance_bohr"] > 90, 5e-9, 1e-11)  # the last row has eight decimals
    assert (np.abs(error) < rounding).all()


def _left_out(fit, tabulated: tuple[np.ndarray, ...]) -> np.ndarray:
    """Error of the curve at each tabulated point when it has not seen that point."""
    distances, energies = tabulated[0], tabulated[1]
    errors = []
    for i in range(len(distances)):
        seen = np.arange(len(distances)) != i
        curve = fit(*(column[seen] for column in tabulated))
        errors.append(float(exact.evaluate(curve, distances[i], np)) - energies[i])
    return np.abs(errors)


def test_h2_is_within_half_a_microhartree_with_any_point_left_out() -> None:
    errors = _left_out(exact.fit_h2, (H2_TABLE["distance_bohr"], H2_TABLE["energy_hartree"]))
    assert errors[H2_TABLE["distance_bohr"] >= 0.2].max() < 5e-7
    assert errors.max() < 2e-6


def test_leaving_points_out_notices_a_wrong_table() -> None:
    broken = H2_TABLE["energy_hartree"].copy()
    broken[30] += 1e-5
    errors = _left_out(exact.fit_h2, (H2_TABLE["distance_bohr"], broken))
    assert errors[H2_TABLE["distance_bohr"] >= 0.2].max() > 5e-6


def test_h2_cation_is_within_its_stated_error_with_any_point_left_out() -> None:
    columns = ("distance_bohr", "energy_1s_sigma_g_hartree", "energy_2p_sigma_u_hartree")
    errors = _left_out(exact.fit_h2_cation, tuple(CATION_TABLE[column] for column in columns))
    distances = CATION_TABLE["distance_bohr"]
    assert errors.max() < 1e-5
    assert errors[distances >= 8].max() < 1e-6


def test_separated_limits(energy) -> None:
    limit = -1.0 if energy is exact.h2_ground_state else -0.5
    assert float(energy(jnp.inf)) == limit
    assert float(jax.jit(jax.grad(energy))(jnp.inf)) == 0.0
    far = jnp.array([50.0, 200.0, 1e4])
    assert (energy(far) <= limit).all()


def test_long_range_is_the_multipole_series() -> None:
    distance = 60.0
    dispersion = -sum(c / distance**n for n, c in {6: 6.4990267, 8: 124.3990836, 10: 3285.82841}.items())
    np.testing.assert_allclose(exact.h2_ground_state(distance) + 1.0, dispersion, rtol=0, atol=2e-16)
    # The leading term of H2+ alone misses 15 / (2 R^6), 3.3 per R^2 of it.
    np.testing.assert_allclose(exact.h2_cation(distance) + 0.5, -9 / (4 * distance**4), rtol=2e-3)


def test_united_atom_limits() -> None:
    distance = 1e-4
    # Off by pi/3 times the density at the nucleus times R^2, below 4e-8.
    np.testing.assert_allclose(exact.h2_ground_state(distance) - 1 / distance, -2.903724377034119, rtol=0, atol=5e-8)
    np.testing.assert_allclose(exact.h2_cation(distance) - 1 / distance, -2.0, rtol=0, atol=5e-8)


def test_force_is_the_finite_difference(energy) -> None:
    distances = jnp.concatenate([jnp.geomspace(0.06, 20.0, 60), jnp.array([23.99, 24.0, 24.01, 29.99, 30.0, 30.01])])
    slope = jax.jit(jax.vmap(jax.grad(energy)))(distances)
    step = 1e-4 * distances
    compiled = jax.jit(energy)
    difference = (compiled(distances + step) - compiled(distances - step)) / (2 * step)
    # Truncation is step^2 / 6 times the third derivative, 1e-8 of the bare 1/R^2; rounding 1e-16 over the step.
    assert (jnp.abs(slope - difference) < 2e-8 / distances**2 + 2e-12 / distances).all()
    assert (jnp.abs(slope - difference) < 0.1 * jnp.abs(slope)).all(), "tolerance larger than the number checked"


def test_second_derivative_has_no_jump(energy) -> None:
    """Across every knot and the join the second derivative moves by no more than its slope explains."""
    bend = jax.jit(jax.vmap(jax.grad(jax.grad(energy))))
    third = jax.jit(jax.vmap(jax.grad(jax.grad(jax.grad(energy)))))
    knots = jnp.concatenate([H2_TABLE["distance_bohr"], jnp.array([24.0, 30.0])])
    step = 1e-6
    jump = bend(knots + step) - bend(knots - step)
    np.testing.assert_allclose(jump, 2 * step * third(knots), rtol=1e-3, atol=1e-10)


def test_jitted_mapped_and_plain_agree(energy) -> None:
    distances = jnp.geomspace(0.05, 100.0, 24).reshape(4, 6)
    plain = energy(distances)
    assert plain.shape == (4, 6)
    np.testing.assert_array_equal(jax.jit(energy)(distances), plain)
    np.testing.assert_array_equal(jax.vmap(jax.vmap(energy))(distances), plain)


def test_float32_in_float32_out(energy) -> None:
    distances = jnp.geomspace(0.2, 40.0, 50, dtype=jnp.float32)
    single = jax.jit(energy)(distances)
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, energy(distances.astype(jnp.float64)), rtol=3e-7, atol=6e-7)


@pytest.mark.parametrize("distance", [0.0, -1.4, float("nan")])
def test_a_distance_that_is_not_positive_is_named(energy, distance: float) -> None:
    with pytest.raises(ValueError, match=rf"distance_bohr must be positive, in bohr; got {distance}"):
        energy(jnp.array([1.4, distance]))
    inside = jax.jit(energy)(jnp.array([1.4, distance]))
    assert jnp.isfinite(inside[0])
    assert jnp.isnan(inside[1])


def test_spectroscopic_constants_of_h2() -> None:
    found = exact.spectroscopy(exact.h2_ground_state, start_bohr=1.3, limit_hartree=-1.0)
    # Wolniewicz, J. Chem. Phys. 103, 1792 (1995): minimum at 1.4011 bohr, 0.174475932 hartree deep.
    assert found.bond_length_bohr == pytest.approx(1.4011, abs=5e-5)
    assert found.well_depth_hartree == pytest.approx(0.174475932, abs=2e-9)
    # Huber and Herzberg 1979 measured 4401.2 per cm; adiabatic and nonadiabatic shifts are 5 per cm.
    assert found.omega_e_per_cm == pytest.approx(4401.213, abs=10.0)
    # and 0.74144 angstrom.
    assert found.bond_length_bohr * units.BOHR_ANGSTROM == pytest.approx(0.74144, abs=1e-4)


def test_spectroscopic_constants_of_h2_cation() -> None:
    found = exact.spectroscopy(exact.h2_cation, start_bohr=2.1, limit_hartree=-0.5)
    # Schaad and Hicks, J. Chem. Phys. 53, 851 (1970): 1.9971933 bohr, 0.1026342 hartree below the limit.
    assert found.bond_length_bohr == pytest.approx(1.9971933, abs=1e-6)
    assert found.well_depth_hartree == pytest.approx(0.1026346, abs=1e-6)


def test_spectroscopy_refuses_a_start_outside_the_well() -> None:
    with pytest.raises(ValueError, match=r"not convex at 5 bohr; start_bohr=5.0 is too far off"):
        exact.spectroscopy(exact.h2_ground_state, start_bohr=5.0, limit_hartree=-1.0)


def test_the_first_call_may_come_from_inside_jit() -> None:
    exact._h2_piecewise.cache_clear()
    inside = jax.jit(lambda distance: exact.h2_ground_state(distance))(1.4)
    np.testing.assert_array_equal(exact.h2_ground_state(1.4), inside)


def test_numpy_gives_the_same_values_to_the_last_bit() -> None:
    distances = np.concatenate([np.geomspace(0.05, 80.0, 300), [1e-3, exact._H2_JOIN_BOHR, np.inf]])
    found = exact.h2_ground_state_on_host(distances)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, exact.h2_ground_state(distances))
    with pytest.raises(ValueError, match=r"distance_bohr must be positive, in bohr; got -1\.0"):
        exact.h2_ground_state_on_host(np.array([1.0, -1.0]))
