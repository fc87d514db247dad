"""Files appear whole or not at all."""

import concurrent.futures
import stat

import full_disk
import pytest

from h2scale.runtime import files


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "table.csv"
    files.write_text(path, "old")
    files.write_text(path, "energie à −1")
    assert path.read_text(encoding="utf-8") == "energie à −1"
    files.write_bytes(path, b"\x00\x01", sync=True)
    assert path.read_bytes() == b"\x00\x01"
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & stat.S_IRGRP, "others of the group may read it"


def test_a_full_disk_leaves_the_older_file(tmp_path):
    path = tmp_path / "table.csv"
    files.write_text(path, "old")
    with full_disk.limit(500), pytest.raises(OSError, match="File too large"):
        files.write_bytes(path, bytes(1000))
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_cannot_be_replaced_leaves_no_temporary_file(tmp_path):
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        files.write_bytes(tmp_path / "folder", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_threads_may_write_one_path(tmp_path):
    contents = [bytes([number]) * 100_000 for number in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: files.write_bytes(tmp_path / "curve", content), contents))
    assert (tmp_path / "curve").read_bytes() in contents
    assert len(list(tmp_path.iterdir())) == 1
