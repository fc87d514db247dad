"""A cache of curves that gives back what was written or complains."""

import json
import pathlib
import time

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
