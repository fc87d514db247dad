"""Physics without learning: H2 curves of standard methods against the exact one, the bar for every learned model."""

import concurrent.futures
import contextlib
import csv
import multiprocessing
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tqdm

from h2scale import electronic_structure, units
from h2scale.physics import curves, exact, fci, potential_curve, teachers

SHIPPED_SUMMARY = pathlib.Path(__file__).parent / "shipped" / "baselines_summary.csv"
"""The default run's `baselines_summary.csv`, for reports that set learned models against it."""

_H2 = ("H", "H")
_MEAN_FIELDS = {"RHF": ("hf", True), "UHF": ("hf", False), "PBE0": ("pbe0", True), "UPBE0": ("pbe0", False)}
_MEAN_FIELDS |= {"B3LYP": ("b3lyp", True)}
_SLOWEST_FIRST = ("UPBE0", "PBE0", "B3LYP", "CAS(2,2)", "UHF", "RHF")


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


def run_baselines(
    workdir: str | os.PathLike,
    *,
    distances_angstrom: Sequence[float] | np.ndarray,
    basis: str,
    fci_bases: Sequence[str],
    workers: int = 0,
) -> list[Row]:
    """Computes every baseline and writes `baselines.csv` and `baselines_summary.csv` into the workdir.

    Curves are cached in `workdir/curves`, so a second run computes only what is missing. RHF, UHF, PBE0, UPBE0, B3LYP,
    CAS(2,2) and the two corrected curves, UHF - c s^2 and CAS(2,2) - c (n_g - 1)^2, are in `basis`; s is the overlap
    of the two spin orbitals and n_g the occupation of the gerade natural orbital. The one constant c of each is
    fixed where the exact curve has its minimum.

    Args:
        workdir: created if missing.
        distances_angstrom: increasing.
        basis: of all methods but full CI.
        fci_bases: full CI is done in each.
        workers: single-threaded processes; 0 means one per core, 1 works in this process.

    Raises:
        ValueError: bad distances or basis, or a point that does not converge.
    """
    workdir = pathlib.Path(workdir)
    distances = potential_curve.checked_distances(np.asarray(distances_angstrom, float) / units.BOHR_ANGSTROM)
    bond = exact.spectroscopy(exact.h2_ground_state, start_bohr=1.4, limit_hartree=-1.0).bond_length_bohr
    tasks = [(method, basis) for method in _SLOWEST_FIRST] + [("FCI", name) for name in fci_bases]
    found = _compute_all(tasks, np.union1d(distances, [bond]), workdir / "curves", workers)
    rows = []
    for (method, name), curve in {**found, **_corrected(found, basis, bond)}.items():
        rows += _rows(method, name, curve, distances)
    _write(workdir / "baselines.csv", Row._fields, rows)
    _write(workdir / "baselines_summary.csv", Summary._fields, summarize(rows))
    return rows


def summarize(rows: Sequence[Row]) -> list[Summary]:
    """One line per method and basis, by increasing mean absolute error; NaN for a region without points."""
    names = dict.fromkeys((row.method, row.basis) for row in rows)
    lines = []
    for method, basis in names:
        own = [row for row in rows if (row.method, row.basis) == (method, basis)]
        error = np.array([row.error_ev for row in own])
        masks = curves.regions(np.array([row.distance_angstrom for row in own]))
        means = [float(np.abs(error[mask]).mean()) if mask.any() else float("nan") for mask in map(np.asarray, masks)]
        largest = float(error[np.abs(error).argmax()])
        lines.append(Summary(method, basis, float(np.abs(error).mean()), *means, float(np.ptp(error)), largest))
    return sorted(lines, key=lambda line: line.h2_mae_ev)


def summary_markdown(rows: Sequence[Row]) -> str:
    """The summary as a Markdown table, errors in eV."""
    header = ("method", "basis", "MAE", "wall", "well", "middle", "tail", "NPE", "largest error")
    lines = [" | ".join(header), " | ".join(["---"] * 2 + ["---:"] * 7)]
    for line in summarize(rows):
        lines.append(" | ".join([line.method, line.basis, *(f"{value:.3f}" for value in line[2:])]))
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def read_rows(path: str | os.PathLike) -> list[Row]:
    """Reads `baselines.csv`."""
    with open(path, newline="", encoding="utf-8") as file:
        return [
            Row(row["method"], row["basis"], *(float(row[name]) for name in Row._fields[2:]))
            for row in csv.DictReader(file)
        ]


