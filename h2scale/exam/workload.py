"""How much an exam asks, found by putting its questions to a model that does not answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from h2scale.exam import models


class Silent:
    """Answers nothing and remembers what it was asked."""

    def __init__(self) -> None:
        self.failure = ""
        self.environment: dict[str, Any] = {}
        self.asked: list[models.Ask] = []

    def ask(self, asks: Sequence[models.Ask], *, reuse: bool = False) -> list[models.Answer]:
        """One refusal per structure."""
        del reuse
        self.asked += asks
        return [models.Answer(np.nan, None, models.REFUSED, "")] * len(asks)


def work(ask: models.Ask) -> float:
    """What a structure counts for in the time left: its electrons, which decide where time matters."""
    return 1.0 + sum(ask.numbers) - ask.charge
