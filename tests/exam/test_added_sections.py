"""Compression, smoothness, ions, separation and bonds: the exact calculators pass, each made-up fault is caught."""

import numpy as np
import pytest
from exam_local import Local

from h2scale import elements, units
from h2scale.exam import models, registry
from h2scale.exam.conditioning_checks import Conditioning
from h2scale.exam.references import measured
from h2scale.exam.sections import bonds, compression, ions, separation, smoothness

CONDITIONED = Conditioning("", "")
UNCONDITIONED = Conditioning("no charge", "no spin")
SECTIONS = (compression, smoothness, ions, separation, bonds)


def screened(query, distance):
    """Nuclei behind electrons: smooth, and repulsive at every distance."""
    first, second = query.numbers[:2]
    return units.COULOMB_EV_ANGSTROM * first * second / distance * np.exp(-2 * distance)


def measured_energies():
    """By query: energies that have the measured differences and add up at a distance; neutral atoms have none."""
    known = {}
    for name in elements.ATOMIC_NUMBERS:
        if elements.ATOMIC_NUMBERS[name] < 18:
            known[measured.species(name).query()] = 0.0
    for one in measured.ions():
        known.setdefault(one.neutral, 0.0)
        known[one.ion] = one.energy_ev if one.change == "ionization" else -one.energy_ev
    whole = {one.name: measured.species(one.molecule).query() for one in measured.bonds()}
    for one in sorted(measured.bonds(), key=lambda one: one.name == "H–C2H5"):
        first, second = (measured.species(name).query() for name in (one.first, one.second))
        if whole[one.name] in known:  # ethane, whose other bond comes first
            known[first] = known[whole[one.name]] + one.energy_ev - known[second]
        else:
            known[whole[one.name]] = known.setdefault(first, 0.0) + known.setdefault(second, 0.0) - one.energy_ev
    for pair in separation.PAIRS:
        both, first, second = separation.queries(pair)
        for query in (first, second):
            alone = query._replace(positions=tuple((x, y, z - 50.0 * (query is second)) for x, y, z in query.positions))
            known.setdefault(query, known.get(alone, 3.0))
        tail = units.COULOMB_EV_ANGSTROM * first.charge * second.charge / separation.DISTANCE_ANGSTROM
        known[both] = known[first] + known[second] + tail
    return known


class Truth:
    """A model without fault, and with one where a function changes what it says.

    Args:
        energy: of query, distance of the first two atoms (0 for one atom) and energy, the energy to give.
        force: of query and distance, what is added to the force that pushes the first two atoms apart.
    """

    failure = ""
    environment = {}  # noqa: RUF012
    KNOWN = measured_energies()

    def __init__(self, energy=lambda query, distance, value: value, force=lambda query, distance: 0.0):
        self.changed, self.push = energy, force

    def predict(self, queries, *, reuse=False):
        del reuse
        return [self.predict_one(query) for query in queries]

    def predict_one(self, query):
        positions, forces = np.array(query.positions), np.zeros((len(query.numbers), 3))
        bond = positions[min(1, len(positions) - 1)] - positions[0]
        distance = float(np.linalg.norm(bond))
        if query in self.KNOWN:
            energy = self.changed(query, distance, self.KNOWN[query])
            if len(positions) > 1:
                forces[0, 0] = self.push(query, distance)
            return models.Prediction(energy, forces, "ok", "")
        step = 1e-6 * distance
        around = [self.changed(query, r, screened(query, r)) for r in (distance - step, distance, distance + step)]
        push = (around[0] - around[2]) / (2 * step) + self.push(query, distance)
        forces[1] = push * bond / distance
        forces[0] = -forces[1]
        return models.Prediction(around[1], forces, "ok", "")


def perfect(name):
    return Local(registry.find(name, registry.load(), charge="", spin="", python=""))


def statuses(part):
    return {(one.system, one.check): one.status for one in part.findings}


@pytest.mark.parametrize(
    ("section", "systems"),
    [
        (compression, {"HH"}),
        (smoothness, {"H2", "H2+"}),
        (ions, {"H", "H2"}),
        (separation, {"H … H", "H … H+", "H+ … H+"}),
        (bonds, {"H–H"}),
    ],
)
def test_exact_calculator_passes_what_it_answers_and_refuses_the_rest(section, systems):
    part = section.examine(perfect("exact"), CONDITIONED)
    passed = {one.system for one in part.findings if one.status == "pass"}
    assert passed == systems
    assert {one.status for one in part.findings} <= {"pass", "refused"}
    for one in part.findings:
        assert one.status == "pass" or one.reason, one


