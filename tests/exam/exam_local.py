"""Models of made-up calculators without a process of their own: what a worker holds, called directly."""

import contextlib
import warnings
from pathlib import Path

from h2scale.exam import candidates, models, worker, worker_model

CALCULATORS = Path(__file__).with_name("exam_calculators.py")


class Local:
    """A model that holds a worker's calculator itself."""

    failure = ""

    def __init__(self, entry, watch=models.ignore):
        request = {"entry": entry.entry, "kwargs": entry.kwargs, "charge": entry.charge, "spin": entry.spin}
        self.calculator = worker.LoadedCalculator({**request, "packages": []})
        self.environment = {"python": "3.11", "packages": {"ase": "3.26"}}
        self.queries = []
        self._watch = watch

    def predict(self, queries, *, reuse=False):
        self.calculator.start_over()
        predictions = []
        for query in queries:
            self.queries.append(query)
            numbers, positions = list(query.numbers), [list(place) for place in query.positions]
            structure = {**query._asdict(), "numbers": numbers, "positions": positions}
            with warnings.catch_warnings():
                # A worker's process does not turn warnings into errors; ASE 3.29 has some with NumPy 2.5.
                warnings.simplefilter("ignore", DeprecationWarning)
                message = self.calculator.predict(structure, reuse)
            predictions.append(worker_model.read_prediction(message, len(query.numbers)))
            self._watch(query, predictions[-1])
        return predictions


def made_up(name, **keywords):
    """The entry of one of exam_calculators.py."""
    return models.Entry(name, f"{CALCULATORS}:{name}", **keywords)


def candidate(name, **keywords):
    """A made-up calculator to examine in this process."""
    entry = made_up(name, **keywords)
    return candidates.Candidate(entry, lambda watch: contextlib.nullcontext(Local(entry, watch)))
