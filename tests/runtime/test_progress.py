"""Progress in a log file: a line every few seconds with what is left; on a terminal, a bar."""

import io
import re

import pytest

from h2scale.runtime import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = {"seconds": 0.0}
    monkeypatch.setattr(progress.time, "monotonic", lambda: now["seconds"])
    return now


def test_log_lines_say_what_is_done_and_left(clock):
    stream = io.StringIO()
    with progress.Progress(100.0, 4, stream) as bar:
        clock["seconds"] = 30.0  # compilation
        bar.advance(10.0, 5)
        clock["seconds"] = 40.0
        bar.note(H2_error="3.00 eV")
        bar.advance(10.0, 5)
        assert stream.getvalue().splitlines()[-1] == (
            " 20%, 0:40 so far, 1:20 left, 0.5 steps/s, 0/4 replicas done, H2 error 3.00 eV"
        )
        clock["seconds"] = 41.0
        bar.advance(10.0, 5)
        assert len(stream.getvalue().splitlines()) == 2, "a second later is too early for another line"
        bar.finish_replicas(4)
    assert "4/4 replicas done" in stream.getvalue().splitlines()[-1]


def test_work_that_was_done_before_is_taken_off(clock):
    stream = io.StringIO()
    with progress.Progress(100.0, 1, stream) as bar:
        bar.advance(10.0, 1)
        bar.skip(60.0)
        clock["seconds"] = 20.0
        bar.advance(10.0, 1)
        assert stream.getvalue().splitlines()[-1].startswith(" 50%, 0:20 so far, 0:40 left")


def test_terminal_gets_a_bar():
    stream = Terminal()
    with progress.Progress(2.0, 1, stream) as bar:
        bar.advance(1.0, 10)
        bar.note(H2_error="3.00 eV")
        bar.advance(1.0, 10)
    assert re.search(r"100%\|.*\|.*left, .*replicas done, H2 error 3\.00 eV", stream.getvalue())
