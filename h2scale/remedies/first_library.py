"""The first, small library of the ladder, as it ships: no command makes it again, labels and curves replace it.

Layout: attributes `format`, `version`, `manifest` (JSON: level, basis, what made it, checksum). A group for each of
`molecules`, `atoms` and every curve, one row a geometry: texts, numbers, flat atoms, and for each base flat rows with
the number of each geometry's.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from h2scale import units
from h2scale.errors import InputError
from h2scale.remedies import library
from h2scale.remedies.library import Curve, Geometry, Library

FORMAT, VERSION = "h2scale-remedy-library", 1
SHIPPED = Path(__file__).parent / "shipped" / "library.h5"


def load(path: str | Path = SHIPPED) -> Library:
    """Read a library, its molecules on no side: `potentials.divide` divides them as a study does.

    Raises:
        InputError: it is missing, unreadable, of another format or does not match its checksum.
    """
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT or file.attrs.get("version") != VERSION:
                raise InputError(f"{path} is no remedy library of version {VERSION}.")
            manifest = json.loads(file.attrs["manifest"])
            if _checksum(file) != manifest["checksum_sha256"]:
                raise InputError(f"{path} does not match its checksum; copy or make the file again.")
            curves = [_read_curve(file[f"curves/{name}"]) for name in file.get("curves", ())]
            molecules = tuple(_read_geometries(file["molecules"]))
            return Library(
                molecules=molecules,
                sides=("",) * len(molecules),
                atoms=tuple(_read_geometries(file["atoms"])),
                curves=tuple(curves),
                basis=str(manifest["basis"]),
                sha256=str(manifest["checksum_sha256"]),
            )
    except (OSError, KeyError) as error:
        raise InputError(f"{path} cannot be read as a remedy library: {error}.") from error


def _read_curve(group: h5py.Group) -> Curve:
    points, atoms = tuple(_read_geometries(group["points"])), tuple(_read_geometries(group["atoms"]))
    reference = np.array([point.label for point in points]) - sum(atom.label for atom in atoms)
    return Curve(
        system=str(group.attrs["system"]),
        reference=str(group.attrs["reference"]),
        atoms=atoms,
        points=points,
        reference_ev=reference * units.HARTREE_EV,
        distances_angstrom=group["distances_angstrom"][...],
        regions=tuple(_texts(group["regions"])),
    )


def _read_geometries(group: h5py.Group) -> Iterator[Geometry]:
    arrays = {name: group[name][...] for name in ("n_atoms", "atomic_numbers", "positions", "charge", "label")}
    spins, names = group["spin_multiplicity"][...], _texts(group["name"])
    energies = {method: group[f"energies/{method}"][...] for method in library.METHODS if method in group["energies"]}
    rows = {base: _split(part) for base, part in group.get("rows", {}).items()}
    ends = np.cumsum(arrays["n_atoms"])
    for place, name in enumerate(names):
        atoms = slice(int(ends[place] - arrays["n_atoms"][place]), int(ends[place]))
        yield Geometry(
            name=name,
            atomic_numbers=tuple(arrays["atomic_numbers"][atoms].tolist()),
            positions=arrays["positions"][atoms],
            charge=int(arrays["charge"][place]),
            spin_multiplicity=int(spins[place]),
            energies={method: float(values[place]) for method, values in energies.items()},
            label=float(arrays["label"][place]),
            rows={base: own[place] for base, own in rows.items()},
        )


def _split(group: h5py.Group) -> list[tuple[np.ndarray, np.ndarray]]:
    ends = np.cumsum(group["count"][...])[:-1]
    inputs, amounts = group["inputs"][...].astype(float), group["amounts"][...]
    return list(zip(np.split(inputs, ends), np.split(amounts, ends), strict=True))


def _texts(data: h5py.Dataset) -> list[str]:
    return [value.decode("utf-8") for value in data[...]]


def _checksum(file: h5py.File) -> str:
    """SHA-256 over names, types, shapes and bytes of every array, as hexadecimal."""
    digest = hashlib.sha256()
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    for name in sorted(names):
        array = np.ascontiguousarray(file[name][...])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
