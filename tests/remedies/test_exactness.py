"""Every rung is exact for what it claims by construction, whatever its parameters; and controls that are not."""

import numpy as np
import pytest
from remedy_cases import BASIS, remedy, stored

from h2scale import units
from h2scale.remedies import bases
from h2scale.remedies.remedy import Remedy

H2 = ((1, 1), np.array([[0.0, 0, 0], [0, 0, 0.9]]))
WATER = ((8, 1, 1), np.array([[0.0, 0, 0], [0, 0.76, 0.59], [0, -0.76, 0.59]]))
FAR = np.array([0.0, 0.0, 60.0])
FEW = {  # numbers of electrons: atomic numbers, positions, charge, multiplicity
    "no electron": ((1, 1), H2[1], 2, 1),
    "one electron": ((1, 1), H2[1], 1, 2),
    "two electrons": ((1, 1), H2[1], 0, 1),
    "two electrons on three nuclei": ((1, 1, 1), np.array([[0.0, 0, 0], [0, 0, 0.9], [0, 0.8, 0.4]]), 1, 1),
    "two parallel electrons": ((1, 1), H2[1], 0, 3),
}
PAIRS = ("pairs", "pairs-dc", "pairs-dc-ap")
EXACT = {
    **dict.fromkeys(PAIRS, tuple(FEW)),
    "delta-uhf": ("no electron", "one electron", "two parallel electrons"),
    "delta-pbe0": ("no electron", "one electron"),
    "practical": tuple(FEW),
    "delta-gfn2": ("no electron",),
    "functional": ("no electron", "one electron"),
}
ADDS = ("delta-gfn2", "delta-uhf", "delta-pbe0", "practical", "functional")
"""Rungs that add over neutral fragments."""
TOLERANCE_EV = {
    "delta-gfn2": 2e-4,  # at 300 K a field of 1e-8 moves electrons between orbitals of the same energy
    "functional": 3e-4,  # the grid's points do not turn with a molecule
}


def learned_part(model: Remedy, numbers, positions, charge, multiplicity):
    solved = bases.solve(model.description.base, numbers, positions, charge, multiplicity, model.basis)
    return model.correction(solved.inputs, solved.amounts)


@pytest.mark.parametrize(("rung", "case"), [(rung, case) for rung, cases in EXACT.items() for case in cases])
def test_nothing_is_added_where_nothing_is_left_to_learn(rung, case):
    assert abs(learned_part(remedy(rung), *FEW[case])) < 1e-6


@pytest.mark.parametrize(("rung", "case"), [("delta-uhf", "two electrons"), ("delta-pbe0", "two electrons")])
def test_control_is_not_exact_for_what_it_does_not_claim(rung, case):
    assert abs(learned_part(remedy(rung), *FEW[case])) > 1e-3


@pytest.mark.parametrize("rung", EXACT)
def test_something_is_added_to_water(rung):
    assert abs(learned_part(remedy(rung), *WATER, 0, 1)) > 1e-3


def test_two_protons_repel_as_coulomb_says():
    model = remedy("pairs")
    near = model.energy(*H2, charge=2)
    far = model.energy(H2[0], H2[1] * 5, charge=2)
    assert near - far == pytest.approx(units.COULOMB_EV_ANGSTROM * (1 / 0.9 - 1 / 4.5), abs=1e-9)


APART = {  # two fragments: numbers, positions, charge, multiplicity of each; multiplicity of both together
    "two H2": ((*H2, 0, 1), (H2[0], H2[1] * 1.4, 0, 1), 1),
    "H2 and a proton": ((*H2, 0, 1), ((1,), np.zeros((1, 3)), 1, 1), 1),
    "two radicals": (((8, 1), np.array([[0.0, 0, 0], [0, 0, 0.97]]), 0, 2), ((6,), np.zeros((1, 3)), 0, 3), 4),
}


def together(first, second, shift):
    numbers = first[0] + second[0]
    return numbers, np.concatenate([first[1], second[1] + shift]), first[2] + second[2]


@pytest.mark.parametrize(
    ("rung", "case"),
    [(rung, case) for rung in PAIRS for case in APART]
    + [(rung, case) for rung in ADDS for case in ("two H2", "two radicals")],
)
def test_fragments_far_apart_add(rung, case):
    first, second, multiplicity = APART[case]
    model = remedy(rung)
    numbers, positions, charge = together(first, second, FAR)
    whole = model.energy(numbers, positions, charge, multiplicity)
    assert whole == pytest.approx(model.energy(*first) + model.energy(*second), abs=TOLERANCE_EV.get(rung, 2e-5))


def test_control_of_a_functional_that_spreads_the_charge_does_not_add():
    """PBE0 puts part of H2's electrons on a proton 60 angstrom away, which lowers its energy by 1 eV."""
    first, second, multiplicity = APART["H2 and a proton"]
    numbers, positions, charge = together(first, second, FAR)
    whole = bases.solve("pbe0", numbers, positions, charge, multiplicity, BASIS).energy_hartree
    parts = [bases.solve("pbe0", *part, BASIS).energy_hartree for part in (first, second)]
    assert whole < sum(parts) + 1e-5


def test_control_of_a_mean_over_the_molecule_does_not_add():
    """A factor of the mean input, as one number per molecule would be, is felt by a fragment far away."""
    model = remedy("pairs")
    first, second = (*WATER, 0, 1), ((6, 1, 1, 1, 1), 1.1 * np.array(METHANE), 0, 1)

    def mean_factor(*what):
        solved = bases.solve("uccsd", *what, BASIS)
        inputs = np.broadcast_to(solved.inputs.mean(axis=0), solved.inputs.shape)
        return model.correction(inputs, solved.amounts)

    numbers, positions, charge = together(first, second, FAR)
    assert abs(mean_factor(numbers, positions, charge, 1) - mean_factor(*first) - mean_factor(*second)) > 1e-4


METHANE = [[0, 0, 0], [0.63, 0.63, 0.63], [-0.63, -0.63, 0.63], [-0.63, 0.63, -0.63], [0.63, -0.63, -0.63]]


@pytest.mark.parametrize("rung", EXACT)
def test_energy_ignores_rotation_and_order_of_atoms(rung):
    model = remedy(rung)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    energy = model.energy(*WATER)
    order = [2, 0, 1]
    turned = model.energy(np.array(WATER[0])[order], WATER[1][order] @ turn.T + 1.5)
    assert turned == pytest.approx(energy, abs=TOLERANCE_EV.get(rung, 2e-5))


def test_control_of_an_input_that_depends_on_direction_is_caught():
    model = remedy("pairs")
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))

    def energy(positions):
        solved = bases.solve("uccsd", WATER[0], positions, 0, 1, BASIS)
        return model.correction(solved.inputs + positions[1, 2], solved.amounts)

    assert abs(energy(WATER[1] @ turn.T) - energy(WATER[1])) > 1e-4


def test_isolated_atoms_have_no_energy():
    model = Remedy(stored("pairs"))
    assert model.energy([8], np.zeros((1, 3)), spin_multiplicity=3) == pytest.approx(0, abs=1e-6)
