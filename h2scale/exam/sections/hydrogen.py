"""H2 and H2+ against their exact curves, the gap to the triplet, and the split of the error into teacher's and own."""

import functools

import jax.numpy as jnp
import numpy as np

from h2scale.exam import grading, models
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.models import Model, Prediction
from h2scale.exam.references import tables
from h2scale.exam.sections import bond_constants
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
_TOLERANCES = bond_constants.Tolerances(bond_length_angstrom=0.005, depth_ev=_CHEMICAL, omega_e_relative=0.02)


def examine(model: Model, conditioning: Conditioning, level_of_theory: str = "") -> grading.Part:
    """Examine H2, H2+ and triplet H2; `level_of_theory` as the shipped curves name what the model was fitted to."""
    distances = curves.H2_TEST_DISTANCES_ANGSTROM
    predictions = model.predict([models.dimer(1, 1, distance, 0, 1) for distance in distances])
    far, atom = model.predict([models.dimer(1, 1, FAR_ANGSTROM, 0, 1), models.atom(1, 0, 2)])
    zero, note = _zero([atom, atom], far, "H")
    energies = grading.energies(predictions) - zero
    findings = _curve_checks("H2", distances, energies, predictions, tables.h2_ev(distances), note)
    findings.append(
        grading.measure(
            (SECTION, "H2"),
            "size consistency: E(20 Å) minus 2 E(H)",
            "eV",
            [far, atom],
            lambda: far.energy - 2 * atom.energy,
            limit=(-_CHEMICAL, _CHEMICAL),
            reference=0.0,
        )
    )
    shown = {"exact": tables.h2_ev(distances)}
    split, teachers = _teacher_split(distances, energies, predictions, level_of_theory)
    shown.update(teachers)
    curve = grading.Curve(SECTION, "H2", note, distances, energies, shown)
    cation = _cation(model, conditioning, atom)
    gap = _triplet(model, conditioning)
    return grading.Part([*findings, *cation.findings, *gap.findings, *split], [curve, *cation.curves, *gap.curves])


def _zero(atoms: list[Prediction], far: Prediction, names: str) -> tuple[float, str]:
    """Energy of the separated atoms: the model's own atoms, or else the pair 20 angstrom apart."""
    if all(one.status == models.OK for one in atoms):
        return float(sum(one.energy for one in atoms)), "own atoms"
    return far.energy, f"{names} alone is refused: measured from 20 Å"


def _curve_checks(
    system: str,
    distances: np.ndarray,
    energies: np.ndarray,
    predictions: list[Prediction],
    exact: np.ndarray,
    note: str,
) -> list[grading.Finding]:
    """Errors by region, spread of the error, and the three constants."""
    place = (SECTION, system)
    error = energies - exact
    remark = "" if note == "own atoms" else note
    findings = []
    for name, mask in curves.regions(jnp.asarray(distances))._asdict().items():
        mask = np.asarray(mask)
        findings.append(
            grading.measure(
                place,
                f"{name}: mean absolute error",
                "eV",
                grading.chosen(predictions, mask),
                functools.partial(grading.mean_size, error[mask]),
                limit=(0.0, _REGION_LIMITS[name]),
                reason=remark,
            )
        )
    findings.append(
        grading.measure(
            place, "largest minus smallest error", "eV", predictions, lambda: float(np.ptp(error)), reason=remark
        )
    )
    return findings + bond_constants.check(
        place,
        distances,
        energies,
        predictions,
        PROTON_DALTON / 2,
        tables.EXACT_CONSTANTS[system],
        _TOLERANCES,
        length_symbol="R_e",
        remark=remark,
    )


