"""A table read back is the table written, and a wrong one is refused by name."""

import jax.numpy as jnp
import numpy as np
import pytest

from h2scale.runtime import tables

COLUMNS = ("replica_id", "seed", "h2_mae_ev", "finite", "h2_wall_is_repulsive")


def row(replica_id="a", **values):
    return {
        "replica_id": replica_id,
        "seed": 0,
        "h2_mae_ev": 0.1,
        "finite": True,
        "h2_wall_is_repulsive": True,
    } | values


def test_what_is_written_is_read_back_with_its_type(tmp_path):
    path = tmp_path / "replicas.csv"
    tables.append_rows(path, COLUMNS, [row('n, "l2"', h2_mae_ev=1 / 3), row("b", seed=np.int64(7), finite=np.False_)])
    table = tables.read_table(path)
    assert tuple(table) == COLUMNS
    assert table["replica_id"].tolist() == ['n, "l2"', "b"]
    assert table["h2_mae_ev"].tolist() == [1 / 3, 0.1]  # exactly: shortest round-trip decimals
    assert table["seed"].tolist() == [0, 7]
    assert table["finite"].dtype == bool
    assert table["finite"].tolist() == [True, False]


def test_no_number_is_an_empty_field_and_reads_as_nan(tmp_path):
    path = tmp_path / "replicas.csv"
    absent = [None, float("nan"), np.float32("inf"), jnp.asarray(jnp.nan)]
    tables.append_rows(path, COLUMNS, [row(h2_mae_ev=value, h2_wall_is_repulsive=None) for value in absent])
    assert path.read_text().splitlines()[1:] == ["a,0,,true,"] * 4
    assert np.isnan(tables.read_table(path)["h2_mae_ev"]).all()
    assert np.isnan(tables.read_table(path)["h2_wall_is_repulsive"]).all()


def test_jax_scalars_and_float32_keep_their_value(tmp_path):
    path = tmp_path / "replicas.csv"
    tables.append_rows(path, COLUMNS, [row(h2_mae_ev=jnp.float32(0.1), seed=jnp.int32(3), finite=jnp.asarray(True))])
    assert path.read_text().splitlines()[1] == "a,3,0.1,true,true"


def test_appending_keeps_what_was_there(tmp_path):
    path = tmp_path / "replicas.csv"
    tables.append_rows(path, COLUMNS, [row("a")])
    tables.append_rows(path, COLUMNS, [row("b")])
    assert tables.read_table(path)["replica_id"].tolist() == ["a", "b"]
    assert [file.name for file in tmp_path.iterdir()] == ["replicas.csv"]  # no temporary file stays


def test_writing_a_replica_twice_leaves_it_once(tmp_path):
    path = tmp_path / "curves.csv"
    tables.append_rows(path, COLUMNS, [row("a", seed=1), row("a", seed=2), row("b")], replace_by="replica_id")
    tables.append_rows(path, COLUMNS, [row("a", seed=3)], replace_by="replica_id")
    table = tables.read_table(path)
    assert list(zip(table["replica_id"], table["seed"], strict=True)) == [("b", 0), ("a", 3)]


def test_a_header_without_rows_is_an_empty_table(tmp_path):
    path = tmp_path / "replicas.csv"
    tables.append_rows(path, tables.REPLICA_COLUMNS, [])
    table = tables.read_table(path)
    assert tuple(table) == tables.REPLICA_COLUMNS
    assert {len(values) for values in table.values()} == {0}


def test_columns_newer_than_the_file_are_empty_in_its_rows(tmp_path):
    path = tmp_path / "replicas.csv"
    tables.append_rows(path, COLUMNS[:-1], [{name: row("a")[name] for name in COLUMNS[:-1]}])
    tables.append_rows(path, COLUMNS, [row("b")])
    old, new = tables.read_rows(path)
    assert old == {name: new[name] for name in COLUMNS} | {"replica_id": "a", COLUMNS[-1]: ""}


def test_wrong_rows_and_headers_are_refused_and_nothing_is_written(tmp_path):
    path = tmp_path / "replicas.csv"
    with pytest.raises(ValueError, match=r"lacks the columns \['seed'\] and has the unknown columns \['sed'\]"):
        tables.append_rows(path, COLUMNS, [{name: 0 for name in COLUMNS if name != "seed"} | {"sed": 0}])
    assert not path.exists()
    tables.append_rows(path, COLUMNS, [row()])
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"header is replica_id,seed.*; expected replica_id,step"):
        tables.append_rows(path, tables.HISTORY_COLUMNS, [])
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "table is empty"),
        ("seed,finite\n1\n", "line 2: 1 fields; expected 2"),
        ("seed,finite\nmany,true\n", "column seed must hold numbers; got 'many'"),
        ("seed,finite\n1,\n", "column finite must hold true or false; got ''"),
    ],
)
def test_unreadable_tables_are_named(tmp_path, text, message):
    path = tmp_path / "broken.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        tables.read_table(path)
    with pytest.raises(ValueError, match=r"nothing\.csv: no such table"):
        tables.read_table(tmp_path / "nothing.csv")


def test_selecting_keeps_rows_together():
    table = {"seed": np.array([1, 2, 3]), "rung": np.array(["a", "b", "c"])}
    chosen = tables.select(table, table["seed"] != 2)
    assert chosen["seed"].tolist() == [1, 3]
    assert chosen["rung"].tolist() == ["a", "c"]
