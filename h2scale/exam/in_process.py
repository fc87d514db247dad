"""A calculator of this process as a model of the exam; needs ASE and NumPy alone."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from h2scale.exam import models, ways, worker, worker_model


class InProcessModel:
    """A calculator that is called directly: its crash or hang is that of this process.

    Args:
        loaded: the calculator and how charge and spin reach it.
        watch: called after each prediction.
    """

    def __init__(self, loaded: worker.LoadedCalculator, watch: models.Watch = models.ignore) -> None:
        self.failure = ""
        self.environment: dict[str, Any] = loaded.describe()
        self._loaded, self._watch = loaded, watch

    def predict(self, queries: Sequence[models.Query], *, reuse: bool = False) -> list[models.Prediction]:
        """Return one prediction per query, in order; `reuse` as in `worker`."""
        self._loaded.start_over()
        return [self._predict_one(query, reuse) for query in queries]

    def _predict_one(self, query: models.Query, reuse: bool) -> models.Prediction:
        structure = {
            **query._asdict(),
            "numbers": list(query.numbers),
            "positions": [list(place) for place in query.positions],
        }
        with warnings.catch_warnings():
            # Where a test run turns warnings into errors, one of the calculator's would count as a refusal.
            warnings.simplefilter("ignore")
            message = self._loaded.predict(structure, reuse)
        prediction = worker_model.read_prediction(message, len(query.numbers))
        self._watch(query, prediction)
        return prediction


def load(calculator: Any, charge: str, spin: str) -> tuple[models.Entry, worker.LoadedCalculator]:
    """Return the entry of an ASE calculator, or of a factory of some, and the calculator ready to be asked.

    Args:
        calculator: an object with `get_potential_energy`, or what makes one: a class or a function.
        charge, spin: how they reach it, as `config.exam.charge` has it; `argument:NAME` needs a factory.

    Raises:
        TypeError: it is neither, or the factory returns no calculator.
        ValueError: charge or spin is to be an argument, and what came is no factory.
    """
    ways.check(charge, "charge")
    ways.check(spin, "spin")
    is_object = hasattr(calculator, "get_potential_energy") and not isinstance(calculator, type)
    if not is_object and not callable(calculator):
        raise TypeError(
            f"could not be asked: calculator must be an ASE calculator or make one; got {type(calculator).__name__}."
        )
    for key, way in (("charge", charge), ("spin", spin)):
        if is_object and way.startswith("argument:"):
            raise ValueError(
                f"{key}={way} needs the factory that makes the calculator, such as its class; "
                f"got a finished {type(calculator).__name__}."
            )
    made_by = type(calculator) if is_object else calculator
    factory: Callable[..., Any] = (lambda: calculator) if is_object else calculator
    name = getattr(made_by, "__qualname__", type(made_by).__name__)
    entry = models.Entry(name, f"{getattr(made_by, '__module__', '')}:{name}", charge=charge, spin=spin)
    loaded = worker.LoadedCalculator(factory, name=entry.entry, kwargs={}, charge=charge, spin=spin)
    loaded.source_of = made_by
    return entry, loaded