def _cation(model: Model, conditioning: Conditioning, atom: Prediction) -> grading.Part:
    """H2+, one electron and two protons: exact, and a test of self-interaction far out."""
    if conditioning.charge:
        finding = grading.without_number(
            (SECTION, "H2+"), "curve against exact", "eV", grading.NOT_CONDITIONED, conditioning.charge
        )
        return grading.Part([finding], [])
    distances = CATION_DISTANCES
    predictions = model.predict([models.dimer(1, 1, distance, 1, 2) for distance in distances])
    far, proton = model.predict([models.dimer(1, 1, FAR_ANGSTROM, 1, 2), models.atom(1, 1, 1)])
    zero, note = _zero([atom, proton], far, "H or its nucleus")
    energies = grading.energies(predictions) - zero
    exact = tables.h2_cation_ev(distances)
    findings = _curve_checks("H2+", distances, energies, predictions, exact, note)
    tail = float(tables.h2_cation_ev(np.array([FAR_ANGSTROM]))[0])
    findings.append(
        grading.measure(
            (SECTION, "H2+"),
            "size consistency: E(20 Å) minus E(H) minus E(H+)",
            "eV",
            [far, atom, proton],
            lambda: far.energy - atom.energy - proton.energy,
            limit=grading.around(tail, _CHEMICAL),
            reference=tail,
        )
    )
    return grading.Part(findings, [grading.Curve(SECTION, "H2+", note, distances, energies, {"exact": exact})])


def _triplet(model: Model, conditioning: Conditioning) -> grading.Part:
    """Gap from singlet to lowest triplet of H2, which falls from 10 eV to nothing as the bond is stretched."""
    place = (SECTION, "H2 triplet")
    checks = ("singlet-triplet gap: mean absolute error", "singlet-triplet gap at 8 Å")
    if conditioning.spin:
        unconditioned = grading.NOT_CONDITIONED
        return grading.Part(
            [grading.without_number(place, check, "eV", unconditioned, conditioning.spin) for check in checks], []
        )
    distances = TRIPLET_DISTANCES
    singlet = model.predict([models.dimer(1, 1, distance, 0, 1) for distance in distances])
    triplet = model.predict([models.dimer(1, 1, distance, 0, 3) for distance in distances])
    gap = grading.energies(triplet) - grading.energies(singlet)
    shipped = tables.shipped("H2 triplet", TRIPLET_LABEL)[0]
    exact = tables.resample(shipped, distances) - tables.h2_ev(distances)
    findings = [
        grading.measure(
            place,
            checks[0],
            "eV",
            [*singlet, *triplet],
            lambda: grading.mean_size(gap - exact),
            limit=(0.0, 2 * _CHEMICAL),
            reason=f"the triplet's reference is {shipped.label}",
        ),
        grading.measure(
            place,
            checks[1],
            "eV",
            [singlet[-1], triplet[-1]],
            lambda: float(gap[-1]),
            limit=(-_CHEMICAL, _CHEMICAL),
            reference=0.0,
        ),
    ]
    curve = grading.Curve(SECTION, "H2 triplet minus singlet", "no zero needed", distances, gap, {shipped.label: exact})
    return grading.Part(findings, [curve])


def _teacher_split(
    distances: np.ndarray, energies: np.ndarray, predictions: list[Prediction], level_of_theory: str
) -> tuple[list[grading.Finding], dict[str, np.ndarray]]:
    """Errors of H2 against the model's own level of theory on both branches, and of those against the exact curve."""
    place = (TEACHER_SECTION, "H2")
    found = tables.shipped("H2", level_of_theory + ",") if level_of_theory else []
    exact = tables.h2_ev(distances)
    findings, shown = list[grading.Finding](), dict[str, np.ndarray]()
    own = grading.measure(place, "model against exact", "eV", predictions, lambda: grading.mean_size(energies - exact))
    for teacher in found:
        curve = tables.resample(teacher, distances)
        inside = np.isfinite(curve)
        shown[teacher.label] = curve
        findings += [
            grading.measure(
                place,
                f"model against {teacher.label}",
                "eV",
                predictions,
                functools.partial(grading.mean_size, (energies - curve)[inside]),
            ),
            grading.measure(
                place,
                f"{teacher.label} against exact",
                "eV",
                [],
                functools.partial(grading.mean_size, (exact - curve)[inside]),
            ),
        ]
    return (
        [own, *findings] if found else [own._replace(reason="its level of theory is not shipped as a curve")]
    ), shown
