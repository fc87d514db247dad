"""The amount of work in an exam, found by running it on a model that predicts nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from h2scale.exam import models


class SilentModel:
    """Refuses every query and keeps it."""

    def __init__(self) -> None:
        self.failure = ""
        self.environment: dict[str, Any] = {}
        self.queries: list[models.Query] = []

    def predict(self, queries: Sequence[models.Query], *, reuse: bool = False) -> list[models.Prediction]:
        """Return one refusal per query."""
        del reuse
        self.queries += queries
        return [models.Prediction(np.nan, None, models.REFUSED, "")] * len(queries)


def work(query: models.Query) -> float:
    """Weight of a structure in the time left: its electrons, which decide where time matters."""
    return 1.0 + sum(query.numbers) - query.charge
