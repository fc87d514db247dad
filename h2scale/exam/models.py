"""Queries, predictions and the protocol of a model that can be examined."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

BAD_FORCES = "the forces are not"
"""Beginning of the reason why forces that were given are no forces."""
OK, REFUSED, ERROR, NOT_RUN = "ok", "refused", "error", "not run"


class Query(NamedTuple):
    """One structure whose energy and forces are wanted."""

    numbers: tuple[int, ...]  # atomic numbers
    positions: tuple[tuple[float, float, float], ...]  # angstrom
    charge: int
    spin: int  # multiplicity, 2S + 1


class Prediction(NamedTuple):
    """Energy and forces of one structure.

    `status` is ok, refused (the model raised), error (no usable number) or not run.
    """

    energy: float  # eV, NaN unless the status is ok
    forces: np.ndarray | None  # (n_atoms, 3), eV/angstrom; None if the model gives none
    status: str
    reason: str  # why there is no energy or there are no forces; empty otherwise


Watch = Callable[[Query, Prediction], None]
"""Called after every single prediction, before the whole request is returned."""


class Model(Protocol):
    """A model under examination."""

    @property
    def failure(self) -> str:
        """Reason why the model can predict nothing any more; empty otherwise."""

    @property
    def environment(self) -> dict[str, Any]:
        """Versions of what makes the predictions."""

    def predict(self, queries: Sequence[Query], *, reuse: bool = False) -> list[Prediction]:
        """Return one prediction per query, in order; `reuse` as in `worker`."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """Recipe of a model: the fields of the registry that the exam needs."""

    name: str
    entry: str  # MODULE:FACTORY or FILE.py:FACTORY
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
    charge: str = "info:charge"  # how the charge is passed; see `worker`
    spin: str = "info:spin"  # how the spin multiplicity is passed
    python: str = ""  # another interpreter; empty for this one
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)  # package, level_of_theory, weights, licence, ...


def ignore(query: Query, prediction: Prediction) -> None:
    """Do nothing; the watch where none is given."""


def dimer(first: int, second: int, distance: float, charge: int, spin: int) -> Query:
    """Two atoms on the z axis, the second one above; `distance` in angstrom."""
    return Query((first, second), ((0.0, 0.0, -distance / 2), (0.0, 0.0, distance / 2)), charge, spin)


def atom(number: int, charge: int, spin: int) -> Query:
    """One atom or ion."""
    return Query((number,), ((0.0, 0.0, 0.0),), charge, spin)
