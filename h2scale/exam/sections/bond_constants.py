"""Checks of bond length, depth and frequency of a diatomic curve, shared by the sections that have one."""

import functools
from typing import NamedTuple

import numpy as np

from h2scale.exam import grading
from h2scale.exam.models import Prediction
from h2scale.exam.references import tables
from h2scale.exam.sections import curve_shape


class Tolerances(NamedTuple):
    """Largest differences from the reference that pass."""

    bond_length_angstrom: float
    depth_ev: float
    omega_e_relative: float


def check(
    place: tuple[str, str],
    distances: np.ndarray,
    energies: np.ndarray,
    predictions: list[Prediction],
    reduced_mass_dalton: float,
    known: tables.Measured | None,
    tolerances: Tolerances,
    *,
    length_symbol: str,
    remark: str,
) -> list[grading.Finding]:
    """Return findings for bond length, D_e and ω_e of a curve.

    Args:
        place, distances, energies: of the curve; angstrom, and eV relative to the separated atoms.
        predictions: that the energies come from.
        reduced_mass_dalton: of the nuclei.
        known, tolerances: the reference constants; None measures without a verdict.
        length_symbol: name of the bond length's check.
        remark: goes with every number.
    """
    near, missing = grading.around_minimum(predictions)
    findings = []
    for symbol, unit, name, tolerance in (
        (length_symbol, "Å", "bond_length_angstrom", tolerances.bond_length_angstrom),
        ("D_e", "eV", "depth_ev", tolerances.depth_ev),
        ("ω_e", "1/cm", "omega_e_per_cm", tolerances.omega_e_relative * (known.omega_e_per_cm if known else 0.0)),
    ):
        reference = None if known is None else getattr(known, name)
        findings.append(
            grading.measure(
                place,
                symbol,
                unit,
                predictions[near],
                functools.partial(_constant, name, distances[near], energies[near], reduced_mass_dalton),
                limit=None if reference is None else grading.around(reference, tolerance),
                reference=reference,
                reason="; ".join(filter(None, (remark, missing))),
            )
        )
    return findings


def _constant(name: str, distances: np.ndarray, energies: np.ndarray, reduced_mass_dalton: float) -> float:
    return getattr(curve_shape.constants(distances, energies, reduced_mass_dalton), name)
