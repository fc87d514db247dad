"""Checks that charge and spin reach a model and that no prediction depends on the calls before it.

H2 is queried with charges 0, 1 and 2 and with both spins, Li with charges 0 and 1, in two orders and, as a user's scan
would, with one Atoms object whose charge is changed in place. No reference is needed beyond three well-known energies.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from h2scale import units
from h2scale.exam import grading, models
from h2scale.exam.models import Model, Prediction, Query

SECTION = "conditioning checks"
BOND_ANGSTROM = 0.74144
FAR_ANGSTROM = 20.0
SAME_EV = 1e-3
"""Energies that differ by less are the same: far above the noise of float32, far below any change of charge."""
LITHIUM_IONIZATION_EV = 5.3917
"""NIST Atomic Spectra Database."""
HYDROGEN_IONIZATION_EV = 16.45
"""H2 to H2+ at H2's bond length, from the exact curves."""
H2_DEPTH_EV = 4.7483
"""Two H atoms minus H2 at its bond length, from the exact curve."""
CHARGE_CHECK, SPIN_CHECK = "charge reaches the model", "spin reaches the model"
UNIT_CHECK = "energy unit, by the depth of H2"
ATOM_CHECK = "an isolated atom has half the energy of a separated pair"
CACHE_CHECK = "no cached prediction for a changed "
ASKED = "neutral H2 is answered"
_RELATIVE = 0.3
_FORCE_FLOOR = 0.05
"""eV/angstrom; a central difference of float32 energies is noise far below this."""
_UNITS = {"hartree": 1 / units.HARTREE_EV, "rydberg": 2 / units.HARTREE_EV, "kcal/mol": 1 / units.KCAL_PER_MOL_EV}
_UNITS |= {"kJ/mol": 4.184 / units.KCAL_PER_MOL_EV, "meV": 1000.0}


class Conditioning(NamedTuple):
    """Reasons why charge and spin do not reach the model; empty where they do."""

    charge: str
    spin: str


def examine(model: Model, entry: models.Entry) -> tuple[Conditioning, grading.Part]:
    """Return which of charge and spin reach the model, and the findings of all checks."""
    queries = _queries()
    predictions = dict(zip(queries, model.predict(list(queries.values())), strict=True))
    backwards = dict(zip(reversed(queries), model.predict(list(queries.values())[::-1]), strict=True))
    findings = [
        _reaches("charge", [predictions["H2"], predictions["H2+"], predictions["H2 2+"]], entry.charge),
        _reaches("spin", [predictions["H2"], predictions["H2 triplet"]], entry.spin),
    ]
    blind = (grading.FAIL, grading.NOT_CONDITIONED)
    conditioning = Conditioning(*(finding.reason if finding.status in blind else "" for finding in findings))
    findings += [
        _unchanged("order of calls", "same predictions in reversed order", predictions, backwards),
        _scan(model, queries, predictions, "charge", ("H2", "H2 2+"), conditioning.charge),
        _scan(model, queries, predictions, "spin", ("H2", "H2 triplet"), conditioning.spin),
        *_sign(predictions, conditioning),
        _unit(predictions),
        _isolated_atom(predictions),
        _forces(model),
        *_unanswered(predictions["H2"]),
    ]
    return conditioning, grading.Part(findings, [])


def could_be_asked(findings: Sequence[grading.Finding]) -> bool:
    """Return False if the model refused H2 itself; its other predictions then mean nothing."""
    return all(finding.check != ASKED for finding in findings)


def _unanswered(prediction: Prediction) -> list[grading.Finding]:
    """One finding if neutral singlet H2 at its bond length, the first question of all, is refused; else none."""
    if prediction.status != models.REFUSED:
        return []
    reason = f"could not be asked: neutral singlet H2 at its bond length is refused: {prediction.reason}"
    return [grading.without_number((SECTION, "H2"), ASKED, "", models.NOT_RUN, reason)]


