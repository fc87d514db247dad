"""The ladder's library on disk: one HDF5 file with energies, labels and rows, checked against its checksum.

Layout: attributes `format`, `version`, `manifest` (JSON: level, basis, what made it, checksum). A group for each of
`molecules`, `atoms` and every curve, one row a geometry: texts, numbers, flat atoms, and for each base flat rows with
the number of each geometry's. Rows are features, made once; the manifest names what made them.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from h2scale import units
from h2scale.errors import InputError
from h2scale.remedies import library
from h2scale.remedies.library import Curve, Geometry, Library
from h2scale.runtime import files

FORMAT, VERSION = "h2scale-remedy-library", 1
SHIPPED = Path(__file__).parent / "shipped" / "library.h5"


def save(path: str | Path, data: Library, manifest: Mapping[str, Any]) -> None:
    """Write a library; equal contents give equal bytes."""
    with h5py.File(path, "w", driver="core", backing_store=False, libver="earliest", track_order=False) as file:
        _write_geometries(file, "molecules", data.molecules)
        _write_geometries(file, "atoms", data.atoms)
        for place, curve in enumerate(data.curves):
            name = f"curves/{place:03d}"
            _write_geometries(file, f"{name}/points", curve.points)
            _write_geometries(file, f"{name}/atoms", curve.atoms)
            _write(file, f"{name}/distances_angstrom", curve.distances_angstrom)
            _write(file, f"{name}/regions", np.char.encode(np.array(curve.regions, str), "utf-8"))
            file[name].attrs["system"], file[name].attrs["reference"] = curve.system, curve.reference
        file.attrs["format"], file.attrs["version"] = FORMAT, VERSION
        whole = {**manifest, "basis": data.basis, "checksum_sha256": _checksum(file)}
        file.attrs["manifest"] = json.dumps(whole, sort_keys=True)
        file.flush()
        image = file.id.get_file_image()
    files.write_bytes(path, image)


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


def _write_geometries(file: h5py.File, name: str, own: Sequence[Geometry]) -> None:
    _write(file, f"{name}/name", np.char.encode(np.array([one.name for one in own], str), "utf-8"))
    _write(file, f"{name}/n_atoms", np.array([len(one.atomic_numbers) for one in own], np.int32))
    _write(file, f"{name}/atomic_numbers", np.concatenate([np.array(one.atomic_numbers, np.int32) for one in own]))
    _write(file, f"{name}/positions", np.concatenate([np.asarray(one.positions, float) for one in own]))
    for field in ("charge", "spin_multiplicity"):
        _write(file, f"{name}/{field}", np.array([getattr(one, field) for one in own], np.int32))
    _write(file, f"{name}/label", np.array([one.label for one in own], float))
    for method in library.METHODS:
        _write(file, f"{name}/energies/{method}", np.array([library.energy(one, method) for one in own], float))
    for base in library.ROWS:
        if all(base in one.rows for one in own):
            rows = [one.rows[base] for one in own]
            _write(file, f"{name}/rows/{base}/count", np.array([len(inputs) for inputs, _ in rows], np.int32))
            _write(
                file, f"{name}/rows/{base}/inputs", np.concatenate([inputs for inputs, _ in rows]).astype(np.float32)
            )
            _write(file, f"{name}/rows/{base}/amounts", np.concatenate([amounts for _, amounts in rows]))


def _read_geometries(group: h5py.Group) -> Iterator[Geometry]:
    arrays = {name: group[name][...] for name in ("n_atoms", "atomic_numbers", "positions", "charge", "label")}
    spins, names = group["spin_multiplicity"][...], _texts(group["name"])
    energies = {method: group[f"energies/{method}"][...] for method in library.METHODS}
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


def _write(file: h5py.File, name: str, array: np.ndarray) -> None:
    file.create_dataset(name, data=array, compression="gzip", compression_opts=9, shuffle=True, track_times=False)


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
