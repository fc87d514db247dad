"""Interpolants of known functions, and a cache that gives back what was written or complains."""

import dataclasses
import json
import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from h2scale.physics import exact, potential_curve


def _h2(number: int = 64) -> potential_curve.Curve:
    """The exact curve posing as a computed one: its value is known everywhere."""
    distances = np.geomspace(0.378, 15.12, number)
    return potential_curve.Curve(
        distances_bohr=distances,
        energies_hartree=np.asarray(exact.h2_ground_state(distances)),
        spin_squared=np.zeros(number),
        nuclear_charges=(1, 1),
        separated_atoms_hartree=-1.0,
        provenance={"method": "exact", "states": ["1Sigma_g+"] * number},
    )


def test_the_interpolant_is_within_a_microhartree_where_it_has_not_been() -> None:
    curve = _h2()
    unseen = np.sqrt(curve.distances_bohr[1:] * curve.distances_bohr[:-1])
    found = jax.jit(potential_curve.interpolate)(potential_curve.make_interpolant(curve), unseen)
    assert np.abs(found - exact.h2_ground_state(unseen)).max() < 1e-6


def test_the_interpolant_passes_through_its_points_and_ends() -> None:
    curve = _h2()
    found = potential_curve.interpolate(potential_curve.make_interpolant(curve), curve.distances_bohr)
    np.testing.assert_allclose(found, curve.energies_hartree, rtol=0, atol=1e-12)


def test_the_interpolant_gives_the_force() -> None:
    interpolant = potential_curve.make_interpolant(_h2(128))
    distances = jnp.geomspace(0.4, 15.0, 40)
    slope = jax.vmap(jax.grad(potential_curve.interpolate, argnums=1), (None, 0))(interpolant, distances)
    np.testing.assert_allclose(slope, jax.vmap(jax.grad(exact.h2_ground_state))(distances), rtol=0, atol=2e-6)


def test_outside_its_distances_the_interpolant_is_not_a_number() -> None:
    interpolant = potential_curve.make_interpolant(_h2())
    value = potential_curve.interpolate(interpolant, jnp.array([0.3779, 0.378, 15.12, 15.1201]))
    np.testing.assert_array_equal(np.isfinite(value), [False, True, True, False])


def test_the_interpolant_is_an_argument_of_jit_and_keeps_float32() -> None:
    traces = []

    @jax.jit
    def energy(interpolant: potential_curve.Interpolant, distance: jax.Array) -> jax.Array:
        traces.append(1)
        return potential_curve.interpolate(interpolant, distance)

    interpolant = potential_curve.make_interpolant(_h2())
    shifted = dataclasses.replace(_h2(), energies_hartree=_h2().energies_hartree + 1)
    distance = jnp.linspace(1.0, 14.0, 7, dtype=jnp.float32)
    first, second = energy(interpolant, distance), energy(potential_curve.make_interpolant(shifted), distance)
    assert first.dtype == jnp.float32
    np.testing.assert_allclose(second - first, 1.0, rtol=1e-5)
    assert len(traces) == 1


def test_leaving_points_out_overestimates_the_error() -> None:
    curve = _h2(48)
    unseen = np.geomspace(0.45, 12.0, 500)
    interpolant = potential_curve.make_interpolant(curve)
    actual = np.abs(potential_curve.interpolate(interpolant, unseen) - exact.h2_ground_state(unseen)).max()
    assert actual < np.abs(potential_curve.leave_one_out_error(curve)).max()


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="an interpolant needs at least 4 distances; got 3"):
        potential_curve.make_interpolant(_h2(3))


def _never() -> potential_curve.Curve:
    raise AssertionError("computed although it is on disk")


def _single_file(directory: pathlib.Path) -> pathlib.Path:
    (path,) = directory.iterdir()
    return path


def test_a_second_request_comes_from_disk_unchanged_and_quickly(tmp_path: pathlib.Path) -> None:
    curve = _h2()
    potential_curve.cached({"basis": "x"}, lambda: curve, tmp_path)
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        again = potential_curve.cached({"basis": "x"}, _never, tmp_path)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.005
    for field in ("distances_bohr", "energies_hartree", "spin_squared"):
        np.testing.assert_array_equal(getattr(again, field), getattr(curve, field))
    assert again.provenance == curve.provenance
    assert again.nuclear_charges == (1, 1)
    np.testing.assert_array_equal(again.interaction_hartree, curve.energies_hartree + 1.0)


def test_another_request_is_another_file(tmp_path: pathlib.Path) -> None:
    potential_curve.cached({"basis": "x"}, _h2, tmp_path)
    with pytest.raises(AssertionError, match="computed although"):
        potential_curve.cached({"basis": "y"}, _never, tmp_path)


@pytest.mark.parametrize("damage", ["cut", "edited", "emptied", "list", "missing"])
def test_a_damaged_file_is_named(tmp_path: pathlib.Path, damage: str) -> None:
    potential_curve.cached({"basis": "x"}, _h2, tmp_path)
    path = _single_file(tmp_path)
    text = path.read_text()
    content = json.loads(text)
    if damage == "edited":
        content["curve"]["energies_hartree"][3] += 1e-9
    if damage == "missing":
        del content["curve"]
    damaged = {"cut": text[:200], "emptied": "", "list": "[1]"}.get(damage, json.dumps(content))
    path.write_text(damaged)
    with pytest.raises(ValueError, match=rf"curve file {path} is corrupted \(.*\); delete it"):
        potential_curve.cached({"basis": "x"}, _never, tmp_path)


def test_a_file_of_another_request_is_refused(tmp_path: pathlib.Path) -> None:
    potential_curve.cached({"basis": "x"}, _h2, tmp_path)
    with pytest.raises(ValueError, match="belongs to another request"):
        potential_curve.load(_single_file(tmp_path), expected_key="0" * 64)


@pytest.mark.parametrize(
    ("distances", "message"),
    [
        ([0.0, 1.0], r"must be positive and finite, in bohr; got 0\.0"),
        ([-1.0], r"must be positive and finite, in bohr; got -1\.0"),
        ([1.0, np.inf], "must be positive and finite, in bohr; got inf"),
        ([2.0, 1.0], r"must increase; got 2\.0 before 1\.0"),
        ([], r"non-empty one-dimensional array; got shape \(0,\)"),
        ([[1.0]], r"non-empty one-dimensional array; got shape \(1, 1\)"),
    ],
)
def test_impossible_distances_are_named(distances: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        potential_curve.checked_distances(distances)
