"""Answers of bases in one file, by the hash of the question, so that nobody solves again what was solved once.

Layout: attributes `format`, `version`. A group for each base with a row an answer: `key`, `energy`
(hartree), `count`; and flat rows, `count` of them for each answer: `inputs`, `amounts` (eV). HDF5 checks each column
by a checksum of its own.
"""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from h2scale.errors import InputError
from h2scale.runtime import files

FORMAT, VERSION = "h2scale-base-rows", 1
SHIPPED = Path(__file__).parent / "shipped" / "rows.hdf5"


class Entry(NamedTuple):
    """A base's answer for one geometry, as far as rungs and judge need it."""

    energy_hartree: float
    inputs: np.ndarray  # (n_rows, n_inputs)
    amounts: np.ndarray  # (n_rows, n_channels), eV


def save(path: Path, answers: Mapping[str, Mapping[str, Entry]]) -> None:
    """Write answers by base and key as one file, rows in float32; bases without answers are left out."""
    with h5py.File(path, "w", driver="core", backing_store=False, libver="earliest", track_order=False) as file:
        for base, own in sorted(answers.items()):
            if own:
                _write(file.create_group(base, track_order=False), dict(sorted(own.items())))
        file.attrs["format"], file.attrs["version"] = FORMAT, VERSION
        file.flush()
        image = file.id.get_file_image()
    files.write_bytes(path, image)


def load(path: Path) -> dict[str, Entry]:
    """Read answers by key, of all bases.

    Raises:
        InputError: the file is missing, damaged or of another format.
    """
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT or file.attrs.get("version") != VERSION:
                raise InputError(f"{path} holds no answers of bases of version {VERSION}.")
            return {key: answer for group in file.values() for key, answer in _read(group)}
    except (OSError, KeyError) as error:
        raise InputError(f"{path} cannot be read as answers of bases: {error}.") from error


@functools.cache
def shipped() -> Mapping[str, Entry]:
    """Answers for the shipped molecules and curves, by key."""
    return load(SHIPPED)


def _write(group: h5py.Group, answers: Mapping[str, Entry]) -> None:
    columns = {
        "key": np.array(list(answers), "S"),
        "energy": np.array([one.energy_hartree for one in answers.values()]),
        "count": np.array([len(one.amounts) for one in answers.values()], np.int32),
        "inputs": np.concatenate([one.inputs for one in answers.values()]).astype(np.float32),
        "amounts": np.concatenate([one.amounts for one in answers.values()]).astype(np.float32),
    }
    for name, column in columns.items():
        group.create_dataset(
            name, data=column, compression="gzip", compression_opts=9, shuffle=True, fletcher32=True, track_times=False
        )


def _read(group: h5py.Group) -> Iterator[tuple[str, Entry]]:
    ends = np.cumsum(group["count"][...])[:-1]
    inputs, amounts = (np.split(group[name][...], ends) for name in ("inputs", "amounts"))
    for key, energy, own, amount in zip(group["key"][...], group["energy"][...], inputs, amounts, strict=True):
        yield key.decode(), Entry(float(energy), own, amount.astype(float))
