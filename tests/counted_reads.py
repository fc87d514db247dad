"""tables_only.py, which also writes the places of all training structures that this process reads from shards.

Run by `launching.start` where READS names the file: one line a reading.
"""

import os
import sys
import threading

from h2scale import command_line
from h2scale.data import streaming
from h2scale.stages import scaling
from h2scale.training import feed

READS = "H2SCALE_TEST_READS"


class CountingReader(streaming.ShardedDataset):
    """A reader of shards that notes what it is asked for."""

    _lock = threading.Lock()

    def gather(self, indices):
        with self._lock, open(os.environ[READS], "a", encoding="utf-8") as file:
            file.write(" ".join(map(str, indices.tolist())) + "\n")
        return super().gather(indices)


def reader(self):
    """The reader of a feed's thread, a counting one."""
    if not hasattr(self._own, "reader"):
        self._own.reader = CountingReader(self._dataset.folder, verify=False)
    return self._own.reader


if __name__ == "__main__":
    feed.Feed._reader = reader
    scaling._report = lambda path, num_bootstrap: path / "report.html"
    sys.exit(command_line.run_experiment(sys.argv))
