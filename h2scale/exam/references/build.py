"""Compute shipped/references.json: python -m h2scale.exam.references.build.

The file is written after every curve, and curves are cached one by one, so that an interrupted build continues where it
stopped. A curve that does not converge is named and left out.
"""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from h2scale import units
from h2scale.exam.references import diatomic_systems
from h2scale.physics import fci, potential_curve, teachers
from h2scale.runtime import files, progress

H2_DISTANCES = np.geomspace(0.2, 8.0, 40)
RESTRICTED_DISTANCES = np.geomspace(0.2, 5.0, 34)  # farther out no restricted solution is stable
TRIPLET_DISTANCES = np.geomspace(0.6, 8.0, 24)
RELATIVE_DISTANCES = np.geomspace(0.75, 3.0, 14)  # of the bond length
LEVELS = {
    "HF/def2-SVP": ("hf", "def2-svp"),
    "PBE0/def2-SVP": ("pbe0", "def2-svp"),
    "PBE/def2-TZVPD": ("pbe", "def2-tzvpd"),
    "PBE0/def2-TZVPD": ("pbe0", "def2-tzvpd"),
}
SLOW_LEVELS = {"ωB97M-V/def2-TZVPD": ("wb97m_v", "def2-tzvpd")}
"""Most foundation models of molecules learn from this one; its nonlocal correlation takes 10 s per field."""
SLOW_H2_DISTANCES = np.geomspace(0.2, 8.0, 30)
SLOW_RESTRICTED_DISTANCES = np.geomspace(0.2, 5.0, 26)
FCI_BASES = {"HeH+": "cc-pvqz", "LiH": "cc-pvtz", "BH": "cc-pvdz"}
"""Two valence electrons are cheap as long as there are fewer than 64 orbitals; the four of BH in a small basis."""
COUPLED_CLUSTER = "UCCSD(T)"
COUPLED_CLUSTER_BASES = {"Li2": "cc-pvtz"}
COUPLED_CLUSTER_BASIS = "cc-pvdz"  # of all others


def build(target: Path) -> None:
    """Write all curves that converge to a JSON file."""
    found: list[dict[str, Any]] = []
    requests = _requests()
    with progress.Progress(len(requests), len(requests), things="curves", rate="curves") as bar:
        for request in requests:
            try:
                curve = request.compute()
            except ValueError as error:
                bar.say(f"{request.system}, {request.label}: left out: {error}")
            else:
                found.append(_record(request, curve))
                text = json.dumps(found, ensure_ascii=False).replace('}, {"system"', '},\n{"system"')
                files.write_text(target, text + "\n")
                bar.finish_replicas(1)
            bar.advance(1, 1)


def _end_of_lowest(energies: np.ndarray) -> int:
    """Number of points before a curve, followed outwards from its minimum, rises above its own separated atoms.

    From there on the unrestricted field has not broken every bond: it is not the lowest one, and coupled cluster on it
    is no reference.
    """
    above = np.flatnonzero(energies[np.argmin(energies) :] > 0)
    return int(np.argmin(energies) + above[0]) if above.size else len(energies)


class _Request(NamedTuple):
    system: str
    label: str
    distances: np.ndarray  # angstrom
    compute: Callable[[], potential_curve.Curve]


def _record(request: _Request, curve: potential_curve.Curve) -> dict[str, Any]:
    energies = curve.interaction_hartree * units.HARTREE_EV
    stop = _end_of_lowest(energies) if request.label.startswith(COUPLED_CLUSTER) else len(energies)
    return {
        "system": request.system,
        "label": request.label,
        "distances_angstrom": np.round(request.distances[:stop], 6).tolist(),
        "energies_ev": np.round(energies[:stop], 6).tolist(),
        "provenance": curve.provenance,
    }


def _request(
    system: str, label: str, distances: np.ndarray, curve_at: Callable[[np.ndarray], potential_curve.Curve]
) -> _Request:
    """Return the request for a curve; `curve_at` takes distances in bohr."""
    distances = np.round(distances, 6)
    return _Request(system, label, distances, functools.partial(curve_at, distances / units.BOHR_ANGSTROM))


def _requests() -> list[_Request]:
    triplet = functools.partial(fci.diatomic_curve, ("H", "H"), "aug-cc-pvtz", spin_multiplicity=3)
    singlet = functools.partial(fci.diatomic_curve, ("H", "H"), "def2-svp")
    requests = [
        _request("H2 triplet", "FCI/aug-cc-pVTZ", TRIPLET_DISTANCES, triplet),
        _request("H2", "CCSD(T)/def2-SVP, which is full CI for two electrons", H2_DISTANCES, singlet),
    ]
    for label, level in LEVELS.items():
        requests += _h2_branches(label, level, H2_DISTANCES, RESTRICTED_DISTANCES)
    requests += [_molecule(one) for one in diatomic_systems.SYSTEMS if one.name != "H2"]  # which has its exact curve
    for label, level in SLOW_LEVELS.items():
        requests += _h2_branches(label, level, SLOW_H2_DISTANCES, SLOW_RESTRICTED_DISTANCES)
    return requests


def _h2_branches(
    label: str, level: tuple[str, str], unrestricted: np.ndarray, restricted: np.ndarray
) -> list[_Request]:
    curve = functools.partial(teachers.teacher_curve, ("H", "H"), *level)
    return [
        _request("H2", f"{label}, unrestricted", unrestricted, functools.partial(curve, restricted=False)),
        _request("H2", f"{label}, restricted", restricted, functools.partial(curve, restricted=True)),
    ]


def _molecule(one: diatomic_systems.Diatomic) -> _Request:
    symbols, distances = (one.first, one.second), one.typical_angstrom * RELATIVE_DISTANCES
    if one.name in FCI_BASES:
        basis = FCI_BASES[one.name]
        frozen = one.name != "HeH+"
        label = f"FCI/{_spelled(basis)}{', frozen core' if frozen else ''}"
        curve = functools.partial(
            fci.diatomic_curve, symbols, basis, charge=one.charge, spin_multiplicity=one.spin, frozen_core=frozen
        )
        return _request(one.name, label, distances, curve)
    basis = COUPLED_CLUSTER_BASES.get(one.name, COUPLED_CLUSTER_BASIS)
    curve = functools.partial(
        teachers.teacher_curve, symbols, "ccsd(t)", basis, charge=one.charge, spin_multiplicity=one.spin
    )
    return _request(one.name, f"{COUPLED_CLUSTER}/{_spelled(basis)}", distances, curve)


def _spelled(basis: str) -> str:
    return {"cc-pvdz": "cc-pVDZ", "cc-pvtz": "cc-pVTZ", "cc-pvqz": "cc-pVQZ"}[basis]


if __name__ == "__main__":
    build(Path(__file__).parent / "shipped" / "references.json")
