"""Perfect calculators pass every limit that applies to them, and spoiled ones fail where they are spoiled."""

import jax
import numpy as np
import pytest
from exam_local import Local, made_up

from h2scale import elements, units
from h2scale.exam import grading, models, registry
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.references import diatomic_systems, tables
from h2scale.exam.sections import curve_shape, diatomics, hydrogen, nuclei
from h2scale.physics import curves, exact

CONDITIONED = Conditioning("", "")
UNCONDITIONED = Conditioning("no charge", "no spin")


class Formula:
    """A model given by a function of distance, charge and spin for dimers; every single atom has the same energy."""

    failure = ""
    environment = {}  # noqa: RUF012

    def __init__(self, energy, atoms=0.0):
        self.energy, self.atoms = energy, atoms

    def predict(self, queries, *, reuse=False):
        del reuse
        return [self.predict_one(query) for query in queries]

    def predict_one(self, query):
        positions = np.array(query.positions)
        if len(positions) == 1:
            refused = models.Prediction(np.nan, None, "refused", "no single atoms")
            return refused if self.atoms is None else models.Prediction(self.atoms, np.zeros((1, 3)), "ok", "")
        distance = np.linalg.norm(positions[1] - positions[0])
        slope = (self.energy(distance + 1e-5, query) - self.energy(distance - 1e-5, query)) / 2e-5
        push = slope * (positions[1] - positions[0]) / distance
        forces = np.zeros_like(positions)
        forces[0], forces[1] = push, -push
        return models.Prediction(self.energy(distance, query), forces, "ok", "")


def coulomb(distance, query):
    return float(nuclei.coulomb_ev(query.numbers, distance))


def by_check(part):
    return {(one.system, one.check): one for one in part.findings}


def perfect(name):
    return Local(registry.find(name, registry.load(), charge="", spin="", python=""))


def test_exact_coulomb_calculator_passes_every_check_of_nuclei():
    part = nuclei.examine(perfect("exact-coulomb"), CONDITIONED)
    assert {one.status for one in part.findings} == {"pass"}
    assert len(part.findings) == 6 * 6 + 3 * 3
    for curve in part.curves:
        np.testing.assert_allclose(curve.energies, next(iter(curve.references.values())), rtol=1e-12)


def test_nuclei_that_stop_repelling_at_a_cutoff_fail_beyond_it_alone():
    def cut(distance, query):
        return coulomb(distance, query) if distance < 6 else 0.0

    found = by_check(nuclei.examine(Formula(cut), CONDITIONED))
    ratio = "R E / (Z Z 14.4 eV Å), "
    assert found["H+ H+", ratio + "below 0.62 Å"].status == "pass"
    assert found["H+ H+", ratio + "0.62 to 6 Å"].status == "pass"
    assert found["H+ H+", ratio + "beyond 6 Å"].value == 0.0
    assert found["H+ H+", "slope of log E beyond 6 Å"].status == "fail"


def test_zero_is_fitted_and_marked_where_an_isolated_nucleus_is_refused():
    found = by_check(nuclei.examine(Formula(lambda r, query: coulomb(r, query) + 7.0, atoms=None), CONDITIONED))
    one = found["H+ Li3+", "R E / (Z Z 14.4 eV Å), 0.62 to 6 Å"]
    assert one.status == "pass"
    assert "fitted" in one.reason


def test_screened_nuclei_fail_by_force_too():
    found = by_check(nuclei.examine(Formula(lambda r, query: coulomb(r, query) * np.exp(-r)), CONDITIONED))
    assert found["H+ H+", "force against Coulomb's"].status == "fail"
    assert found["H+ H+", "forces are minus the gradient"].status == "pass"


def test_unconditioned_model_gets_no_query_about_nuclei():
    local = Local(made_up("Honest"))
    part = nuclei.examine(local, UNCONDITIONED)
    assert {one.status for one in part.findings} == {"not conditioned"}
    assert {one.value for one in part.findings} == {None}
    assert not local.queries


def test_exact_calculator_passes_hydrogen_and_refuses_the_triplet():
    part = hydrogen.examine(perfect("exact"), CONDITIONED, "exact")
    for one in part.findings:
        expected = "refused" if one.system == "H2 triplet" else "measured" if one.low is None else "pass"
        assert one.status == expected, one
    found = by_check(part)
    assert found["H2", "D_e"].value == pytest.approx(4.747732, abs=1e-6)
    assert found["H2+", "R_e"].value == pytest.approx(1.056869, abs=1e-6)


