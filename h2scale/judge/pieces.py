"""The curves that judge, computed piece by piece: every piece is a file and is not computed again."""

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from h2scale import electronic_structure
from h2scale.judge import single_points
from h2scale.judge.systems import BASIS, COMPOSITE, SMALL_BASIS, SYSTEMS, System
from h2scale.runtime import files

FUNCTIONALS = ("pbe0", "b3lyp", "wb97m-v")
PARTS = ("hf", "cluster", "reference", *FUNCTIONALS)


def compute(folder: Path, systems: Sequence[str], parts: Sequence[str]) -> None:
    """Compute the pieces of these systems that are missing; a point that fails is told and left out."""
    for part in parts:
        for name in systems:
            for basis in bases(name):
                if not (part in FUNCTIONALS and basis != BASIS):
                    _compute_part(folder, SYSTEMS[name], basis, part)


def bases(name: str) -> tuple[str, ...]:
    """Bases in which a system is computed."""
    return (BASIS, SMALL_BASIS) if name in COMPOSITE else (BASIS,)


def atom_name(symbol: str) -> str:
    """Name of an isolated neutral atom beside the curves."""
    return f"atom {symbol}"


def _compute_part(folder: Path, system: System, basis: str, part: str) -> None:
    if system.is_bare:
        return  # no electrons: every method gives the repulsion of the nuclei
    if part == "reference" and system.name in COMPOSITE and basis == BASIS:
        return
    for piece in set(system.parts):
        atom = single_points.of_atom(*piece)
        if atom.num_electrons:
            _compute_points(folder / atom_name(piece[0]) / basis, [atom], basis, part, system.reference)
    _compute_points(folder / system.name / basis, single_points.of_system(system), basis, part, system.reference)


def _compute_points(folder: Path, points: Sequence[single_points.Point], basis: str, part: str, reference: str) -> None:
    field = _piece(folder / "hf.npz", lambda: single_points.fields(points, basis))
    if part == "hf" or field is None:
        return
    label = reference if part == "reference" else part
    for place, (point, density) in enumerate(zip(points, field["density"], strict=True)):
        work = functools.partial(_point, part, point, basis, reference, density)
        _piece(folder / f"{label}-{place:02d}.npz", work)


def _point(
    part: str, point: single_points.Point, basis: str, reference: str, density: np.ndarray
) -> Mapping[str, np.ndarray]:
    if part == "cluster":
        return single_points.cluster(point, basis, density)
    if part == "reference":
        return {"energy": np.array(single_points.reference(point, basis, reference, density))}
    return single_points.functional(point, basis, part, density)


def _piece(path: Path, work: Callable[[], Mapping[str, np.ndarray]]) -> Mapping[str, np.ndarray] | None:
    """A piece from its file, or computed and written; None if it cannot be, which is told on standard error."""
    found = read_piece(path)
    if found is not None:
        return found
    try:
        with electronic_structure.one_thread():
            made = work()
    except (ValueError, np.linalg.LinAlgError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(path, files.npz_bytes(made))
    return made


def read_piece(path: Path) -> Mapping[str, np.ndarray] | None:
    """The arrays of a finished piece, None if it is not finished."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
