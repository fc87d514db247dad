"""Physics without learning: H2 curves of standard methods against the exact one, the bar for every learned model."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from h2scale import electronic_structure, units
from h2scale.physics import curves, exact, fci, potential_curve, teachers

SHIPPED_SUMMARY = pathlib.Path(__file__).parent / "shipped" / "baselines_summary.csv"
"""The default run's `baselines_summary.csv`, for reports that set learned models against it."""

_H2 = ("H", "H")
_MEAN_FIELDS = {"RHF": ("hf", True), "UHF": ("hf", False), "PBE0": ("pbe0", True), "UPBE0": ("pbe0", False)}
_MEAN_FIELDS |= {"B3LYP": ("b3lyp", True)}
_SLOWEST_FIRST = ("UPBE0", "PBE0", "B3LYP", "CAS(2,2)", "UHF", "RHF")


class Task(NamedTuple):
    """One curve to be computed."""

    method: str
    basis: str


class Row(NamedTuple):
    """One point of one method's curve."""

    method: str
    basis: str
    distance_angstrom: float
    energy_ev: float  # relative to the separated atoms of the same method and basis
    error_ev: float  # minus the exact curve


class Summary(NamedTuple):
    """One method's error along the curve; columns are named as in replicas.csv where they mean the same."""

    method: str
    basis: str
    h2_mae_ev: float
    h2_wall_mae_ev: float
    h2_well_mae_ev: float
    h2_middle_mae_ev: float
    h2_tail_mae_ev: float
    h2_npe_ev: float
    largest_error_ev: float


def plan_tasks(basis: str, fci_bases: Sequence[str]) -> list[Task]:
    """Return the curves to compute: every method in `basis`, full CI in each of `fci_bases`."""
    return [Task(method, basis) for method in _SLOWEST_FIRST] + [Task("FCI", name) for name in fci_bases]


def with_bond_length(distances_bohr: np.ndarray) -> np.ndarray:
    """Add the exact bond length, where the corrected curves are fixed, to increasing distances."""
    return np.union1d(distances_bohr, [_bond_length_bohr()])


def compute_curve(task: Task, distances_bohr: np.ndarray, cache: pathlib.Path) -> potential_curve.Curve:
    """Compute one curve of H2, or read it from the cache folder.

    Raises:
        ValueError: an unknown basis, or a point that does not converge.
    """
    if task.method == "FCI":
        return fci.diatomic_curve(_H2, task.basis, distances_bohr, cache_dir=cache)
    if task.method == "CAS(2,2)":
        return _two_in_two_curve(task.basis, distances_bohr, cache)
    functional, restricted = _MEAN_FIELDS[task.method]
    return teachers.teacher_curve(_H2, functional, task.basis, distances_bohr, restricted=restricted, cache_dir=cache)


def make_rows(found: Mapping[Task, potential_curve.Curve], basis: str, distances_bohr: np.ndarray) -> list[Row]:
    """Return the points of all curves, and of two corrected ones, at the given distances.

    The corrected curves are UHF - c s^2 and CAS(2,2) - c (n_g - 1)^2, where s is the overlap of the two spin orbitals
    and n_g the occupation of the gerade natural orbital. The one constant c of each is fixed where the exact curve has
    its minimum.

    Args:
        found: every curve of `plan_tasks`, at `with_bond_length(distances_bohr)`.
        basis: of the corrected curves.
        distances_bohr: shape (n,).
    """
    interaction = {task: (curve.distances_bohr, curve.interaction_hartree) for task, curve in found.items()}
    interaction |= _corrected(found, basis)
    rows = []
    for task, (distances, energies_hartree) in interaction.items():
        chosen = np.isin(distances, distances_bohr)
        angstrom = distances[chosen] * units.BOHR_ANGSTROM
        energies = energies_hartree[chosen] * units.HARTREE_EV
        errors = energies - curves.h2_exact_ev(angstrom)
        rows += [Row(*task, *map(float, point)) for point in zip(angstrom, energies, errors, strict=True)]
    return rows


