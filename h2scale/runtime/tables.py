"""Tables that stages hand to each other: column names, a small typed CSV reader and a writer.

Every number of fits, figures and report comes from `replicas.csv`, `errors.csv`, `curves.csv` and `history.csv`, so
the names and types of their columns stand here once. An empty field
means that there is no number: a diverged replica, or a system that the model cannot describe.
"""

import csv
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from h2scale.runtime import files

H2_ERROR_COLUMNS = (
    "h2_mae_ev",
    "h2_beyond_wall_mae_ev",
    "h2_wall_mae_ev",
    "h2_well_mae_ev",
    "h2_middle_mae_ev",
    "h2_tail_mae_ev",
)
"""Mean absolute errors of the H2 curve against the exact one: the whole, from 0.6 angstrom on, and by region."""

BARE_PAIRS = ("protons", "helium_proton", "helium_nuclei")
WINDOWS = ("near", "middle", "far")
"""Two nuclei without electrons, and windows of their distance: below 0.62 angstrom, to 6, beyond."""

CHARGED_COLUMNS = (
    *(f"{pair}_{window}_mae_ev" for pair in BARE_PAIRS for window in WINDOWS),
    *(f"{pair}_{window}_force_mae_ev_per_angstrom" for pair in BARE_PAIRS for window in WINDOWS),
    "proton_offset_ev",
    "helium_nucleus_offset_ev",
    "h2_cation_mae_ev",
    "h2_cation_bond_length_angstrom",
    "h2_cation_well_depth_ev",
    "h2_cation_dissociation_error_ev",
    "h2_ionization_error_ev",
    "h2_double_ionization_error_ev",
    "test_ionization_mae_ev",
    "test_affinity_mae_ev",
    "test_double_ionization_mae_ev",
)
"""Metrics of replicas that take a charge, empty for others; curves are relative to the model's own separated parts."""

REPLICA_COLUMNS = (
    "replica_id",
    "model",
    "arm",
    "prior",
    "isolated_atom_exact",
    "include_h2_equilibrium",
    "include_isolated_atoms",
    "include_hydrogen_pairs",
    "ions",
    "spin_states",
    "include_anions",
    "include_bare_nuclei",
    "include_helium_with_proton",
    "pinned_share",
    "energy_weight",
    "force_weight",
    "conditioning",
    "electrostatics",
    "l_max",
    "num_layers",
    "num_features",
    "cutoff_angstrom",
    "num_params",
    "num_train",
    "num_unique_molecules",
    "rung",
    "teacher",
    "seed",
    "learning_rate",
    "steps",
    "train_flops",
    "train_seconds",
    "finite",
    "kept_step",
    "test_energy_mae_ev_per_atom",
    "test_force_mae_ev_per_angstrom",
    "test_energy_mae_ev",
    "test_energy_median_ae_ev",
    "test_within_43_mev_share",
    "zero_test_energy_mae_ev",
    "zero_test_force_mae_ev_per_angstrom",
    "ridge_test_energy_mae_ev",
    "unseen_energy_mae_ev",
    "h2_mae_ev",
    "h2_beyond_wall_mae_ev",
    "h2_beyond_wall_teacher_mae_ev",
    "h2_zero_mae_ev",
    "h2_beyond_wall_zero_mae_ev",
    "h2_wall_mae_ev",
    "h2_well_mae_ev",
    "h2_middle_mae_ev",
    "h2_tail_mae_ev",
    "h2_teacher_mae_ev",
    "h2_npe_ev",
    "h2_bond_length_angstrom",
    "h2_well_depth_ev",
    "h2_asymptote_error_ev",
    "h2_size_consistency_error_ev",
    "h2_num_minima",
    "h2_wall_is_repulsive",
    "protons_mae_ev",
    "protons_status",
    *CHARGED_COLUMNS,
)
PHYSICS_COLUMNS = (
    *(name for name in REPLICA_COLUMNS if name.startswith("h2_") and name not in CHARGED_COLUMNS),
    "protons_mae_ev",
    *CHARGED_COLUMNS,
)
"""Columns that the physics check fills."""

ERROR_COLUMNS = (
    "replica_id",
    "side",
    "regime",
    "num_structures",
    "num_molecules",
    "energy_mae_ev",
    "energy_mae_ev_per_atom",
    "energy_median_ae_ev",
    "within_43_mev_share",
    "force_mae_ev_per_angstrom",
    "zero_energy_mae_ev",
    "zero_force_mae_ev_per_angstrom",
    "ridge_energy_mae_ev",
)
CURVE_COLUMNS = (
    "replica_id",
    "system",
    "charge",
    "spin_multiplicity",
    "distance_angstrom",
    "energy_ev",
    "exact_ev",
    "fci_ev",
    "teacher_ev",
)
HISTORY_COLUMNS = (
    "replica_id",
    "step",
    "train_loss",
    "validation_energy_mae_ev_per_atom",
    "validation_force_mae_ev_per_angstrom",
    *H2_ERROR_COLUMNS,
    "protons_mae_ev",
    "finite",
)

