"""H2 and H2+ against their exact curves, the gap to the triplet, and the split of the error into teacher's and own."""

import numpy as np

from h2scale.exam import grading, models
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.references import tables
from h2scale.exam.sections import curve_shape
from h2scale.physics import curves

SECTION = "hydrogen"
TEACHER_SECTION = "teacher split"
FAR_ANGSTROM = 20.0
PROTON_DALTON = 1.00727646658
CATION_DISTANCES = np.geomspace(0.2, 15.0, 64)
TRIPLET_DISTANCES = np.geomspace(0.6, 8.0, 32)
TRIPLET_LABEL = "FCI"
_CHEMICAL = grading.CHEMICAL_ACCURACY_EV
_REGION_LIMITS = {"wall": 10 * _CHEMICAL, "well": _CHEMICAL, "middle": _CHEMICAL, "tail": _CHEMICAL}
_LENGTH_TOLERANCE = 0.005  # angstrom
_OMEGA_TOLERANCE = 0.02  # relative


def examine(model: models.Examinee, conditioning: Conditioning, level_of_theory: str) -> grading.Part:
    """All questions about hydrogen; `level_of_theory` as the shipped curves name what the model was fitted to."""
    distances = curves.H2_TEST_DISTANCES_ANGSTROM
    answers = model.ask([models.dimer(1, 1, distance, 0, 1) for distance in distances])
    far, lone = model.ask([models.dimer(1, 1, FAR_ANGSTROM, 0, 1), models.atom(1, 0, 2)])
    zero, note = _zero([lone, lone], far, "H")
    energies = grading.energies(answers) - zero
    findings = _curve_checks("H2", distances, energies, answers, tables.h2_ev(distances), note)
    findings.append(
        grading.measure(
            (SECTION, "H2"),
            "size consistency: E(20 Å) minus 2 E(H)",
            "eV",
            [far, lone],
            lambda: far.energy - 2 * lone.energy,
            limit=(-_CHEMICAL, _CHEMICAL),
            reference=0.0,
        )
    )
    shown = {"exact": tables.h2_ev(distances)}
    split, teachers = _teacher_split(distances, energies, answers, level_of_theory)
    shown.update(teachers)
    curve = grading.Curve(SECTION, "H2", note, distances, energies, shown)
    cation = _cation(model, conditioning, lone)
    gap = _triplet(model, conditioning)
    return grading.Part([*findings, *cation.findings, *gap.findings, *split], [curve, *cation.curves, *gap.curves])


def _zero(atoms: list[models.Answer], far: models.Answer, names: str) -> tuple[float, str]:
    """Energy of the separated atoms: the model's own atoms, or else the pair 20 angstrom apart."""
    if all(atom.status == models.OK for atom in atoms):
        return float(sum(atom.energy for atom in atoms)), "own atoms"
    return far.energy, f"{names} alone is refused: measured from 20 Å"


def _curve_checks(
    system: str,
    distances: np.ndarray,
    energies: np.ndarray,
    answers: list[models.Answer],
    exact: np.ndarray,
    note: str,
) -> list[grading.Finding]:
    """Errors by region, spread of the error, and the three constants."""
    place = (SECTION, system)
    error = energies - exact
    remark = "" if note == "own atoms" else note
    findings = []
    for name, mask in curves.regions(distances)._asdict().items():
        mask = np.asarray(mask)
        chosen = [answer for answer, wanted in zip(answers, mask, strict=True) if wanted]
        findings.append(
            grading.measure(
                place,
                f"{name}: mean absolute error",
                "eV",
                chosen,
                lambda mask=mask: np.mean(np.abs(error[mask])),
                limit=(0.0, _REGION_LIMITS[name]),
                reason=remark,
            )
        )
    findings.append(
        grading.measure(place, "largest minus smallest error", "eV", answers, lambda: np.ptp(error), reason=remark)
    )
    known = tables.EXACT_CONSTANTS[system]
    near, missing = grading.around_minimum(answers)
    remark = "; ".join(filter(None, (remark, missing)))
    for check, unit, reference, tolerance, read in (
        ("R_e", "Å", known.bond_length_angstrom, _LENGTH_TOLERANCE, lambda c: c.bond_length_angstrom),
        ("D_e", "eV", known.depth_ev, _CHEMICAL, lambda c: -c.energy_ev),
        ("ω_e", "1/cm", known.omega_e_per_cm, _OMEGA_TOLERANCE * known.omega_e_per_cm, lambda c: c.omega_e_per_cm),
    ):
        findings.append(
            grading.measure(
                place,
                check,
                unit,
                answers[near],
                lambda read=read: read(curve_shape.constants(distances[near], energies[near], PROTON_DALTON / 2)),
                limit=grading.around(reference, tolerance),
                reference=reference,
                reason=remark,
            )
        )
    return findings


