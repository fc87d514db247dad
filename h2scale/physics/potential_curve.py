"""A computed diatomic curve with its provenance, its interpolant for use inside jit, and its cache on disk."""

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Sequence
from importlib.resources import abc
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.physics import piecewise_polynomials
from h2scale.runtime import files

FORMAT_VERSION = 1
_MAX_DEGREE = 7


@dataclasses.dataclass(frozen=True)
class Curve:
    """Total energy of a diatomic molecule at increasing distances, every point converged."""

    distances_bohr: np.ndarray  # (n,), increasing
    energies_hartree: np.ndarray  # (n,), total
    spin_squared: np.ndarray  # (n,), <S^2>
    nuclear_charges: tuple[int, int]
    separated_atoms_hartree: float  # the same method's and basis' own atoms
    provenance: dict[str, Any]  # method, basis, version, states, linear dependencies dropped, ...

    @property
    def interaction_hartree(self) -> np.ndarray:
        """Energy relative to the separated atoms of the same method and basis, shape (n,)."""
        return self.energies_hartree - self.separated_atoms_hartree


class Interpolant(NamedTuple):
    """A curve ready for jit, a pytree: E - Z Z / R as a spline in the logarithm of the distance."""

    spline: piecewise_polynomials.Spline
    charge_product: float


def make_interpolant(curve: Curve) -> Interpolant:
    """The interpolant of a curve.

    Raises:
        ValueError: with fewer than four points, which cannot carry a cubic spline.
    """
    number = len(curve.distances_bohr)
    if number < 4:
        raise ValueError(f"an interpolant needs at least 4 distances; got {number}.")
    degree = min(_MAX_DEGREE, number - 1 - number % 2)
    charge_product = float(np.prod(curve.nuclear_charges))
    smooth = curve.energies_hartree - charge_product / curve.distances_bohr
    return Interpolant(piecewise_polynomials.fit(np.log(curve.distances_bohr), smooth, degree), charge_product)


def interpolate(interpolant: Interpolant, distance_bohr: jax.Array) -> jax.Array:
    """Total energy in hartree; any shape; jittable and differentiable. NaN outside the computed distances."""
    distance = jnp.asarray(distance_bohr)
    breaks = interpolant.spline.breaks
    # The ends themselves went through a logarithm and may come back one rounding off.
    slack = 8 * float(jnp.finfo(distance.dtype).eps)
    first, last = jnp.exp(breaks[0]) * (1 - slack), jnp.exp(breaks[-1]) * (1 + slack)
    inside = (distance >= first.astype(distance.dtype)) & (distance <= last.astype(distance.dtype))
    safe = jnp.where(inside, distance, jnp.exp(breaks[0]).astype(distance.dtype))
    energy = piecewise_polynomials.evaluate(interpolant.spline, jnp.log(safe)) + interpolant.charge_product / safe
    return jnp.where(inside, energy, jnp.nan)


def leave_one_out_error(curve: Curve) -> np.ndarray:
    """Error of the interpolant at each inner point when it has not seen that point, hartree, shape (n - 2,).

    An overestimate: the gap it bridges is twice as wide as any in the curve, so that of a degree-7
    spline is about 200 times what the full curve makes.
    """
    errors = []
    for i in range(1, len(curve.distances_bohr) - 1):
        seen = np.arange(len(curve.distances_bohr)) != i
        reduced = dataclasses.replace(
            curve, distances_bohr=curve.distances_bohr[seen], energies_hartree=curve.energies_hartree[seen]
        )
        value = interpolate(make_interpolant(reduced), curve.distances_bohr[i])
        errors.append(float(value) - curve.energies_hartree[i])
    return np.array(errors)


def checked_distances(distances_bohr: Sequence[float] | np.ndarray) -> np.ndarray:
    """Distances as a float64 array; raises ValueError unless they are one-dimensional, positive and increasing."""
    distances = np.asarray(distances_bohr, np.float64)
    if distances.ndim != 1 or not distances.size:
        raise ValueError(f"distances_bohr must be a non-empty one-dimensional array; got shape {distances.shape}.")
    bad = distances[~((distances > 0) & np.isfinite(distances))]
    if bad.size:
        raise ValueError(f"distances_bohr must be positive and finite, in bohr; got {bad[0]}.")
    if (np.diff(distances) <= 0).any():
        at = int(np.flatnonzero(np.diff(distances) <= 0)[0])
        raise ValueError(f"distances_bohr must increase; got {distances[at]} before {distances[at + 1]}.")
    return distances


def default_cache_directory() -> pathlib.Path:
    """$H2SCALE_CACHE, or ~/.cache/h2scale."""
    return pathlib.Path(os.environ.get("H2SCALE_CACHE", pathlib.Path.home() / ".cache" / "h2scale"))


def cached(request: dict[str, Any], compute: Callable[[], Curve], directory: pathlib.Path | None) -> Curve:
    """The curve a request stands for, from disk if it was computed before.

    The file is named by a hash of the whole request, so that another basis, version or distance is another file.

    Args:
        request: everything the result depends on, JSON values only.
        compute: called if there is no file.
        directory: None for `default_cache_directory()`.

    Raises:
        ValueError: if the file is not the one that was written.
    """
    key = _digest({"format": FORMAT_VERSION, **request})
    path = (directory or default_cache_directory()) / f"curve-{key[:32]}.json"
    if path.exists():
        return load(path, expected_key=key)
    curve = compute()
    save(path, curve, key)
    return curve


def save(path: pathlib.Path, curve: Curve, key: str) -> None:
    """Writes a curve with a checksum; the file appears whole or not at all."""
    body = {
        "key": key,
        "distances_bohr": curve.distances_bohr.tolist(),
        "energies_hartree": curve.energies_hartree.tolist(),
        "spin_squared": curve.spin_squared.tolist(),
        "nuclear_charges": list(curve.nuclear_charges),
        "separated_atoms_hartree": curve.separated_atoms_hartree,
        "provenance": curve.provenance,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, json.dumps({"checksum": _digest(body), "curve": body}))


def load(path: pathlib.Path | abc.Traversable, expected_key: str | None = None) -> Curve:
    """Reads what `save` wrote.

    Raises:
        ValueError: naming the file, if it is cut short, edited, or belongs to another request.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        body = content["curve"]
        intact = content["checksum"] == _digest(body)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"curve file {path} is corrupted ({error}); delete it to compute the curve again.") from error
    if not intact:
        raise ValueError(f"curve file {path} is corrupted (wrong checksum); delete it to compute the curve again.")
    if expected_key not in (None, body["key"]):
        raise ValueError(f"curve file {path} belongs to another request; delete it to compute the curve again.")
    return Curve(
        distances_bohr=np.array(body["distances_bohr"]),
        energies_hartree=np.array(body["energies_hartree"]),
        spin_squared=np.array(body["spin_squared"]),
        nuclear_charges=tuple(body["nuclear_charges"]),
        separated_atoms_hartree=body["separated_atoms_hartree"],
        provenance=body["provenance"],
    )


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