TEXT_COLUMNS = frozenset(
    {
        *("replica_id", "model", "arm", "prior", "conditioning", "electrostatics", "rung", "teacher", "protons_status"),
        *("system", "side", "regime", "bracketed", "verdict"),
        *(
            "region",
            "reference",
            "base",
            "member",
            "metric",
            "variable",
            "direction",
            "reason",
        ),  # of the remedies' ladder
    }
)
BOOLEAN_COLUMNS = frozenset({"finite"})
_WORDS = {"true": 1.0, "false": 0.0, "": math.nan}

Table = dict[str, np.ndarray]


def append_rows(
    path: str | os.PathLike,
    columns: Sequence[str],
    rows: Iterable[Mapping[str, object]],
    *,
    replace_by: str | None = None,
) -> None:
    """Add rows to a CSV file, which is created with its header if missing; the file is never half written.

    Args:
        path: the file.
        columns: its columns, in order; an existing file may lack some of them, which an earlier version did not
            know: they are empty in its rows.
        rows: mappings with exactly these keys. Non-finite numbers and None become empty fields, booleans `true` or
            `false`; NumPy and JAX scalars are accepted.
        replace_by: a column such as `replica_id`; existing rows that share a value of it with a new row are
            dropped first, so that writing the same replica twice leaves it once.

    Raises:
        ValueError: if a row's keys differ from `columns`, or an existing header has other ones; nothing is written.
    """
    path = Path(path)
    fields = [_row_fields(row, columns, path) for row in rows]
    existing = _read_fields(path) if path.exists() else []
    kept = _in_columns(existing[0], existing[1:], columns, path) if existing else []
    if replace_by is not None:
        index = list(columns).index(replace_by)
        new = {row[index] for row in fields}
        kept = [row for row in kept if row[index] not in new]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([list(columns), *kept, *fields])
    files.write_text(path, text.getvalue())


def read_table(path: str | os.PathLike) -> Table:
    """Read the columns of a CSV file as NumPy arrays, in the order of its header.

    Text columns are arrays of str; `finite` is bool; every other column is float64, with `true` and `false` as 1
    and 0 and an empty field as NaN.

    Raises:
        ValueError: if the file is missing or empty, a row is too short or too long, or a field is not of its type.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"{path}: no such table.")
    lines = _read_fields(path)
    if not lines:
        raise ValueError(f"{path}: the table is empty; expected a header line.")
    header, rows = lines[0], lines[1:]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ValueError(f"{path}, line {number}: {len(row)} fields; expected {len(header)}.")
    by_column = zip(*rows, strict=True) if rows else ((),) * len(header)
    return {name: _column(name, values, path) for name, values in zip(header, by_column, strict=True)}


def read_rows(path: str | os.PathLike) -> list[dict[str, str]]:
    """Read the rows of a CSV file as text, keyed by its header; `append_rows` writes them unchanged elsewhere."""
    header, *rows = _read_fields(Path(path))
    return [dict(zip(header, row, strict=True)) for row in rows]


def select(table: Table, mask: np.ndarray) -> Table:
    """Return the rows of a table where `mask` is True."""
    return {name: values[mask] for name, values in table.items()}


def _read_fields(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _in_columns(header: list[str], rows: list[list[str]], columns: Sequence[str], path: Path) -> list[list[str]]:
    """Return existing rows with a field for each of `columns`, empty where their header lacks it."""
    if not set(header) <= set(columns):
        raise ValueError(f"{path}: header is {','.join(header)}; expected {','.join(columns)}.")
    if list(header) == list(columns):
        return rows
    named = [dict(zip(header, row, strict=True)) for row in rows]
    return [[row.get(name, "") for name in columns] for row in named]


def _row_fields(row: Mapping[str, object], columns: Sequence[str], path: Path) -> list[str]:
    if row.keys() != set(columns):
        missing = sorted(set(columns) - row.keys())
        unknown = sorted(row.keys() - set(columns))
        raise ValueError(f"{path}: a row lacks the columns {missing} and has the unknown columns {unknown}.")
    return [_field(row[name]) for name in columns]


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    scalar = np.asarray(value)[()]
    if isinstance(scalar, np.bool_):
        return "true" if scalar else "false"
    return str(scalar) if np.isfinite(scalar) else ""


def _column(name: str, values: Sequence[str], path: Path) -> np.ndarray:
    if name in TEXT_COLUMNS:
        return np.array(values, dtype=str)
    if name in BOOLEAN_COLUMNS:
        wrong = [value for value in values if value not in ("true", "false")]
        if wrong:
            raise ValueError(f"{path}: column {name} must hold true or false; got {wrong[0]!r}.")
        return np.array([value == "true" for value in values], dtype=bool)
    return np.array([_number(value, name, path) for value in values], dtype=np.float64)


def _number(value: str, name: str, path: Path) -> float:
    if value in _WORDS:
        return _WORDS[value]
    try:
        return float(value)
    except ValueError as error:
        raise ValueError(f"{path}: column {name} must hold numbers; got {value!r}.") from error