def _queries() -> dict[str, Query]:
    return {
        "H2": models.dimer(1, 1, BOND_ANGSTROM, 0, 1),
        "H2+": models.dimer(1, 1, BOND_ANGSTROM, 1, 2),
        "H2 2+": models.dimer(1, 1, BOND_ANGSTROM, 2, 1),
        "H2 triplet": models.dimer(1, 1, BOND_ANGSTROM, 0, 3),
        "Li": models.atom(3, 0, 2),
        "Li+": models.atom(3, 1, 1),
        "H": models.atom(1, 0, 2),
        "H...H": models.dimer(1, 1, FAR_ANGSTROM, 0, 1),
        "H...H triplet": models.dimer(1, 1, FAR_ANGSTROM, 0, 3),
    }


def _reaches(what: str, predictions: list[Prediction], way: str) -> grading.Finding:
    """Smallest difference of the predictions, which must differ; refusals are left out if two predictions remain."""
    place, check = (SECTION, "H2"), {"charge": CHARGE_CHECK, "spin": SPIN_CHECK}[what]
    if way == "none":
        return grading.without_number(place, check, "eV", grading.NOT_CONDITIONED, f"the model takes no {what}")
    given = [one for one in predictions if one.status == models.OK]
    if len(given) < 2:
        return grading.measure(place, check, "eV", predictions, lambda: np.nan)
    energies = np.sort(grading.energies(given))
    smallest = float(np.min(np.diff(energies)))
    ignored = f"the energy is the same for another {what}: it does not reach the model as {way}"
    finding = grading.measure(place, check, "eV", given, lambda: smallest, limit=(SAME_EV, np.inf))
    return finding if finding.status == grading.PASS else finding._replace(reason=ignored)


def _unchanged(system: str, check: str, first: dict[str, Prediction], second: dict[str, Prediction]) -> grading.Finding:
    """Largest difference of two predictions of one query; a refusal in one and not in the other is a difference."""
    pairs = [(first[name], second[name]) for name in first if models.OK in (first[name].status, second[name].status)]
    place = (SECTION, system)
    for one, other in pairs:
        if one.status != other.status:
            reason = f"predicted once and refused once: {one.reason or other.reason}"
            return grading.without_number(place, check, "eV", grading.FAIL, reason)
    if not pairs:
        return grading.measure(place, check, "eV", list(first.values()), lambda: np.nan)
    worst = max(abs(one.energy - other.energy) for one, other in pairs)
    return grading.measure(place, check, "eV", [], lambda: worst, limit=(0.0, SAME_EV))


def _scan(
    model: Model,
    queries: dict[str, Query],
    predictions: dict[str, Prediction],
    what: str,
    names: tuple[str, str],
    unreached: str,
) -> grading.Finding:
    """Compare one Atoms object whose charge or spin is changed in place with fresh ones."""
    check = CACHE_CHECK + what
    if unreached:
        return grading.without_number((SECTION, "H2"), check, "eV", grading.NOT_CONDITIONED, unreached)
    scanned = dict(zip(names, model.predict([queries[name] for name in names], reuse=True), strict=True))
    finding = _unchanged("H2", check, {name: predictions[name] for name in names}, scanned)
    if finding.status == grading.FAIL and finding.value is not None:
        stale = abs(scanned[names[0]].energy - scanned[names[1]].energy) < SAME_EV
        why = f"a cached prediction is returned when only the {what} changes; call calculator.reset() in between"
        return finding._replace(
            reason=why if stale else f"the prediction depends on the calls before the {what} changed"
        )
    return finding


