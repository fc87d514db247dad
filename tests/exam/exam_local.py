"""Examines made-up calculators without a process of their own: the worker's model, called directly."""

import warnings
from pathlib import Path

from h2scale.exam import models, worker

CALCULATORS = Path(__file__).with_name("exam_calculators.py")


class Local:
    """An examinee that holds the worker's model itself."""

    failure = ""

    def __init__(self, entry):
        request = {"entry": entry.entry, "kwargs": entry.kwargs, "charge": entry.charge, "spin": entry.spin}
        request["packages"] = []
        self.model = worker.Model(request)
        self.environment = {}
        self.asked = 0

    def ask(self, asks, *, reuse=False):
        self.model.start_over()
        self.asked += len(asks)
        answers = []
        for ask in asks:
            structure = {**ask._asdict(), "numbers": list(ask.numbers), "positions": [list(p) for p in ask.positions]}
            with warnings.catch_warnings():
                # A worker's process does not turn warnings into errors; ASE 3.29 has some with NumPy 2.5.
                warnings.simplefilter("ignore", DeprecationWarning)
                message = self.model.answer(structure, reuse)
            answers.append(models.read_answer(message, len(ask.numbers)))
        return answers


def made_up(name, **keywords):
    """The entry of one of exam_calculators.py."""
    return models.Entry(name, f"{CALCULATORS}:{name}", **keywords)