def _cation(model: models.Examinee, conditioning: Conditioning, lone: models.Answer) -> grading.Part:
    """One electron and two protons: exact, and a test of self-interaction far out."""
    if conditioning.charge:
        finding = grading.without_number(
            (SECTION, "H2+"), "curve against exact", "eV", grading.NOT_CONDITIONED, conditioning.charge
        )
        return grading.Part([finding], [])
    distances = CATION_DISTANCES
    answers = model.ask([models.dimer(1, 1, distance, 1, 2) for distance in distances])
    far, proton = model.ask([models.dimer(1, 1, FAR_ANGSTROM, 1, 2), models.atom(1, 1, 1)])
    zero, note = _zero([lone, proton], far, "H or its nucleus")
    energies = grading.energies(answers) - zero
    exact = tables.h2_cation_ev(distances)
    findings = _curve_checks("H2+", distances, energies, answers, exact, note)
    tail = float(tables.h2_cation_ev(np.array([FAR_ANGSTROM]))[0])
    findings.append(
        grading.measure(
            (SECTION, "H2+"),
            "size consistency: E(20 Å) minus E(H) minus E(H+)",
            "eV",
            [far, lone, proton],
            lambda: far.energy - lone.energy - proton.energy,
            limit=grading.around(tail, _CHEMICAL),
            reference=tail,
        )
    )
    return grading.Part(findings, [grading.Curve(SECTION, "H2+", note, distances, energies, {"exact": exact})])


def _triplet(model: models.Examinee, conditioning: Conditioning) -> grading.Part:
    """Lowest triplet minus singlet of H2, which falls from 10 eV to nothing as the bond is stretched."""
    place = (SECTION, "H2 triplet")
    checks = ("singlet-triplet gap: mean absolute error", "singlet-triplet gap at 8 Å")
    if conditioning.spin:
        unconditioned = grading.NOT_CONDITIONED
        return grading.Part(
            [grading.without_number(place, check, "eV", unconditioned, conditioning.spin) for check in checks], []
        )
    distances = TRIPLET_DISTANCES
    singlet = model.ask([models.dimer(1, 1, distance, 0, 1) for distance in distances])
    triplet = model.ask([models.dimer(1, 1, distance, 0, 3) for distance in distances])
    gap = grading.energies(triplet) - grading.energies(singlet)
    shipped = tables.shipped("H2 triplet", TRIPLET_LABEL)[0]
    exact = tables.resample(shipped, distances) - tables.h2_ev(distances)
    findings = [
        grading.measure(
            place,
            checks[0],
            "eV",
            [*singlet, *triplet],
            lambda: np.mean(np.abs(gap - exact)),
            limit=(0.0, 2 * _CHEMICAL),
            reason=f"the triplet's reference is {shipped.label}",
        ),
        grading.measure(
            place,
            checks[1],
            "eV",
            [singlet[-1], triplet[-1]],
            lambda: gap[-1],
            limit=(-_CHEMICAL, _CHEMICAL),
            reference=0.0,
        ),
    ]
    curve = grading.Curve(SECTION, "H2 triplet minus singlet", "no zero needed", distances, gap, {shipped.label: exact})
    return grading.Part(findings, [curve])


def _teacher_split(
    distances: np.ndarray, energies: np.ndarray, answers: list[models.Answer], level_of_theory: str
) -> tuple[list[grading.Finding], dict[str, np.ndarray]]:
    """H2 against the model's own level of theory on both branches, and those against the exact curve."""
    place = (TEACHER_SECTION, "H2")
    found = tables.shipped("H2", level_of_theory + ",") if level_of_theory else []
    exact = tables.h2_ev(distances)
    findings, shown = [], {}
    own = grading.measure(place, "model against exact", "eV", answers, lambda: np.mean(np.abs(energies - exact)))
    for teacher in found:
        curve = tables.resample(teacher, distances)
        inside = np.isfinite(curve)
        shown[teacher.label] = curve
        findings += [
            grading.measure(
                place,
                f"model against {teacher.label}",
                "eV",
                answers,
                lambda c=curve, i=inside: np.mean(np.abs(energies - c)[i]),
            ),
            grading.measure(
                place,
                f"{teacher.label} against exact",
                "eV",
                [],
                lambda c=curve, i=inside: np.mean(np.abs(exact - c)[i]),
            ),
        ]
    return (
        [own, *findings] if found else [own._replace(reason="its level of theory is not shipped as a curve")]
    ), shown
