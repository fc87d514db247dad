"""A computed diatomic curve with its provenance, and its cache on disk."""

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Sequence
from importlib.resources import abc
from typing import Any

import numpy as np

from h2scale.runtime import files

FORMAT_VERSION = 1


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


def checked_distances(distances_bohr: Sequence[float] | np.ndarray) -> np.ndarray:
    """Convert distances to float64; raise ValueError unless they are one-dimensional, positive and increasing."""
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
    """Return $H2SCALE_CACHE, or ~/.cache/h2scale."""
    return pathlib.Path(os.environ.get("H2SCALE_CACHE", pathlib.Path.home() / ".cache" / "h2scale"))


def cached(request: dict[str, Any], compute: Callable[[], Curve], directory: pathlib.Path | None) -> Curve:
    """Return the curve of a request, from disk if it was computed before.

    The file is named by a hash of the whole request, so that another basis, version or distance is another file.

    Args:
        request: everything the result depends on, JSON values only.
        compute: called if there is no file.
        directory: None for `default_cache_directory()`.

    Raises:
        ValueError: the file is not the one that was written.
    """
    key = _digest({"format": FORMAT_VERSION, **request})
    path = (directory or default_cache_directory()) / f"curve-{key[:32]}.json"
    if path.exists():
        return load(path, expected_key=key)
    curve = compute()
    save(path, curve, key)
    return curve


def save(path: pathlib.Path, curve: Curve, key: str) -> None:
    """Write a curve with a checksum; the file appears whole or not at all."""
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
    """Read a curve that `save` wrote.

    Raises:
        ValueError: the file is cut short, edited, or belongs to another request; the message names it.
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
    first, second = body["nuclear_charges"]
    return Curve(
        distances_bohr=np.array(body["distances_bohr"]),
        energies_hartree=np.array(body["energies_hartree"]),
        spin_squared=np.array(body["spin_squared"]),
        nuclear_charges=(first, second),
        separated_atoms_hartree=body["separated_atoms_hartree"],
        provenance=body["provenance"],
    )


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