def test_curve_of_another_level_fails_the_exact_curve_and_passes_its_own():
    label = "PBE0/def2-SVP"
    shipped = tables.shipped("H2", f"{label}, unrestricted")[0]

    def energy(distance, query):
        inside = np.clip(distance, shipped.distances[0], shipped.distances[-1])
        return float(tables.resample(shipped, inside)) if query.charge == 0 else 0.0

    found = by_check(hydrogen.examine(Formula(energy), CONDITIONED, label))
    assert found["H2", f"model against {label}, unrestricted"].value < 1e-9
    assert found["H2", "model against exact"].value > 0.1
    assert found["H2", f"{label}, unrestricted against exact"].value == pytest.approx(
        found["H2", "model against exact"].value, abs=1e-9
    )
    assert found["H2", f"model against {label}, restricted"].value > 0.1
    assert found["H2", "well: mean absolute error"].status == "fail"


def test_curve_without_a_minimum_fails_its_constants_with_a_reason():
    found = by_check(hydrogen.examine(Formula(lambda r, query: 1 / r), CONDITIONED, ""))
    assert found["H2", "D_e"].status == "fail"
    assert found["H2", "D_e"].reason == "the curve has no inner minimum"


def test_partial_curve_scores_the_regions_it_has():
    found = by_check(hydrogen.examine(Local(made_up("RaisesNear")), CONDITIONED, ""))
    assert found["H2", "wall: mean absolute error"].status == "refused"
    assert "RuntimeError: atoms too close" in found["H2", "wall: mean absolute error"].reason
    assert found["H2", "tail: mean absolute error"].status == "pass"
    assert found["H2", "R_e"].value == pytest.approx(0.74144, abs=1e-4)
    assert found["H2", "R_e"].reason.endswith("of 128 distances have no energy")


def test_constants_need_the_predictions_around_the_minimum_alone():
    ok, lost = models.Prediction(0.0, None, "ok", ""), models.Prediction(np.nan, None, "refused", "no")
    predictions = [lost, *[ok._replace(energy=float(abs(k - 3))) for k in range(8)], lost, ok._replace(energy=5.0)]
    assert grading.around_minimum(predictions) == (slice(1, 9), "2 of 11 distances have no energy")
    assert grading.around_minimum([lost, lost]) == (slice(0, 2), "")
    assert grading.around_minimum([*predictions, ok._replace(energy=np.nan, status="error")]) == (slice(0, 12), "")
    assert grading.around_minimum(predictions[1:9]) == (slice(0, 8), "")
    with pytest.raises(ValueError, match="5 points in a row are too few"):
        curve_shape.constants(np.arange(1.0, 6.0), np.arange(5.0), 1.0)


def test_size_consistency_is_against_the_models_own_atoms():
    found = by_check(hydrogen.examine(Formula(lambda r, query: -13.0, atoms=-6.0), CONDITIONED, ""))
    one = found["H2", "size consistency: E(20 Å) minus 2 E(H)"]
    assert (one.value, one.status) == (-1.0, "fail")


def test_unknown_element_is_refused_and_the_others_go_on():
    systems = tuple(one for one in diatomic_systems.SYSTEMS if one.name in ("H2", "LiH"))
    found = by_check(diatomics.examine(Local(made_up("RaisesNear")), CONDITIONED, systems=systems))
    assert found["LiH", "D_e"].status == "refused"
    assert "KeyError" in found["LiH", "D_e"].reason
    assert found["H2", "r_e"].value == pytest.approx(0.7414, abs=1e-3)


def test_every_molecule_has_a_computed_curve():
    without = [one.name for one in diatomic_systems.SYSTEMS if not tables.shipped(one.name)]
    assert not without
    systems = tuple(one for one in diatomic_systems.SYSTEMS if one.name == "HCl")
    found = by_check(diatomics.examine(Local(made_up("Honest")), CONDITIONED, systems=systems))
    assert found["HCl", "r_e"].reason == ""
    assert found["HCl", "r_e"].reference == 1.27455
    assert ("HCl", "curve against UCCSD(T)/cc-pVDZ: mean absolute error") in found
    # A double-zeta basis makes bonds 0.02 angstrom long and 0.4 eV weak.
    (curve,) = tables.shipped("HCl")
    distances = np.linspace(1.1, 1.6, 41)
    mass = 1.008 * 35.45 / 36.458
    computed = curve_shape.constants(distances, tables.resample(curve, distances), mass)
    measured = tables.measured_constants()["HCl"]
    assert computed.bond_length_angstrom == pytest.approx(measured.bond_length_angstrom, abs=0.03)
    assert 0 < measured.depth_ev + computed.energy_ev < 0.5


def test_measured_constants_stand_alone_where_no_curve_is_shipped(monkeypatch):
    monkeypatch.setattr(tables, "shipped", lambda *_: ())
    systems = tuple(one for one in diatomic_systems.SYSTEMS if one.name == "HCl")
    found = by_check(diatomics.examine(Local(made_up("Honest")), CONDITIONED, systems=systems))
    assert found["HCl", "r_e"].reason == "no computed curve of this molecule is shipped: measured constants alone"