@pytest.mark.parametrize("section", SECTIONS)
def test_model_without_fault_passes_every_check(section):
    part = section.examine(Truth(), CONDITIONED)
    assert [one for one in part.findings if one.status != "pass"] == []


def failures(section, **fault):
    part = section.examine(Truth(**fault), CONDITIONED)
    assert {one.status for one in part.findings} <= {"pass", "fail"}
    return {(one.system, one.check) for one in part.findings if one.status == "fail"}


def hole(query, distance, value):
    """Carbon and oxygen attract each other below 0.1 angstrom."""
    return value - 2e6 * max(0.0, 0.1 - distance) if query.numbers == (6, 8) else value


def test_hole_behind_the_wall_is_caught_where_it_is():
    found = failures(compression, energy=hole)
    assert ("CO", compression.ENERGY_CHECK) in found
    assert {system for system, _ in found} == {"CO"}


def test_repulsion_that_ends_in_a_plateau_is_caught():
    def flat(query, distance, value):
        return value if not 0 < distance < 0.08 else screened(query, 0.08) + 1e-3 * (0.08 - distance)

    found = failures(compression, energy=flat)
    assert {check for _, check in found} == {compression.FORCE_CHECK, compression.END_CHECK}  # the energy still rises
    assert len({system for system, _ in found}) == len(compression.PAIRS) == 17


def test_pairs_are_pressed_over_the_published_range():
    assert len(compression.DISTANCES) == 30
    np.testing.assert_allclose(compression.DISTANCES[[0, -1]], [0.03, 0.30])
    assert len(set(compression.PAIRS)) == 17


@pytest.mark.parametrize("place", [1.234, 2.5, 5.0001])
@pytest.mark.parametrize("size", [0.005, 0.1])
def test_jump_of_the_energy_is_caught_and_measured(place, size):
    def jump(query, distance, value):
        return value + size * (distance > place)

    part = smoothness.examine(Truth(energy=jump), CONDITIONED)
    found = {(one.system, one.check): one for one in part.findings}
    one = found["N2", smoothness.JUMP_CHECK]
    assert one.status == "fail"
    assert one.value == pytest.approx(size, rel=0.1)


@pytest.mark.parametrize("size", [0.1, 1.0])
def test_kink_is_caught_and_measured(size):
    def kink(query, distance, value):
        return value + size * max(0.0, 3.0 - distance)

    part = smoothness.examine(Truth(energy=kink), CONDITIONED)
    found = {(one.system, one.check): one for one in part.findings}
    one = found["H2O, one O–H", smoothness.KINK_CHECK]
    assert one.status == "fail"
    assert one.value == pytest.approx(size, rel=0.5)
    # Within one fine step the slope that has changed makes half of size times step.
    assert found["H2O, one O–H", smoothness.JUMP_CHECK].value < 0.003 * size


def test_jump_of_the_force_alone_is_caught():
    found = failures(smoothness, force=lambda query, distance: 0.3 * (distance > 4.0))
    assert {check for _, check in found} == {smoothness.FORCE_CHECK}
    assert len(found) == 4


def test_cutoff_with_an_envelope_is_smooth_and_one_without_is_not():
    def envelope(query, distance, value):
        x = min(distance / 5.0, 1.0)
        return value + 0.5 * (1 - 10 * x**3 + 15 * x**4 - 6 * x**5)

    assert not failures(smoothness, energy=envelope)
    assert failures(smoothness, energy=lambda query, distance, value: value + 0.01 * (distance < 5.0))


def test_scan_that_is_refused_far_out_is_judged_by_the_rest():
    class Refuses(Truth):
        def predict_one(self, query):
            refused = models.Prediction(np.nan, None, "refused", "too far")
            far = np.linalg.norm(np.array(query.positions[1]) - query.positions[0]) > self.farthest
            return refused if far else super().predict_one(query)

    model = Refuses()
    for farthest, status in ((6.0, "pass"), (1.0, "fail")):
        model.farthest = farthest
        found = [one for one in smoothness.examine(model, CONDITIONED).findings if one.system == "N2"]
        assert {one.status for one in found} == {status}
        assert all(("distances have no energy" if status == "pass" else "fewer than 6") in one.reason for one in found)


def test_ions_from_a_table_of_another_level_are_caught_one_by_one():
    def wrong(query, distance, value):
        return value + 0.5 * (query.charge == -1 and query.numbers == (9,)) + 0.4 * (query.charge == 1 and distance > 0)

    found = failures(ions, energy=wrong)
    assert ("F", "electron affinity") in found
    assert ("NO", "ionization energy") in found
    assert not any(system in ("Li", "C", "Cl") for system, _ in found)


