"""Models of made-up calculators without a process of their own: what a worker holds, called directly."""

import contextlib
from pathlib import Path

from h2scale.exam import candidates, in_process, models, worker

CALCULATORS = Path(__file__).with_name("exam_calculators.py")


class Local(in_process.InProcessModel):
    """A model that holds a worker's calculator itself and keeps what it was asked."""

    def __init__(self, entry, watch=models.ignore):
        request = {"entry": entry.entry, "kwargs": entry.kwargs, "charge": entry.charge, "spin": entry.spin}
        super().__init__(worker.load({**request, "packages": []}), watch)
        self.environment = {"python": "3.11", "packages": {"ase": "3.26"}}
        self.queries = []

    def predict(self, queries, *, reuse=False):
        self.queries += queries
        return super().predict(queries, reuse=reuse)


def made_up(name, **keywords):
    """The entry of one of exam_calculators.py."""
    return models.Entry(name, f"{CALCULATORS}:{name}", **keywords)


def candidate(name, **keywords):
    """A made-up calculator to examine in this process."""
    entry = made_up(name, **keywords)
    return candidates.Candidate(entry, lambda watch: contextlib.nullcontext(Local(entry, watch)))