def summarize(rows: Sequence[Row]) -> list[Summary]:
    """Return one line per method and basis, by increasing mean absolute error; NaN for a region without points."""
    names = dict.fromkeys((row.method, row.basis) for row in rows)
    lines = []
    for method, basis in names:
        own = [row for row in rows if (row.method, row.basis) == (method, basis)]
        error = np.array([row.error_ev for row in own])
        masks = curves.regions(np.array([row.distance_angstrom for row in own]))
        wall, well, middle, tail = (
            float(np.abs(error[mask]).mean()) if mask.any() else float("nan") for mask in map(np.asarray, masks)
        )
        lines.append(
            Summary(
                method,
                basis,
                h2_mae_ev=float(np.abs(error).mean()),
                h2_wall_mae_ev=wall,
                h2_well_mae_ev=well,
                h2_middle_mae_ev=middle,
                h2_tail_mae_ev=tail,
                h2_npe_ev=float(np.ptp(error)),
                largest_error_ev=float(error[np.abs(error).argmax()]),
            )
        )
    return sorted(lines, key=lambda line: line.h2_mae_ev)


def _bond_length_bohr() -> float:
    return exact.spectroscopy(exact.h2_ground_state, start_bohr=1.4, limit_hartree=-1.0).bond_length_bohr


def _two_in_two_curve(basis: str, distances: np.ndarray, cache: pathlib.Path) -> potential_curve.Curve:
    """CASSCF(2,2) of H2, with the occupation of the gerade natural orbital in the provenance."""
    request = {
        "method": "cas(2,2)",
        "symbols": list(_H2),
        "basis": basis,
        "distances_bohr": distances.tolist(),
        "pyscf": electronic_structure.version(),
    }

    def compute() -> potential_curve.Curve:
        points = []
        with electronic_structure.one_thread():
            for distance in distances:
                positions = np.array([[0.0, 0.0, -distance / 2], [0.0, 0.0, distance / 2]])
                molecule = electronic_structure.make_molecule(_H2, positions, basis, symmetry="D2h")
                points.append(electronic_structure.two_in_two(molecule))
        energies, occupations = np.array(points).T
        provenance = {key: value for key, value in request.items() if key != "distances_bohr"}
        return potential_curve.Curve(
            distances_bohr=distances,
            energies_hartree=energies,
            spin_squared=np.zeros(distances.shape),
            nuclear_charges=(1, 1),
            separated_atoms_hartree=fci.separated_atoms(_H2, basis),
            provenance={**provenance, "gerade_occupation": occupations.tolist()},
        )

    return potential_curve.cached(request, compute, cache)


def _corrected(found: Mapping[Task, potential_curve.Curve], basis: str) -> dict[Task, tuple[np.ndarray, np.ndarray]]:
    """The two corrected curves, as (distances, interaction energies in hartree)."""
    unrestricted, active = found[Task("UHF", basis)], found[Task("CAS(2,2)", basis)]
    # For one orbital of each spin <S^2> = 1 - s^2.
    overlap = 1 - unrestricted.spin_squared
    bonding = (np.array(active.provenance["gerade_occupation"]) - 1) ** 2
    limit = 2 * exact.HYDROGEN_ATOM_HARTREE
    bond = _bond_length_bohr()
    corrected = {}
    for name, curve, shape in (
        ("UHF - c s^2", unrestricted, overlap),
        ("CAS(2,2) - c (n_g - 1)^2", active, bonding),
    ):
        at_bond = int(np.flatnonzero(curve.distances_bohr == bond)[0])
        missing = curve.interaction_hartree[at_bond] - (float(exact.h2_ground_state(bond)) - limit)
        energies = curve.interaction_hartree - missing / shape[at_bond] * shape
        corrected[Task(name, basis)] = (curve.distances_bohr, energies)
    return corrected