def test_lost_sign_of_the_charge_is_caught_by_every_ion():
    found = failures(ions, energy=lambda query, distance, value: -value if query.charge else value)
    assert len(found) == len(measured.ions())


def test_ions_are_not_scored_without_charge():
    part = ions.examine(Truth(), UNCONDITIONED)
    assert {one.status for one in part.findings} == {"not conditioned"}
    assert len(part.findings) == len(measured.ions())


@pytest.mark.parametrize(
    ("energy", "systems"),
    [
        # All atoms attend to all: the more there are, the less each has.
        (lambda query, distance, value: value + 0.05 * len(query.numbers) ** 2, None),
        # The charge is divided among the atoms, wherever they are; two protons have one each either way.
        (lambda query, distance, value: value - 2.0 * query.charge**2 / len(query.numbers), "charged"),
        # No charge is felt beyond a cutoff.
        (lambda query, distance, value: value - 0.28799 * (query.charge == 2 and distance > 49), "H+ … H+"),
    ],
)
def test_broken_size_consistency_is_caught(energy, systems):
    found = {system for system, check in failures(separation, energy=energy) if check == separation.ENERGY_CHECK}
    charged = {pair.name for pair in separation.PAIRS if pair.first_charge or pair.second_charge}
    everything = {pair.name for pair in separation.PAIRS}
    assert found == {None: everything, "charged": charged - {"H+ … H+"}, "H+ … H+": {"H+ … H+"}}[systems]


def test_force_of_a_molecule_far_away_is_caught():
    found = failures(separation, force=lambda query, distance: 0.1 * (len(query.numbers) > 5))
    assert {check for _, check in found} == {separation.FORCE_CHECK}
    assert {system for system, _ in found} == {"H2O … CH4", "NH3 … HF", "N2 … C2H4", "F− … CH4"}


@pytest.mark.parametrize(("pull", "caught"), [(lambda place: 3.0 * (place == 0), False), (lambda place: 1.5, True)])
def test_either_of_two_molecules_of_one_shape_may_have_the_charge(pull, caught):
    """H2+ pulls at its bond wherever it is; a charge that both have half of pulls at both."""

    class Placed(Truth):
        def predict_one(self, query):
            prediction = super().predict_one(query)
            if query.charge == 1 and set(query.numbers) == {1} and len(query.numbers) % 2 == 0 and near(query):
                for place in range(0, len(query.numbers), 2):
                    force = 3.0 if len(query.numbers) == 2 else pull(place)
                    prediction.forces[place : place + 2, 2] = force, -force
            return prediction

    def near(query):
        return np.ptp(np.array(query.positions)[:2, 2]) < 5

    part = separation.examine(Placed(), CONDITIONED)
    failed = {(one.system, one.check) for one in part.findings if one.status == "fail"}
    assert failed == ({("H2 … H2+", separation.FORCE_CHECK)} if caught else set())


def test_neutral_pairs_alone_are_scored_without_charge():
    by_system = {one.system: one.status for one in separation.examine(Truth(), UNCONDITIONED).findings}
    assert by_system["H2O … CH4"] == "pass"
    assert by_system["Li+ … H2O"] == "not conditioned"


def test_bond_that_is_a_zero_point_energy_too_weak_is_caught():
    def without(query, distance, value):
        return value + 0.4 if query == measured.species("CH4").query() else value

    assert failures(bonds, energy=without) == {("H–CH3", "D_e")}


def test_bonds_in_another_unit_are_all_caught():
    found = failures(bonds, energy=lambda query, distance, value: value / units.HARTREE_EV)
    assert len(found) == len(measured.bonds()) == 14


def test_tables_balance_atoms_and_electrons():
    for one in measured.bonds():
        parts = [measured.species(name) for name in (one.first, one.second)]
        whole = measured.species(one.molecule)
        assert sorted(whole.numbers) == sorted(parts[0].numbers + parts[1].numbers), one.name
        for species in (*parts, whole):
            assert (sum(species.numbers) - species.spin) % 2 == 1, species.name
        assert whole.spin == 1
    for one in measured.ions():
        for query in (one.neutral, one.ion):
            assert (sum(query.numbers) - query.charge - query.spin) % 2 == 1, one
        assert abs(one.neutral.spin - one.ion.spin) == 1, one
    for pair in separation.PAIRS:
        assert abs(pair.first_spin - pair.second_spin) < pair.spin < pair.first_spin + pair.second_spin