def _compute_all(
    tasks: Sequence[tuple[str, str]], distances: np.ndarray, cache: pathlib.Path, workers: int
) -> dict[tuple[str, str], potential_curve.Curve]:
    found = {}
    count = min(workers or os.cpu_count() or 1, len(tasks))
    with tqdm.tqdm(total=len(tasks), desc=f"{len(distances)} distances each", unit="curve") as bar:
        for task, curve in _finished(tasks, distances, cache, count):
            found[task] = curve
            bar.set_postfix_str("/".join(task), refresh=False)
            bar.update()
    return {task: found[task] for task in tasks}


def _finished(
    tasks: Sequence[tuple[str, str]], distances: np.ndarray, cache: pathlib.Path, workers: int
) -> Iterator[tuple[tuple[str, str], potential_curve.Curve]]:
    """Every task with its curve, as they finish; one worker is this process itself."""
    if workers == 1:
        for task in tasks:
            yield task, _compute_one(*task, distances, cache)
        return
    # Forking a process that runs JAX's threads can deadlock.
    context = multiprocessing.get_context("spawn")
    with _single_threaded(), concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = {pool.submit(_compute_one, *task, distances, cache): task for task in tasks}
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result()


@contextlib.contextmanager
def _single_threaded() -> Iterator[None]:
    """Environment for workers started inside: one thread each, since there is one worker per core."""
    wanted = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _compute_one(method: str, basis: str, distances: np.ndarray, cache: pathlib.Path) -> potential_curve.Curve:
    if method == "FCI":
        return fci.diatomic_curve(_H2, basis, distances, cache_dir=cache)
    if method == "CAS(2,2)":
        return _two_in_two_curve(basis, distances, cache)
    functional, restricted = _MEAN_FIELDS[method]
    return teachers.teacher_curve(_H2, functional, basis, distances, restricted=restricted, cache_dir=cache)


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


def _corrected(
    found: dict[tuple[str, str], potential_curve.Curve], basis: str, bond_bohr: float
) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """The two corrected curves, as (distances, interaction energies in hartree)."""
    unrestricted, active = found["UHF", basis], found["CAS(2,2)", basis]
    # For one orbital of each spin <S^2> = 1 - s^2.
    overlap = 1 - unrestricted.spin_squared
    bonding = (np.array(active.provenance["gerade_occupation"]) - 1) ** 2
    limit = 2 * exact.HYDROGEN_ATOM_HARTREE
    corrected = {}
    for name, curve, shape in (
        ("UHF - c s^2", unrestricted, overlap),
        ("CAS(2,2) - c (n_g - 1)^2", active, bonding),
    ):
        at_bond = int(np.flatnonzero(curve.distances_bohr == bond_bohr)[0])
        missing = curve.interaction_hartree[at_bond] - (float(exact.h2_ground_state(bond_bohr)) - limit)
        energies = curve.interaction_hartree - missing / shape[at_bond] * shape
        corrected[name, basis] = (curve.distances_bohr, energies)
    return corrected


def _rows(
    method: str,
    basis: str,
    curve: potential_curve.Curve | tuple[np.ndarray, np.ndarray],
    distances_bohr: np.ndarray,
) -> list[Row]:
    if isinstance(curve, potential_curve.Curve):
        curve = (curve.distances_bohr, curve.interaction_hartree)
    asked = np.isin(curve[0], distances_bohr)
    angstrom = curve[0][asked] * units.BOHR_ANGSTROM
    energies = curve[1][asked] * units.HARTREE_EV
    errors = energies - curves.h2_exact_ev(angstrom)
    return [Row(method, basis, *map(float, point)) for point in zip(angstrom, energies, errors, strict=True)]


def _write(path: pathlib.Path, header: Sequence[str], rows: Sequence[Sequence]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
