"""The ladder of remedies: rungs trained on equilibrium molecules and asked about whole curves; tables and figure."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from h2scale import config as config_lib
from h2scale.data import partition, training_sets
from h2scale.data.splits import SplitSettings
from h2scale.judge import curve_errors
from h2scale.remedies import (
    base_rows,
    bases,
    costs,
    exponents,
    fitting,
    ladder,
    library_files,
    member_files,
    potentials,
    row_archive,
    shipping,
)
from h2scale.remedies import rungs as rungs_lib
from h2scale.remedies import tables as ladder_tables
from h2scale.remedies.library import Library
from h2scale.runtime import files, progress, tables, workdir
from h2scale.stages import scaling
from h2scale.study import planning, replicas, training

MEMBERS_CSV, REGIONS_CSV, POINTS_CSV = "members.csv", "regions.csv", "points.csv"
EXPONENTS_CSV, COSTS_CSV, SENTENCE_MD = "exponents.csv", "costs.csv", "sentence.md"
SHAPES_CSV, ROWS_HDF5 = "shapes.csv", "rows.hdf5"
MODELS_FOLDER, NETWORKS_FOLDER, BASES_FOLDER, MEMBERS_FOLDER = "models", "networks", "bases", "members"
NETWORKS = ("plain", "priors")
POINT_COLUMNS = ("rung", "system", "distance_angstrom", "region", "reference_ev", "energy_ev", "error_kcal")


class _Trained(NamedTuple):
    """A rung with its rows, and the signed errors of its members at the most data and the chosen width."""

    rows: list[ladder_tables.MemberRow]
    judged: ladder_tables.Judged


def run(config: FrozenConfigDict, folder: str) -> Path:
    """Train what is missing, judge, write tables, figure and page, and return the workdir.

    Raises:
        InputError: a setting, the labels, the curves or the workdir cannot be used.
    """
    settings = config.remedies
    data = base_rows.with_shipped_energies(library_files.load(settings.labels, settings.curves))
    divided = potentials.divide(data, split_settings(config))
    data = data._replace(sides=tuple(divided.side.tolist()))
    orders = {seed: _order(config, divided, seed) for seed in settings.seeds}
    path = workdir.open_workdir(folder, config_lib.flatten(config))
    found: dict[str, _Trained] = {}
    found |= _networks(config, path, data, divided)
    for rung in _corrections(settings):
        data = base_rows.complete(data, rung.base, path / BASES_FOLDER)
    with progress.Progress(max(len(_corrections(settings)), 1), len(_corrections(settings)), things="rungs") as bar:
        for rung in _corrections(settings):
            start = time.monotonic()
            members = _members(path, rung, data, _grid(settings), orders)
            found[rung.name] = _judge_corrections(members, data)
            shipping.save_members(path / MODELS_FOLDER, members, data, found[rung.name].rows)
            bar.say(f"{rung.name}: {len(members)} members in {time.monotonic() - start:.0f} s.")
            bar.finish_replicas(1)
            bar.advance(1, 1)
    row_archive.save(path / ROWS_HDF5, base_rows.archive(data))
    write_tables(path, data, found)
    _measure_costs(path, data, found, settings.cost_molecules)
    _report(path)
    return path


def write_tables(path: Path, data: Library, found: Mapping[str, _Trained]) -> None:
    """Write the tables of members, regions, shapes, points and exponents."""
    rows: list[ladder_tables.MemberRow] = []
    judged: list[ladder_tables.Judged] = []
    for row, own in ladder_tables.method_rows(data):
        rows.append(row)
        judged.append(own)
    for trained in found.values():
        rows += trained.rows
        judged.append(trained.judged)
    _write(path / MEMBERS_CSV, ladder_tables.MemberRow._fields, [row._asdict() for row in rows])
    regions = [row._asdict() for own in judged for row in ladder_tables.region_rows(own, data.curves)]
    _write(path / REGIONS_CSV, ladder_tables.RegionRow._fields, regions)
    shapes = [row._asdict() for own in judged for row in ladder_tables.shape_rows(own, data.curves)]
    _write(path / SHAPES_CSV, ladder_tables.ShapeRow._fields, shapes)
    _write(path / POINTS_CSV, POINT_COLUMNS, [row for own in judged for row in _points(own, data)])
    fitted = [row._asdict() for name, own in found.items() for row in exponents.exponent_rows(name, own.rows)]
    _write(path / EXPONENTS_CSV, exponents.ExponentRow._fields, fitted)


def split_settings(config: FrozenConfigDict | ConfigDict) -> SplitSettings:
    """Make the record of how the ladder's molecules are divided."""
    section = config.data
    names = ("elements", "validation_fraction", "test_fraction", "split_seed", "max_held_out")
    return SplitSettings(**{name: section[name] for name in names})


