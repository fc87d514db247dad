"""Diatomic molecules in their ground spin states: constants against experiment, curves against computed references."""

import numpy as np
from ase.data import atomic_masses

from h2scale.exam import grading, models
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.references import diatomic_systems, tables
from h2scale.exam.sections import curve_shape

SECTION = "diatomics"
RELATIVE_DISTANCES = np.geomspace(0.5, 4.0, 54)  # of the typical bond length: 4 % apart
FAR_ANGSTROM = 20.0
LENGTH_TOLERANCE = 0.02  # angstrom
DEPTH_TOLERANCE_EV = 0.2
OMEGA_TOLERANCE = 0.05  # relative
"""About what a hybrid functional reaches; the measured depths are good to 0.05 eV."""


def examine(
    model: models.Examinee,
    conditioning: Conditioning,
    systems: tuple[diatomic_systems.Diatomic, ...] = diatomic_systems.SYSTEMS,
) -> grading.Part:
    """D_e, r_e and omega_e of every molecule, and its curve beside the best one shipped."""
    parts = [_molecule(model, conditioning, system) for system in systems]
    return grading.Part(
        [finding for part in parts for finding in part.findings], [curve for part in parts for curve in part.curves]
    )


def _molecule(model: models.Examinee, conditioning: Conditioning, system: diatomic_systems.Diatomic) -> grading.Part:
    place = (SECTION, system.name)
    if system.charge and conditioning.charge:
        finding = grading.without_number(place, "curve", "eV", grading.NOT_CONDITIONED, conditioning.charge)
        return grading.Part([finding], [])
    numbers = [diatomic_systems.ATOMIC_NUMBERS[symbol] for symbol in (system.first, system.second)]
    distances = system.typical_angstrom * RELATIVE_DISTANCES
    answers = model.ask([models.dimer(*numbers, distance, system.charge, system.spin) for distance in distances])
    zero, note = _zero(model, system)
    energies = grading.energies(answers) - zero
    shipped = next(iter(tables.shipped(system.name)), None) if system.name != "H2" else None
    shown = {"exact": tables.h2_ev(distances)} if system.name == "H2" else {}
    if shipped is not None:
        shown[shipped.label] = tables.resample(shipped, distances)
    remarks = [] if note == "own atoms" else [note]
    alone = [] if shown else ["no computed curve of this molecule is shipped: measured constants alone"]
    findings = _constants(place, system, distances, energies, answers, "; ".join(remarks + alone))
    for label, reference in shown.items():
        inside = np.isfinite(reference)
        findings.append(
            grading.measure(
                place,
                f"curve against {label}: mean absolute error",
                "eV",
                [answer for answer, wanted in zip(answers, inside, strict=True) if wanted],
                lambda r=reference, i=inside: np.mean(np.abs(energies - r)[i]),
                reason="; ".join(remarks),
            )
        )
    return grading.Part(findings, [grading.Curve(*place, note, distances, energies, shown)])


def _zero(model: models.Examinee, system: diatomic_systems.Diatomic) -> tuple[float, str]:
    atoms = [
        models.atom(diatomic_systems.ATOMIC_NUMBERS[symbol], charge, spin)
        for symbol, charge, spin in diatomic_systems.fragments(system)
    ]
    lone = model.ask(atoms)
    if all(answer.status == models.OK for answer in lone):
        return float(sum(answer.energy for answer in lone)), "own atoms"
    numbers = [diatomic_systems.ATOMIC_NUMBERS[symbol] for symbol in (system.first, system.second)]
    far = model.ask([models.dimer(*numbers, FAR_ANGSTROM, system.charge, system.spin)])[0]
    return far.energy, "an atom alone is refused: measured from 20 Å"


def _constants(
    place: tuple[str, str],
    system: diatomic_systems.Diatomic,
    distances: np.ndarray,
    energies: np.ndarray,
    answers: list[models.Answer],
    remark: str,
) -> list[grading.Finding]:
    masses = [atomic_masses[diatomic_systems.ATOMIC_NUMBERS[symbol]] for symbol in (system.first, system.second)]
    reduced = masses[0] * masses[1] / sum(masses)
    known = tables.measured_constants().get(system.name)
    near, missing = grading.around_minimum(answers)
    remark = "; ".join(filter(None, (remark, missing)))
    findings = []
    for check, unit, name, absolute, read in (
        ("r_e", "Å", "bond_length_angstrom", LENGTH_TOLERANCE, lambda c: c.bond_length_angstrom),
        ("D_e", "eV", "depth_ev", DEPTH_TOLERANCE_EV, lambda c: -c.energy_ev),
        ("ω_e", "1/cm", "omega_e_per_cm", None, lambda c: c.omega_e_per_cm),
    ):
        reference = None if known is None else getattr(known, name)
        tolerance = absolute or OMEGA_TOLERANCE * (reference or 0.0)
        findings.append(
            grading.measure(
                place,
                check,
                unit,
                answers[near],
                lambda read=read: read(curve_shape.constants(distances[near], energies[near], reduced)),
                limit=None if reference is None else grading.around(reference, tolerance),
                reference=reference,
                reason=remark,
            )
        )
    return findings
