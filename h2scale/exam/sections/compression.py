"""Pairs of neutral atoms pressed from 0.30 to 0.03 angstrom, where nothing but repulsion of the nuclei grows.

The grid and the checks are those of Geng, Burger, Bernales and Aspuru-Guzik, "Attracting Trouble? How MLIPs fail in
diffusion-based sampling" (2026): 17 pairs of elements, 30 distances, energy and repulsion rising at every step inwards,
and repulsion at the last. Their list of pairs could not be obtained; the pairs here are this project's choice.
"""

import functools

import numpy as np

from h2scale import elements, units
from h2scale.exam import grading, models
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.models import Model

SECTION = "compression"
PAIRS = (
    *(("H", other) for other in ("H", "C", "N", "O", "F", "S", "Cl")),
    *(("C", other) for other in ("C", "N", "O", "F", "S", "Cl")),
    *(("N", "N"), ("N", "O"), ("O", "O"), ("F", "F")),
)
DISTANCES = np.geomspace(0.03, 0.30, 30)
LEAST_REPULSION = 0.01
"""Of the bare nuclei's: electrons screen some of it at 0.03 angstrom, never all."""
ENERGY_CHECK = "steps inwards at which the energy falls"
FORCE_CHECK = "steps inwards at which the repulsion weakens"
END_CHECK = "repulsion at 0.03 Å over Coulomb's of the nuclei"


def examine(
    model: Model,
    conditioning: Conditioning,
    level_of_theory: str = "",
    *,
    pairs: tuple[tuple[str, str], ...] = PAIRS,
) -> grading.Part:
    """Examine every pair with charge 0 in the lowest spin that its number of electrons allows."""
    del conditioning, level_of_theory  # every pair is neutral, and what is checked is a sign
    parts = [_pair(model, pair) for pair in pairs]
    return grading.Part(
        [finding for part in parts for finding in part.findings], [curve for part in parts for curve in part.curves]
    )


def _pair(model: Model, pair: tuple[str, str]) -> grading.Part:
    place = (SECTION, "".join(pair))
    first, second = (elements.ATOMIC_NUMBERS[symbol] for symbol in pair)
    spin = 1 + (first + second) % 2
    predictions = model.predict([models.dimer(first, second, distance, 0, spin) for distance in DISTANCES])
    energies, forces = grading.energies(predictions), grading.bond_forces(predictions)
    coulomb = units.COULOMB_EV_ANGSTROM * first * second / DISTANCES

    def falls(values: np.ndarray) -> float:
        return float(np.count_nonzero(np.diff(values) >= 0))  # outwards they must fall

    findings = [
        grading.measure(
            place, ENERGY_CHECK, "", predictions, functools.partial(falls, energies), limit=(0.0, 0.0), reference=0.0
        ),
        grading.measure(
            place,
            FORCE_CHECK,
            "",
            predictions,
            functools.partial(falls, forces),
            limit=(0.0, 0.0),
            reference=0.0,
            forces=True,
        ),
        grading.measure(
            place,
            END_CHECK,
            "",
            predictions[:1],
            lambda: float(forces[0] * DISTANCES[0] / coulomb[0]),
            limit=(LEAST_REPULSION, np.inf),
            forces=True,
        ),
    ]
    atoms = model.predict([models.atom(z, 0, elements.GROUND_MULTIPLICITIES[z]) for z in (first, second)])
    note = "own atoms" if np.isfinite(grading.energies(atoms)).all() else "an atom alone is refused: from 0.30 Å"
    zero = grading.energies(atoms).sum() if note == "own atoms" else energies[-1] - coulomb[-1]
    references = {"bare nuclei, Z Z / R": coulomb}
    return grading.Part(findings, [grading.Curve(*place, note, DISTANCES, energies - zero, references)])