def _sign(predictions: dict[str, Prediction], conditioning: Conditioning) -> list[grading.Finding]:
    """Energies to remove an electron: about 5.39 eV from Li, 16.45 eV from H2."""
    findings = []
    for system, low, high, expected in (
        ("Li", "Li", "Li+", LITHIUM_IONIZATION_EV),
        ("H2", "H2", "H2+", HYDROGEN_IONIZATION_EV),
    ):
        place, check = (SECTION, system), "ionization energy: sign of the charge"
        if conditioning.charge:
            status = grading.NOT_CONDITIONED
            findings.append(grading.without_number(place, check, "eV", status, conditioning.charge, reference=expected))
            continue
        cost = predictions[high].energy - predictions[low].energy
        finding = grading.measure(
            place,
            check,
            "eV",
            [predictions[low], predictions[high]],
            functools.partial(float, cost),
            limit=(expected / 2, 2 * expected),  # tight binding is off by 75 %, a lost sign by 110 %
            reference=expected,
        )
        if finding.status == grading.FAIL:
            why = _unit_remark(cost / expected) or (
                "far below what it costs to take an electron away: the sign of the charge may be lost on the way"
                if cost < expected / 2
                else "not the energy that it costs to take one electron away"
            )
            finding = finding._replace(reason=why)
        findings.append(finding)
    return findings


def _unit(predictions: dict[str, Prediction]) -> grading.Finding:
    """Depth of H2 below its own atoms, which shows the unit of energy: no model misses it by much."""
    needed = [predictions["H"], predictions["H2"]]
    depth = 2 * predictions["H"].energy - predictions["H2"].energy
    limit = grading.around(H2_DEPTH_EV, _RELATIVE * H2_DEPTH_EV)
    place = (SECTION, "H2")
    finding = grading.measure(place, UNIT_CHECK, "eV", needed, lambda: depth, limit=limit, reference=H2_DEPTH_EV)
    if finding.status == grading.FAIL:
        finding = finding._replace(reason=_unit_remark(depth / H2_DEPTH_EV) or "far from H2's depth in any known unit")
    return finding


def unit_of(ratio: float) -> str:
    """Return the unit of energy in which a number is `ratio` times what it is in eV; empty if in none of the known."""
    for name, factor in ({"eV": 1.0} | _UNITS).items():
        if abs(ratio / factor - 1) < _RELATIVE:
            return name
    return ""


def _unit_remark(ratio: float) -> str:
    name = unit_of(ratio)
    return f"the energy looks like {name}, not eV" if name not in ("", "eV") else ""


def _isolated_atom(predictions: dict[str, Prediction]) -> grading.Finding:
    """Energy of two H atoms 20 angstrom apart, in the better of both spins, minus twice that of one atom.

    A network without neighbours within its cutoff gives the same either way. A table of atoms does not.
    """
    pairs = [predictions[name] for name in ("H...H", "H...H triplet") if predictions[name].status == models.OK]
    gaps = [pair.energy - 2 * predictions["H"].energy for pair in pairs] or [np.nan]
    gap = min(gaps, key=abs)
    finding = grading.measure(
        (SECTION, "H"),
        ATOM_CHECK,
        "eV",
        [predictions["H"], *(pairs or [predictions["H...H"]])],
        lambda: gap,
        limit=(-grading.CHEMICAL_ACCURACY_EV, grading.CHEMICAL_ACCURACY_EV),
        reference=0.0,
    )
    if finding.status == grading.FAIL:
        why = (
            "an isolated atom comes from a table or another path than atoms 20 angstrom apart, or the model sees that "
            "far"
        )
        finding = finding._replace(reason=why)
    return finding


def _forces(model: Model) -> grading.Finding:
    """Largest difference of force and central difference of the energy on H2, relative to the largest slope."""
    step = 0.005
    places = (0.6, 1.0, 1.6)
    grid = [distance + shift for distance in places for shift in (-step, 0.0, step)]
    predictions = model.predict([models.dimer(1, 1, distance, 0, 1) for distance in grid])

    def deviation() -> float:
        energies = grading.energies(predictions).reshape(-1, 3)
        slopes = (energies[:, 2] - energies[:, 0]) / (2 * step)
        forces = grading.bond_forces(predictions)[1::3]
        return float(np.max(np.abs(forces + slopes)) / max(np.max(np.abs(slopes)), _FORCE_FLOOR))

    finding = grading.measure(
        (SECTION, "H2"), "forces are minus the gradient", "", predictions, deviation, limit=(0.0, 0.02), forces=True
    )
    if finding.status == grading.FAIL:
        finding = finding._replace(reason="force and slope of the energy differ by this part of the largest slope")
    return finding
