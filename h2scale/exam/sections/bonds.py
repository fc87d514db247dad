"""Energies of fourteen bonds: both fragments at their own geometries minus the molecule, against what was measured."""

import functools

from h2scale.exam import grading
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.models import Model
from h2scale.exam.references import measured

SECTION = "bond energies"
CHECK = "D_e"
TOLERANCE_EV = 0.2
"""About what a hybrid functional reaches; the measured energies are good to 0.05 eV, their zero points to 0.02."""


def examine(model: Model, conditioning: Conditioning, level_of_theory: str = "") -> grading.Part:
    """Examine every bond of bonds.csv; all species are neutral and in their ground states."""
    del conditioning, level_of_theory  # no charge is asked, and the references are measured
    names = list(dict.fromkeys(name for one in measured.bonds() for name in (one.molecule, one.first, one.second)))
    predictions = dict(zip(names, model.predict([measured.species(name).query() for name in names]), strict=True))
    findings = []
    for one in measured.bonds():
        parts = [predictions[one.first], predictions[one.second]]
        whole = predictions[one.molecule]
        findings.append(
            grading.measure(
                (SECTION, one.name),
                CHECK,
                "eV",
                [*parts, whole],
                functools.partial(float, sum(part.energy for part in parts) - whole.energy),
                limit=grading.around(one.energy_ev, TOLERANCE_EV),
                reference=one.energy_ev,
            )
        )
    return grading.Part(findings, [])
