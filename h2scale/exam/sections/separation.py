"""Two molecules 50 angstrom apart: their energy is the sum of both alone, and neither feels the other.

The limit is exact but for Coulomb's law between two charges, which is added. Models whose atoms all attend to each
other, or which spread a total charge or spin over all atoms, may break it where a cutoff cannot.
"""

import functools
from typing import NamedTuple

import numpy as np

from h2scale import units
from h2scale.exam import grading, models
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.models import Model, Prediction
from h2scale.exam.references import measured

SECTION = "separation"
DISTANCE_ANGSTROM = 50.0
TOLERANCE_EV = grading.CHEMICAL_ACCURACY_EV
FORCE_TOLERANCE_EV_PER_ANGSTROM = 0.02
"""Two unit charges this far apart push each other by 0.006."""
ENERGY_CHECK, FORCE_CHECK = "E(50 Å) minus both alone", "largest change of a force by the other molecule"


class Pair(NamedTuple):
    """Two species with their charges, in the spin state that both together have."""

    first: str
    first_charge: int
    first_spin: int
    second: str
    second_charge: int
    second_spin: int
    spin: int

    @property
    def name(self) -> str:
        """Return both names with their charges."""
        signs = {0: "", 1: "+", -1: "−"}
        return f"{self.first}{signs[self.first_charge]} … {self.second}{signs[self.second_charge]}"


PAIRS = (
    Pair("H", 0, 2, "H", 0, 2, 1),
    Pair("H", 0, 2, "H", 1, 1, 2),
    Pair("H", 1, 1, "H", 1, 1, 1),
    Pair("H2", 0, 1, "H2", 0, 1, 1),
    Pair("H2", 0, 1, "H2", 1, 2, 2),
    Pair("H2O", 0, 1, "CH4", 0, 1, 1),
    Pair("NH3", 0, 1, "HF", 0, 1, 1),
    Pair("N2", 0, 1, "C2H4", 0, 1, 1),
    Pair("OH", 0, 2, "H2O", 0, 1, 2),
    Pair("Li", 1, 1, "H2O", 0, 1, 1),
    Pair("F", -1, 1, "CH4", 0, 1, 1),
)
"""In each the charge stays where it is placed, since moving the electron to the other part costs energy; H2 … H2+ alone
has two places for it."""


def examine(
    model: Model, conditioning: Conditioning, level_of_theory: str = "", *, pairs: tuple[Pair, ...] = PAIRS
) -> grading.Part:
    """Examine every pair; those with a charge only where it reaches the model."""
    del level_of_theory  # every level adds up
    findings: list[grading.Finding] = []
    for pair in pairs:
        if conditioning.charge and (pair.first_charge or pair.second_charge):
            findings += [
                grading.without_number((SECTION, pair.name), check, unit, grading.NOT_CONDITIONED, conditioning.charge)
                for check, unit in ((ENERGY_CHECK, "eV"), (FORCE_CHECK, "eV/Å"))
            ]
        else:
            findings += examine_pair(model, pair.name, *queries(pair))
    return grading.Part(findings, [])


def queries(pair: Pair) -> tuple[models.Query, models.Query, models.Query]:
    """Return the questions for both together, for the first alone and for the second alone, where it is."""
    first = measured.species(pair.first).query(pair.first_charge, pair.first_spin)
    second = measured.species(pair.second).query(pair.second_charge, pair.second_spin, DISTANCE_ANGSTROM)
    both = models.Query(
        first.numbers + second.numbers, first.positions + second.positions, first.charge + second.charge, pair.spin
    )
    return both, first, second


def apart(
    first: models.Query, second: models.Query, distance: float
) -> tuple[models.Query, models.Query, models.Query]:
    """Return the questions for two molecules with a gap of `distance` angstrom along z, and for each alone.

    Spins couple to the lowest that both together can have; far apart every coupling has the same energy.
    """
    gap = max(z for *_, z in first.positions) - min(z for *_, z in second.positions) + distance
    moved = second._replace(positions=tuple((x, y, z + gap) for x, y, z in second.positions))
    both = models.Query(
        first.numbers + moved.numbers,
        first.positions + moved.positions,
        first.charge + moved.charge,
        abs(first.spin - moved.spin) + 1,
    )
    return both, first, moved


def examine_pair(
    model: Model, name: str, both: models.Query, first: models.Query, second: models.Query
) -> list[grading.Finding]:
    """Return whether the energy of two molecules together is the sum of both alone and Coulomb's, and forces stay.

    Charges are taken to sit at the centres of the molecules: of a charge 2 angstrom off, 50 angstrom away, the energy
    differs by 0.01 eV.
    """
    together, *alone = model.predict([both, first, second])
    centres = [np.mean(one.positions, axis=0) for one in (first, second)]
    between = float(np.linalg.norm(centres[1] - centres[0]))
    tail = units.COULOMB_EV_ANGSTROM * first.charge * second.charge / between + 0.0  # never minus zero
    place = (SECTION, name)
    return [
        grading.measure(
            place,
            ENERGY_CHECK,
            "eV",
            [together, *alone],
            functools.partial(float, together.energy - sum(one.energy for one in alone)),
            limit=grading.around(tail, TOLERANCE_EV),
            reference=tail,
        ),
        grading.measure(
            place,
            FORCE_CHECK,
            "eV/Å",
            [together, *alone],
            functools.partial(_largest_change, together, alone, _same_shape(first, second)),
            limit=(0.0, FORCE_TOLERANCE_EV_PER_ANGSTROM),
            reference=0.0,
            forces=True,
        ),
    ]


def _same_shape(first: models.Query, second: models.Query) -> bool:
    """Return whether two molecules differ by where they are, and in charge or spin alone."""
    if first.numbers != second.numbers:
        return False
    shift = np.array(second.positions) - np.array(first.positions)
    return bool(np.allclose(shift, shift[0], rtol=0, atol=1e-9))


def _largest_change(together: Prediction, alone: list[Prediction], same_shape: bool) -> float:
    """Return the largest change of a force, in eV/angstrom.

    Of two molecules of one shape either may have the charge or the spin, at the same energy: the question says how many
    electrons both have, not which has them.
    """
    parts = [one.forces for one in alone if one.forces is not None]
    if together.forces is None or len(parts) < len(alone):
        return np.nan
    placings = [parts, parts[::-1]] if same_shape else [parts]
    return min(float(np.max(np.abs(together.forces - np.concatenate(placing)))) for placing in placings)
