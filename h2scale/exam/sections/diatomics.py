"""Diatomic molecules in their ground spin states: constants against experiment, curves against computed references."""

import functools

import numpy as np
from ase.data import atomic_masses

from h2scale import elements
from h2scale.exam import grading, models
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.models import Model
from h2scale.exam.references import diatomic_systems, tables
from h2scale.exam.sections import bond_constants

SECTION = "diatomics"
RELATIVE_DISTANCES = np.geomspace(0.5, 4.0, 54)  # of the typical bond length: 4 % apart
FAR_ANGSTROM = 20.0
_TOLERANCES = bond_constants.Tolerances(bond_length_angstrom=0.02, depth_ev=0.2, omega_e_relative=0.05)
"""About what a hybrid functional reaches; the measured depths are good to 0.05 eV."""


def examine(
    model: Model,
    conditioning: Conditioning,
    level_of_theory: str = "",
    *,
    systems: tuple[diatomic_systems.Diatomic, ...] = diatomic_systems.SYSTEMS,
) -> grading.Part:
    """Examine D_e, r_e and omega_e of every molecule, and its curve beside the best one shipped."""
    del level_of_theory  # the references are those of experiment and of the best computed curve
    parts = [_molecule(model, conditioning, system) for system in systems]
    return grading.Part(
        [finding for part in parts for finding in part.findings], [curve for part in parts for curve in part.curves]
    )


def _molecule(model: Model, conditioning: Conditioning, system: diatomic_systems.Diatomic) -> grading.Part:
    place = (SECTION, system.name)
    if system.charge and conditioning.charge:
        finding = grading.without_number(place, "curve", "eV", grading.NOT_CONDITIONED, conditioning.charge)
        return grading.Part([finding], [])
    first, second = _numbers(system)
    distances = system.typical_angstrom * RELATIVE_DISTANCES
    predictions = model.predict(
        [models.dimer(first, second, distance, system.charge, system.spin) for distance in distances]
    )
    zero, note = _zero(model, system)
    energies = grading.energies(predictions) - zero
    shipped = next(iter(tables.shipped(system.name)), None) if system.name != "H2" else None
    shown = {"exact": tables.h2_ev(distances)} if system.name == "H2" else {}
    if shipped is not None:
        shown[shipped.label] = tables.resample(shipped, distances)
    remarks = [] if note == "own atoms" else [note]
    alone = [] if shown else ["no computed curve of this molecule is shipped: measured constants alone"]
    masses = [atomic_masses[number] for number in _numbers(system)]
    findings = bond_constants.check(
        place,
        distances,
        energies,
        predictions,
        masses[0] * masses[1] / sum(masses),
        tables.measured_constants().get(system.name),
        _TOLERANCES,
        length_symbol="r_e",
        remark="; ".join(remarks + alone),
    )
    for label, reference in shown.items():
        inside = np.isfinite(reference)
        findings.append(
            grading.measure(
                place,
                f"curve against {label}: mean absolute error",
                "eV",
                grading.chosen(predictions, inside),
                functools.partial(grading.mean_size, (energies - reference)[inside]),
                reason="; ".join(remarks),
            )
        )
    return grading.Part(findings, [grading.Curve(*place, note, distances, energies, shown)])


def _zero(model: Model, system: diatomic_systems.Diatomic) -> tuple[float, str]:
    atoms = [
        models.atom(elements.ATOMIC_NUMBERS[symbol], charge, spin)
        for symbol, charge, spin in diatomic_systems.fragments(system)
    ]
    alone = model.predict(atoms)
    if all(prediction.status == models.OK for prediction in alone):
        return float(sum(prediction.energy for prediction in alone)), "own atoms"
    first, second = _numbers(system)
    far = model.predict([models.dimer(first, second, FAR_ANGSTROM, system.charge, system.spin)])[0]
    return far.energy, "an atom alone is refused: measured from 20 Å"


def _numbers(system: diatomic_systems.Diatomic) -> tuple[int, int]:
    return elements.ATOMIC_NUMBERS[system.first], elements.ATOMIC_NUMBERS[system.second]