def _order(config: FrozenConfigDict, divided: partition.Partition, seed: int) -> np.ndarray:
    admitted = training_sets.TrainingSetSettings(include_h2_equilibrium=config.data.include_h2_equilibrium)
    return training_sets.training_order(divided, "equilibrium", seed, admitted).indices


def _grid(settings: FrozenConfigDict) -> ladder.Grid:
    return ladder.Grid(
        widths=tuple(settings.widths),
        num_train=tuple(settings.num_train),
        seeds=tuple(settings.seeds),
        learning_rates=tuple(settings.learning_rates),
        weight_decays=tuple(settings.weight_decays),
        schedule=fitting.Schedule(
            steps=settings.steps,
            structures_per_batch=settings.structures_per_batch,
            evaluations=min(40, settings.steps // 5),
        ),
    )


def _corrections(settings: FrozenConfigDict) -> list[rungs_lib.Rung]:
    return [rung for rung in rungs_lib.corrections() if rung.name in _names(settings)]


def _names(settings: FrozenConfigDict) -> tuple[str, ...]:
    return tuple(settings.rungs) or tuple(rungs_lib.LEARNED)


def _members(
    path: Path, rung: rungs_lib.Rung, data: Library, grid: ladder.Grid, orders: Mapping[int, np.ndarray]
) -> list[ladder.Member]:
    """A rung's members, from their file or trained and written there."""
    key = member_files.question(rung, data, grid, orders)
    file = path / MEMBERS_FOLDER / f"{rung.name}.npz"
    members = member_files.load(file, rung, key)
    if not members:
        members = ladder.train(rung, data, grid, orders)
        member_files.save(file, members, key)
    return members


def _judge_corrections(members: list[ladder.Member], data: Library) -> _Trained:
    rows, errors = [], []
    for member in members:
        row, own = ladder_tables.member_row(member, data)
        rows.append(row)
        errors.append(own)
    return _trained(members[0].rung.name, members[0].rung.base, rows, errors)


def _trained(
    name: str, base: str, rows: list[ladder_tables.MemberRow], errors: list[dict[str, np.ndarray]]
) -> _Trained:
    """The members that stand for a rung: at the most data, of the width that is best on the molecules that chose."""
    width = ladder_tables.chosen_width(rows)
    most = max(row.num_train for row in rows)
    kept = [own for row, own in zip(rows, errors, strict=True) if (row.width, row.num_train) == (width, most)]
    stacked = {system: np.stack([own[system] for own in kept]) for system in kept[0]}
    return _Trained(rows, ladder_tables.Judged(name, base, stacked))


def _networks(config: FrozenConfigDict, path: Path, data: Library, divided: partition.Partition) -> dict[str, _Trained]:
    """Rungs that are networks on positions, trained by the study's engine on the library's labels."""
    names = [name for name in NETWORKS if name in _names(config.remedies)]
    if not names:
        return {}
    most = min(len(divided.indices("equilibrium", "train")), max(config.remedies.num_train))
    sizes = sorted({min(size, most) for size in config.remedies.num_train})
    changed = ConfigDict(config.to_dict())
    changed.grid.num_train, changed.grid.rungs, changed.grid.seeds = (
        tuple(sizes),
        ("equilibrium",),
        config.remedies.seeds,
    )
    changed.arms = ConfigDict({})
    for name in names:
        file = path / f"{name}.h5"
        if not file.exists():
            potentials.save_dataset(file, data, with_priors=name == "priors")
        changed.arms[name] = ConfigDict({"data": {"dataset": str(file)}})
    settings = scaling.study_settings(FrozenConfigDict(changed))
    plan = planning.plan_study(settings)
    folder = path / NETWORKS_FOLDER
    folder.mkdir(exist_ok=True)
    finished = workdir.finished_replicas(folder)
    to_do = [population for population in plan.populations if replicas.unfinished(population, finished)]
    if to_do:
        training.train(settings, folder, plan, to_do, None)
    table = tables.read_table(folder / workdir.REPLICAS_FILE)
    return {name: _judge_networks(name, table, folder, data) for name in names}


def _judge_networks(name: str, table: tables.Table, folder: Path, data: Library) -> _Trained:
    """Members at the rate that the validation molecules chose for their width and size."""
    own = tables.select(table, table["arm"] == name)
    chosen = np.zeros(len(own["replica_id"]), bool)
    errors_by_id = _validation(folder, own["replica_id"].tolist())
    validation = np.array([errors_by_id[replica_id] for replica_id in own["replica_id"].tolist()])
    for width, size in sorted(set(zip(own["num_features"].tolist(), own["num_train"].tolist(), strict=True))):
        cell = (own["num_features"] == width) & (own["num_train"] == size)
        rates = np.unique(own["learning_rate"][cell])
        means = [np.nanmean(validation[cell & (own["learning_rate"] == rate)]) for rate in rates]
        chosen |= cell & (own["learning_rate"] == rates[int(np.argmin(means))])
    rows, errors, judge = [], [], potentials.make_judge(data)
    for place in np.flatnonzero(chosen):
        potential = potentials.load(folder, str(own["replica_id"][place]), with_priors=name == "priors")
        judged = judge(potential)
        error = np.abs(judged.molecules[data.indices("test")]) * curve_errors.KCAL
        rows.append(
            ladder_tables.MemberRow(
                name,
                str(own["replica_id"][place]),
                int(own["num_features"][place]),
                int(own["num_params"][place]),
                int(own["num_train"][place]),
                int(own["seed"][place]),
                float(own["learning_rate"][place]),
                0.0,
                float(validation[place]),
                float(error.mean()),
                float(error.max()),
                *curve_errors.overall(judged.curves, data.regions()),
            )
        )
        errors.append(judged.curves)
    return _trained(name, "", rows, errors)


def _validation(folder: Path, ids: list[str]) -> dict[str, float]:
    """Lowest validation error of every replica, kcal/mol an atom: what its parameters and rate were chosen by."""
    history = tables.read_table(folder / workdir.HISTORY_FILE)
    error = history["validation_energy_mae_ev_per_atom"] * curve_errors.KCAL
    return {name: float(np.nanmin(error[history["replica_id"] == name])) for name in ids}


def _points(judged: ladder_tables.Judged, data: Library) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for curve in data.curves:
        mean = judged.errors_ev[curve.system].mean(axis=0)
        for place, distance in enumerate(curve.distances_angstrom):
            rows.append(
                {
                    "rung": judged.rung,
                    "system": curve.system,
                    "distance_angstrom": float(distance),
                    "region": curve.regions[place],
                    "reference_ev": curve.reference_ev[place],
                    "energy_ev": curve.reference_ev[place] + mean[place],
                    "error_kcal": mean[place] * curve_errors.KCAL,
                }
            )
    return rows


def _measure_costs(path: Path, data: Library, found: Mapping[str, _Trained], number: int) -> None:
    """Write the seconds a molecule of every rung and of each base; what is there is not measured again."""
    table = path / COSTS_CSV
    held_out = [data.molecules[place] for place in data.indices("test")]
    molecules = costs.examples(held_out, costs.HEAVY_ATOMS, number)
    rungs = [rungs_lib.LEARNED[name] for name in found]
    names = dict.fromkeys((*found, *(rung.base for rung in rungs if rung.base)))
    if not molecules or (table.exists() and set(names) <= {row["rung"] for row in tables.read_rows(table)}):
        return
    seconds: dict[str, float] = {}
    with progress.Progress(len(names), len(names), things="costs", rate="costs") as bar:
        for name in names:
            base = name if name in bases.BASES else rungs_lib.LEARNED[name].base
            bar.note(measured=name)
            if base:
                seconds[name] = seconds[base] if base in seconds else costs.of_base(base, molecules, data.basis)
                seconds[base] = seconds[name]
            else:
                replica_id = found[name].rows[-1].member
                network = potentials.load(path / NETWORKS_FOLDER, replica_id, with_priors=name == "priors")
                seconds[name] = costs.of_network(network, molecules)
            bar.finish_replicas(1)
            bar.advance(1, 1)
    rows = [costs.Cost(name, taken, len(molecules))._asdict() for name, taken in seconds.items()]
    _write(table, costs.Cost._fields, rows)


def _report(path: Path) -> None:
    from h2scale.report import remedy_page  # late: matplotlib

    files.write_text(path / SENTENCE_MD, remedy_page.write(path) + "\n")
    print(f"Tables, figure and page: {path}")


def _write(path: Path, columns: tuple[str, ...], rows: list[dict[str, object]]) -> None:
    path.unlink(missing_ok=True)
    tables.append_rows(path, columns, rows)
