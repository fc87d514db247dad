"""Parameters of remedies on disk: one small .npz file each, with everything that a remedy needs beside its base."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from h2scale.errors import InputError
from h2scale.remedies.corrections import Form
from h2scale.runtime import files

SHIPPED = Path(__file__).parent / "shipped"
FORMAT = 1
_MEMBERS = 3  # arrays of a network are named by their place, after these digits


@dataclasses.dataclass(frozen=True)
class Description:
    """Facts of a remedy: its base, what it was made from and where it was tested."""

    name: str
    title: str  # a few words
    base: str  # one of `bases.BASES`
    basis: str  # in which its energies stand
    exact_for: str  # by construction
    channels: tuple[int, ...]  # of the base's amounts
    form: Form
    elements: tuple[str, ...]  # admitted
    max_heavy_atoms: int  # admitted
    tested_elements: tuple[str, ...]  # of training, held-out molecules and curves
    tested_heavy_atoms: int
    num_train: int  # molecules
    dataset_sha256: str
    held_out_mae_ev: float  # of energies relative to atoms, on molecules that chose nothing
    curves_mae_ev: float  # mean over the judge's curves of each one's mean absolute error
    curves_largest_ev: float  # of all curves


@dataclasses.dataclass(frozen=True, eq=False)
class Stored:
    """A remedy's description and arrays."""

    description: Description
    params: Mapping[str, Any]  # of one network
    centre: np.ndarray  # (n_inputs,), subtracted from inputs
    spread: np.ndarray  # (n_inputs,), by which they are divided
    atoms_hartree: Mapping[str, float]  # total energy of every admitted element's atom, correction included


def save(path: str | Path, stored: Stored) -> None:
    """Write a remedy; equal contents give equal bytes."""
    leaves = flatten(stored.params)
    head = {
        "format": FORMAT,
        "description": dataclasses.asdict(stored.description) | {"form": stored.description.form._asdict()},
        "atoms_hartree": dict(stored.atoms_hartree),
        "leaves": list(leaves),
    }
    arrays: dict[str, Any] = {
        f"{place:0{_MEMBERS}d}": np.asarray(array, np.float32) for place, array in enumerate(leaves.values())
    }
    arrays |= {"head": np.array(json.dumps(head, sort_keys=True)), "centre": stored.centre, "spread": stored.spread}
    files.write_bytes(path, files.npz_bytes(arrays))


def load(path: str | Path) -> Stored:
    """Read a remedy's file.

    Raises:
        InputError: it is missing, unreadable or of another format.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            head = json.loads(str(file["head"]))
            arrays = [file[f"{place:0{_MEMBERS}d}"] for place in range(len(head["leaves"]))]
            centre, spread = file["centre"], file["spread"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no remedy: {error}.") from error
    if head.get("format") != FORMAT:
        raise InputError(f"{path} is a remedy of format {head.get('format')}; this package reads {FORMAT}.")
    fields = head["description"]
    fields["form"] = Form(**fields["form"])
    for name in ("channels", "elements", "tested_elements"):
        fields[name] = tuple(fields[name])
    params = unflatten(dict(zip(head["leaves"], arrays, strict=True)))
    return Stored(Description(**fields), params, centre, spread, head["atoms_hartree"])


def shipped() -> list[Path]:
    """Files of the remedies that come with the package."""
    return sorted(SHIPPED.glob("*.npz"))


def flatten(params: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    """Leaves of nested parameters by their path, `layer/kernel`, in the order of names."""
    found: dict[str, np.ndarray] = {}
    for name in sorted(params):
        value = params[name]
        if isinstance(value, Mapping):
            found |= flatten(value, f"{prefix}{name}/")
        else:
            found[f"{prefix}{name}"] = np.asarray(value)
    return found


def unflatten(leaves: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Nested parameters of what `flatten` returned."""
    params: dict[str, Any] = {}
    for name, leaf in leaves.items():
        node = params
        *folders, last = name.split("/")
        for folder in folders:
            node = node.setdefault(folder, {})
        node[last] = leaf
    return params
