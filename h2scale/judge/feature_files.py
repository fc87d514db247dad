"""Features and energies of many geometries in one file, for models of coupled cluster's error.

Features are computed once. The file holds a hash of all that made them, and of what is in it.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from h2scale import electronic_structure
from h2scale.electronic_structure import atom_pairs, cluster_features
from h2scale.runtime import files

FORMAT = "h2scale-features"
VERSION = 1
NUMBERS = ("spin_squared", "t1_diagnostic", "num_correlated")
MINIMAL_PARTS = ("density", "fock", "overlap")


@dataclasses.dataclass(frozen=True)
class Geometry:
    """One geometry with all that is known of it."""

    name: str  # a molecule's SMILES, or a curve's name
    coordinate: float  # distance along a curve, angstrom; NaN for a minimum
    atomic_numbers: np.ndarray  # (n_atoms,)
    positions: np.ndarray  # (n_atoms, 3), angstrom
    charge: int
    spin_multiplicity: int
    energies: Mapping[str, float]  # total energies by method, hartree
    numbers: Mapping[str, float]  # by the names of `NUMBERS`
    tables: np.ndarray  # (n_tables, n_atoms, n_atoms): `atom_pairs.TABLES`
    atoms: np.ndarray  # (n_atoms, n_columns): `atom_pairs.ATOM_COLUMNS`
    minimal: Mapping[str, np.ndarray]  # `<field>_<part>`, hf and pbe0, of `minimal_densities`; empty if not computed


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureSet:
    """Geometries padded to the largest; zeros where there is no atom or orbital, NaN where an energy is missing."""

    name: np.ndarray  # (n,), str
    coordinate: np.ndarray  # (n,), angstrom
    n_atoms: np.ndarray  # (n,)
    atomic_numbers: np.ndarray  # (n, max_atoms)
    positions: np.ndarray  # (n, max_atoms, 3), angstrom
    charge: np.ndarray  # (n,)
    spin_multiplicity: np.ndarray  # (n,)
    energies: Mapping[str, np.ndarray]  # (n,) each, total, hartree
    numbers: Mapping[str, np.ndarray]  # (n,) each
    tables: np.ndarray  # (n, n_tables, max_atoms, max_atoms), names in manifest["tables"]
    atoms: np.ndarray  # (n, max_atoms, n_columns), names in manifest["atom_columns"]
    minimal: Mapping[str, np.ndarray]  # (n, 2, m, m) density and fock, (n, m, m) overlap, (n, m) atom and degree
    manifest: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.name)


def makers(basis: str) -> dict[str, Any]:
    """All that features depend on besides the geometry; its hash stands in the manifest."""
    made: dict[str, Any] = {
        "basis": basis,
        "features": cluster_features.FORMAT,
        "tables": list(atom_pairs.TABLES),
        "atom_columns": list(atom_pairs.ATOM_COLUMNS),
        "gates_hartree": list(atom_pairs.GATES_HARTREE),
        "range_per_bohr": cluster_features.RANGE_PER_BOHR,
        "pyscf": electronic_structure.version(),
    }
    return made | {"made_by_sha256": hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()}


def join(geometries: Sequence[Geometry], manifest: Mapping[str, Any]) -> FeatureSet:
    """Pad geometries to the size of the largest.

    Raises:
        ValueError: there are none.
    """
    if not geometries:
        raise ValueError("features need at least one geometry; got none.")
    size = max(len(g.atomic_numbers) for g in geometries)
    methods = sorted({method for g in geometries for method in g.energies})
    minimal = sorted({name for g in geometries for name in g.minimal})
    return FeatureSet(
        name=np.array([g.name for g in geometries]),
        coordinate=np.array([g.coordinate for g in geometries]),
        n_atoms=np.array([len(g.atomic_numbers) for g in geometries], np.int32),
        atomic_numbers=_padded([g.atomic_numbers for g in geometries], (size,), np.int32),
        positions=_padded([g.positions for g in geometries], (size, 3), np.float64),
        charge=np.array([g.charge for g in geometries], np.int32),
        spin_multiplicity=np.array([g.spin_multiplicity for g in geometries], np.int32),
        energies={m: np.array([g.energies.get(m, np.nan) for g in geometries]) for m in methods},
        numbers={name: np.array([g.numbers[name] for g in geometries]) for name in NUMBERS},
        tables=_padded([g.tables for g in geometries], (len(atom_pairs.TABLES), size, size), np.float64),
        atoms=_padded([g.atoms for g in geometries], (size, len(atom_pairs.ATOM_COLUMNS)), np.float64),
        minimal={name: _padded_minimal(name, geometries) for name in minimal},
        manifest=dict(manifest),
    )


def split(features: FeatureSet) -> list[Geometry]:
    """Geometries without padding, those that `join` took."""
    return [_geometry(features, place) for place in range(len(features))]


def _geometry(features: FeatureSet, place: int) -> Geometry:
    atoms = slice(int(features.n_atoms[place]))
    minimal: dict[str, np.ndarray] = {}
    for name, array in features.minimal.items():
        field = name.rsplit("_", 1)[0]
        orbitals = slice(int((features.minimal[f"{field}_atom"][place] >= 0).sum()))
        if orbitals.stop:
            minimal[name] = array[place][(..., *[orbitals] * min(_ranks(name), 2))]
    energies = {method: float(values[place]) for method, values in features.energies.items()}
    return Geometry(
        name=str(features.name[place]),
        coordinate=float(features.coordinate[place]),
        atomic_numbers=features.atomic_numbers[place, atoms],
        positions=features.positions[place, atoms],
        charge=int(features.charge[place]),
        spin_multiplicity=int(features.spin_multiplicity[place]),
        energies={method: energy for method, energy in energies.items() if np.isfinite(energy)},
        numbers={name: float(values[place]) for name, values in features.numbers.items()},
        tables=features.tables[place][:, atoms, atoms],
        atoms=features.atoms[place, atoms],
        minimal=minimal,
    )


def save(path: Path, features: FeatureSet) -> None:
    """Write a file whole; tables and minimal densities in float32, energies in float64."""
    content = _columns(features)
    manifest = {**features.manifest, "checksum_sha256": _checksum(content), "num_geometries": len(features)}
    with h5py.File(path, "w", driver="core", backing_store=False, libver="earliest", track_order=False) as file:
        file.attrs["format"], file.attrs["version"] = FORMAT, VERSION
        file.attrs["manifest"] = json.dumps(manifest, sort_keys=True)
        for name, array in content.items():
            file.create_dataset(
                name, data=array, compression="gzip", compression_opts=9, shuffle=True, track_times=False
            )
        file.flush()
        image = file.id.get_file_image()
    files.write_bytes(path, image)


def load(path: Path) -> FeatureSet:
    """Read a file that `save` wrote.

    Raises:
        ValueError: it is no such file, of another version, or does not match its checksum; one line, naming it.
    """
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT or file.attrs.get("version") != VERSION:
                raise ValueError(f"{path} is no file of {FORMAT}, version {VERSION}.")
            manifest = json.loads(file.attrs["manifest"])
            content: dict[str, np.ndarray] = {}
            file.visititems(lambda name, item: content.update({name: item[...]} if hasattr(item, "shape") else {}))
    except OSError as error:
        raise ValueError(f"{path} is unreadable or no HDF5 file: {str(error).splitlines()[0]}.") from error
    if _checksum(content) != manifest.get("checksum_sha256"):
        raise ValueError(f"{path} does not match its checksum; copy or make the file again.")
    grouped: dict[str, dict[str, np.ndarray]] = {"energies": {}, "numbers": {}, "minimal": {}}
    plain: dict[str, Any] = {}
    for name, array in content.items():
        group, _, member = name.partition("/")
        if member:
            grouped[group][member] = array
        else:
            plain[name] = np.char.decode(array, "utf-8") if name == "name" else array
    return FeatureSet(**(plain | grouped), manifest=manifest)


def _columns(features: FeatureSet) -> dict[str, np.ndarray]:
    """Arrays by their names in the file."""
    single = {
        name: getattr(features, name)
        for name in ("coordinate", "n_atoms", "atomic_numbers", "positions", "charge", "spin_multiplicity")
    }
    single["name"] = np.char.encode(features.name, "utf-8")
    single["tables"], single["atoms"] = features.tables.astype(np.float32), features.atoms.astype(np.float32)
    for group in ("energies", "numbers"):
        single |= {f"{group}/{name}": array for name, array in getattr(features, group).items()}
    narrow = {name: a.astype(np.float32) if a.dtype == np.float64 else a for name, a in features.minimal.items()}
    return single | {f"minimal/{name}": array for name, array in narrow.items()}


def _checksum(columns: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(columns):
        array = np.ascontiguousarray(columns[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _padded(arrays: Sequence[np.ndarray], shape: tuple[int, ...], dtype: type, fill: float = 0) -> np.ndarray:
    made: np.ndarray = np.full((len(arrays), *shape), fill, dtype)
    for place, array in enumerate(arrays):
        made[place][tuple(slice(length) for length in np.shape(array))] = array
    return made


def _padded_minimal(name: str, geometries: Sequence[Geometry]) -> np.ndarray:
    """Atoms and degrees of orbitals that are not there are -1."""
    arrays = [g.minimal.get(name, np.zeros((0,) * _ranks(name))) for g in geometries]
    size = max(array.shape[-1] for array in arrays)
    if _ranks(name) == 1:
        return _padded(arrays, (size,), np.int32, -1)
    return _padded(arrays, (2, size, size) if _ranks(name) == 3 else (size, size), np.float64)


def _ranks(name: str) -> int:
    return {"density": 3, "fock": 3, "overlap": 2, "atom": 1, "degree": 1}[name.rsplit("_", 1)[1]]
