"""Processor time of one answer of every rung, the field's search included, on held-out molecules of two heavy atoms."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from h2scale import electronic_structure
from h2scale.data import hashing
from h2scale.remedies import bases, potentials
from h2scale.remedies.library import Geometry
from h2scale.remedies.potentials import Potential

HEAVY_ATOMS = 2


class Cost(NamedTuple):
    """Processor time of one rung, or of one method that is a rung's base."""

    rung: str
    seconds: float  # mean of the molecules, one thread
    molecules: int


def examples(molecules: Sequence[Geometry], heavy_atoms: int, number: int) -> list[Geometry]:
    """Molecules of this size, at most `number`, the same at every run."""
    sized = [one for one in molecules if sum(z > 1 for z in one.atomic_numbers) == heavy_atoms]
    return sorted(sized, key=lambda one: hashing.text_hash(one.name))[:number]


def of_base(base: str, molecules: Sequence[Geometry], basis: str) -> float:
    """Mean processor time of a base and its rows, seconds; what a correction adds to it is not noticeable.

    Raises:
        ValueError: a field or coupled cluster does not converge.
    """

    def solve(one: Geometry) -> None:
        with electronic_structure.one_thread():
            bases.solve(base, one.atomic_numbers, one.positions, one.charge, one.spin_multiplicity, basis)

    return _mean_seconds(solve, molecules)


def of_network(potential: Potential, molecules: Sequence[Geometry]) -> float:
    """Mean processor time of a network on positions, seconds, compiled before."""
    for one in molecules:
        potentials.energy_ev(potential, one)
    return _mean_seconds(lambda one: potentials.energy_ev(potential, one), molecules)


def _mean_seconds(work: Callable[[Geometry], object], molecules: Sequence[Geometry]) -> float:
    taken = []
    for one in molecules:
        begin = time.process_time()
        work(one)
        taken.append(time.process_time() - begin)
    return float(np.mean(taken)) if taken else float("nan")
