"""Flags that a program can read: what a model does with charge and spin, how far it sees, how precise it is."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from h2scale.exam import conditioning_checks, grading, models

LEARNED, IGNORED, REFUSED, UNKNOWN = "learned", "ignored", "refused", "unknown"
RANGE_LADDER = (2.0, 4.0, 6.0, 8.0, 12.0, 20.0, 30.0, 40.0)
"""Distances of two H atoms, angstrom, each compared with the next; cutoffs of common models lie between them."""
RANGE_RESOLUTION_EV = 1e-4
"""A change by less is out of range: ten times the noise of float32, and a hundredth of what any use needs."""
FLOAT32_NOISE_EV = 3e-7
"""Scatter of energies from which on they count as float32: of 13.6 eV one unit in the last place is 1e-6 eV."""
_NOISE_PLACE, _NOISE_STEP, _NOISE_POINTS = 0.9, 1e-5, 9  # angstrom; a cubic through them errs by 1e-15 eV


class Capabilities(NamedTuple):
    """Abilities of a model, as the exam found them and not as its paper says."""

    charge: str  # learned (energies of H2 with 0, 1 and 2 electrons fewer differ), ignored, refused or unknown
    spin: str  # the same for singlet and triplet H2
    isolated_atoms: str  # network (like a pair 20 angstrom apart), table (or another path), refused or unknown
    range_angstrom: (
        float | None
    )  # farthest distance on which the energy of two H atoms still depends; 40 is the farthest
    precision: str  # float64 or float32, by the scatter of the energy; unknown if there is none
    noise_ev: float | None  # that scatter: standard deviation from a cubic over 1e-4 angstrom
    unit: str  # eV, hartree, rydberg, kcal/mol, kJ/mol, meV or unknown, by the depth of H2
    cached: bool | None  # whether a changed charge or spin gets the energy of before; None if that cannot be told

    def as_dict(self) -> dict[str, Any]:
        """Return the flags by name, as exam.json has them."""
        return self._asdict()


def measure(model: models.Model, findings: Sequence[grading.Finding]) -> Capabilities:
    """Return the flags of a model.

    Args:
        model: asked 33 structures of two H atoms more.
        findings: of its conditioning checks.
    """
    found = {finding.check: finding for finding in findings}
    noise = _noise(model)
    depth = found[conditioning_checks.UNIT_CHECK].value
    return Capabilities(
        charge=_arrives(found[conditioning_checks.CHARGE_CHECK]),
        spin=_arrives(found[conditioning_checks.SPIN_CHECK]),
        isolated_atoms=_isolated(found[conditioning_checks.ATOM_CHECK]),
        range_angstrom=_range(model),
        precision=UNKNOWN if noise is None else "float32" if noise > FLOAT32_NOISE_EV else "float64",
        noise_ev=noise,
        unit=(depth is not None and conditioning_checks.unit_of(depth / conditioning_checks.H2_DEPTH_EV)) or UNKNOWN,
        cached=_cached([found[conditioning_checks.CACHE_CHECK + what] for what in ("charge", "spin")]),
    )


def _arrives(finding: grading.Finding) -> str:
    return {
        grading.PASS: LEARNED,
        grading.FAIL: IGNORED,
        grading.NOT_CONDITIONED: IGNORED,
        models.REFUSED: REFUSED,
    }.get(finding.status, UNKNOWN)


def _isolated(finding: grading.Finding) -> str:
    return {grading.PASS: "network", grading.FAIL: "table", models.REFUSED: REFUSED}.get(finding.status, UNKNOWN)


def _cached(findings: Sequence[grading.Finding]) -> bool | None:
    told = [finding.status == grading.FAIL for finding in findings if finding.status in (grading.PASS, grading.FAIL)]
    return any(told) if told else None


def _range(model: models.Model) -> float | None:
    """Largest distance of the ladder at which a step outwards changes the energy in any state that is answered."""
    farthest: list[float] = []
    for charge, spin in ((0, 1), (1, 2), (2, 1)):
        predictions = model.predict([models.dimer(1, 1, distance, charge, spin) for distance in RANGE_LADDER])
        energies = grading.energies(predictions)
        if np.isfinite(energies).all():
            changes = np.flatnonzero(np.abs(np.diff(energies)) > RANGE_RESOLUTION_EV)
            farthest.append(RANGE_LADDER[int(changes[-1]) + 1] if changes.size else 0.0)
    return max(farthest, default=None)


def _noise(model: models.Model) -> float | None:
    shifts = np.arange(_NOISE_POINTS) - _NOISE_POINTS // 2
    queries = [models.dimer(1, 1, _NOISE_PLACE + shift * _NOISE_STEP, 0, 1) for shift in shifts.tolist()]
    energies = grading.energies(model.predict(queries))
    if not np.isfinite(energies).all():
        return None
    residual = energies - np.polyval(np.polyfit(shifts, energies - energies[0], 3), shifts) - energies[0]
    return float(np.sqrt(np.sum(residual**2) / (_NOISE_POINTS - 4)))
