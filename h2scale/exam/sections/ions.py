"""Ionization energies and electron affinities of atoms and diatomic molecules, against measured ones."""

import functools

from h2scale.exam import grading
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.models import Model
from h2scale.exam.references import measured

SECTION = "ions"
TOLERANCE_EV = 0.3
"""About what a hybrid functional in a basis with diffuse functions reaches."""
CHECKS = {"ionization": "ionization energy", "attachment": "electron affinity"}


def examine(model: Model, conditioning: Conditioning, level_of_theory: str = "") -> grading.Part:
    """Examine every atom and molecule of ions.csv, ion and neutral each at its own bond length."""
    del level_of_theory  # the references are measured
    if conditioning.charge:
        unconditioned = grading.NOT_CONDITIONED
        return grading.Part(
            [
                grading.without_number(
                    (SECTION, one.system),
                    CHECKS[one.change],
                    "eV",
                    unconditioned,
                    conditioning.charge,
                    reference=one.energy_ev,
                )
                for one in measured.ions()
            ],
            [],
        )
    queries = list(dict.fromkeys(query for one in measured.ions() for query in (one.neutral, one.ion)))
    predictions = dict(zip(queries, model.predict(queries), strict=True))
    findings = []
    for one in measured.ions():
        neutral, ion = predictions[one.neutral], predictions[one.ion]
        cost = ion.energy - neutral.energy if one.change == "ionization" else neutral.energy - ion.energy
        findings.append(
            grading.measure(
                (SECTION, one.system),
                CHECKS[one.change],
                "eV",
                [neutral, ion],
                functools.partial(float, cost),
                limit=grading.around(one.energy_ev, TOLERANCE_EV),
                reference=one.energy_ev,
            )
        )
    return grading.Part(findings, [])
