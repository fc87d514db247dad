"""HDF5 files with one group per molecule and one row per conformation, as ANI-1x and SPICE come in."""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from h2scale import errors


def groups(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[str, h5py.Group]]:
    """Name and group of every molecule, in the file's order, each checked to hold what is needed.

    Raises:
        InputError: the file is not HDF5, is cut short or unreadable, has no groups, or a group lacks an entry.
    """
    name = None
    try:
        with h5py.File(path, "r") as file:
            if not file.keys():
                raise errors.InputError(f"{path}: the file has no groups, where one a molecule is expected.")
            for name in file:
                group = file[name]
                if not isinstance(group, h5py.Group):
                    raise errors.InputError(f"{path}: {name!r} is an array, where one group a molecule is expected.")
                missing = [key for key in needed if key not in group]
                if missing:
                    raise errors.InputError(
                        f"{path}, group {name}: no {', '.join(missing)}; it has {', '.join(group.keys())}."
                    )
                yield name, group
    except (OSError, RuntimeError) as error:
        place = f"after group {name}" if name else "from its first byte"
        reason = str(error).splitlines()[0].rstrip(".")
        raise errors.InputError(f"{path} is not HDF5 or is cut short, {place}: {reason}.") from error


def values(group: h5py.Group, key: str, where: str) -> np.ndarray:
    """A group's array as it is stored.

    Raises:
        InputError: its bytes cannot be read.
    """
    try:
        return np.asarray(group[key][...])
    except OSError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise errors.InputError(f"{where}: {key} cannot be read, the file is damaged: {reason}.") from error


def array(group: h5py.Group, key: str, shape: tuple[int | None, ...], where: str) -> np.ndarray:
    """A group's array as float64.

    Args:
        shape: what is required; None stands for any length.

    Raises:
        InputError: another shape, or bytes that cannot be read.
    """
    found = values(group, key, where).astype(np.float64)
    if len(found.shape) != len(shape) or any(
        want not in (None, got) for want, got in zip(shape, found.shape, strict=True)
    ):
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise errors.InputError(f"{where}: {key} must have shape ({wanted}); got {found.shape}.")
    return found


def check_unit(group: h5py.Group, key: str, unit: str, where: str) -> None:
    """Raise InputError if an array's attribute `units` names another unit; many arrays have no such attribute."""
    found = group[key].attrs.get("units", unit)
    if isinstance(found, bytes):
        found = found.decode("utf-8", "replace")
    if found != unit:
        raise errors.InputError(f"{where}: {key} must be in {unit}; its attribute 'units' says {found!r}.")