def test_model_levels_of_theory_are_shipped_on_both_branches():
    for level in ("HF/def2-SVP", "PBE0/def2-SVP", "PBE/def2-TZVPD", "PBE0/def2-TZVPD", "ωB97M-V/def2-TZVPD"):
        labels = {curve.label for curve in tables.shipped("H2", level + ",")}
        assert labels == {f"{level}, unrestricted", f"{level}, restricted"}


def test_every_level_that_the_registry_names_for_h2_is_shipped():
    without = set()
    for entry in registry.load().values():
        level = entry.facts.get("closest_level") or entry.facts["level_of_theory"]
        if not tables.shipped("H2", level + ","):
            without.add(level)
    # Their own level is what they are; remedies' labels stand in a basis for which no curve ships.
    assert without == {"exact", "GFN1-xTB", "GFN2-xTB", "CCSD(T)/cc-pVDZ"}


def test_ground_states_can_be_made_of_the_ground_state_atoms():
    for system in diatomic_systems.SYSTEMS:
        parts = diatomic_systems.fragments(system)
        spins = [spin for _, _, spin in parts]
        assert abs(spins[0] - spins[1]) < system.spin < sum(spins), system
        electrons = sum(elements.ATOMIC_NUMBERS[symbol] - charge for symbol, charge, _ in parts)
        assert sum(charge for _, charge, _ in parts) == system.charge
        assert (electrons - system.spin) % 2 == 1


def test_shipped_curves_have_minima_where_the_molecules_have():
    for system in diatomic_systems.SYSTEMS:
        for curve in tables.shipped(system.name):
            if system.name == "H2" and "restricted" not in curve.label:
                continue
            lowest = curve.distances[np.argmin(curve.energies)]
            assert abs(lowest / system.typical_angstrom - 1) < 0.15, (system.name, curve.label, lowest)
            assert curve.energies[-1] > curve.energies.min()
            if curve.label.startswith("UCCSD(T)"):
                assert (curve.energies[np.argmin(curve.energies) :] <= 0).all(), (system.name, curve.label)


def test_resampled_reference_keeps_its_points_and_has_no_outside():
    curve = tables.shipped("H2", "PBE0/def2-SVP, unrestricted")[0]
    np.testing.assert_allclose(tables.resample(curve, curve.distances), curve.energies, atol=1e-12)
    assert np.isnan(tables.resample(curve, np.array([0.1, 100.0]))).all()


def test_resampling_errs_by_millielectronvolts():
    """The spline through every other shipped point misses those between; with all points it errs 16 times less."""
    curve = tables.shipped("H2", "PBE0/def2-SVP, unrestricted")[0]
    half = curve._replace(distances=curve.distances[::2], energies=curve.energies[::2])
    inside = (curve.distances > 0.5) & (curve.distances < half.distances[-1])
    error = tables.resample(half, curve.distances)[inside] - curve.energies[inside]
    assert np.abs(error).max() < 0.03


@pytest.mark.parametrize(
    ("system", "curve", "start", "limit"),
    [("H2", exact.h2_ground_state, 1.4, -1.0), ("H2+", exact.h2_cation, 2.0, -0.5)],
)
def test_shipped_exact_constants_are_those_of_the_exact_curves(system, curve, start, limit):
    found = exact.spectroscopy(jax.jit(curve), start_bohr=start, limit_hartree=limit)
    known = tables.EXACT_CONSTANTS[system]
    assert known.bond_length_angstrom == pytest.approx(found.bond_length_bohr * units.BOHR_ANGSTROM, abs=1e-9)
    assert known.depth_ev == pytest.approx(found.well_depth_hartree * units.HARTREE_EV, abs=1e-9)
    assert known.omega_e_per_cm == pytest.approx(found.omega_e_per_cm, abs=1e-4)


def test_constants_of_the_exact_curve_from_samples():
    distances = curves.H2_TEST_DISTANCES_ANGSTROM
    found = curve_shape.constants(distances, tables.h2_ev(distances), hydrogen.PROTON_DALTON / 2)
    known = tables.EXACT_CONSTANTS["H2"]
    assert found.bond_length_angstrom == pytest.approx(known.bond_length_angstrom, abs=1e-6)
    assert -found.energy_ev == pytest.approx(known.depth_ev, abs=1e-7)
    assert found.omega_e_per_cm == pytest.approx(known.omega_e_per_cm, rel=1e-5)


def test_missing_predictions_give_the_worst_reason_and_never_a_number():
    good = models.Prediction(1.0, None, "ok", "")
    refused = models.Prediction(np.nan, None, "refused", "no")
    error = models.Prediction(np.nan, None, "error", "the energy is nan")
    one = grading.measure(("a", "b"), "c", "eV", [good, refused, error], lambda: 1.0, limit=(0, 2))
    assert (one.status, one.value) == ("error", None)
    assert one.reason == "2 of 3 structures: the energy is nan"
