"""The driver of self-consistent fields: what fails is said, saddle points are left, starts break the symmetry."""

import dataclasses

import numpy as np
import pytest

from h2scale import electronic_structure
from h2scale.electronic_structure import fields, mean_fields, starts

STABLE = mean_fields.CONVERGENCE


@pytest.fixture(autouse=True)
def _one_thread():
    with electronic_structure.one_thread():
        yield


def hydrogen(distance_bohr, **options):
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, distance_bohr]])
    return electronic_structure.make_molecule(("H", "H"), positions, "6-31g", **options)


def unrestricted(molecule, convergence=STABLE):
    return mean_fields.make_field(molecule, "hf", restricted=False, convergence=convergence)


@pytest.fixture
def saddle():
    """Unrestricted field of stretched H2 that keeps the symmetry between the spins."""
    molecule = hydrogen(4.0)
    field = mean_fields.make_field(molecule, "hf", restricted=True, convergence=STABLE)
    fields.converge(field, None, STABLE)
    other = unrestricted(molecule)
    fields.converge(other, np.stack([field.make_rdm1() / 2] * 2), STABLE)
    assert other.spin_square()[0] == pytest.approx(0.0, abs=1e-8)
    return other


@pytest.mark.parametrize("plain_ending", [True, False])
def test_second_order_steps_reach_what_plain_iteration_reaches(plain_ending):
    molecule = hydrogen(1.4)
    plain, second = unrestricted(molecule), unrestricted(molecule, dataclasses.replace(STABLE, cycles=1))
    fields.converge(plain, starts.mixed(molecule), STABLE)
    convergence = dataclasses.replace(STABLE, cycles=1, plain_ending=plain_ending)
    fields.converge(second, starts.mixed(molecule), convergence)
    assert second.e_tot == pytest.approx(plain.e_tot, abs=1e-9)
    assert second.converged


def test_a_field_that_does_not_converge_is_named():
    convergence = dataclasses.replace(STABLE, tolerance_hartree=1e-18, cycles=1, newton_cycles=1)
    with pytest.raises(ValueError, match=r"^hf of HH \(charge 0, 6-31g\) at 4 bohr did not converge\.$"):
        fields.converge(unrestricted(hydrogen(4.0), convergence), None, convergence)


def way_down(field, second_order=False):
    """Frontier orbitals of both spins turned a little, in opposite directions; None once the symmetry is broken."""
    if field.spin_square()[0] > 0.1:
        return None
    orbitals = np.array(field.mo_coeff)
    for spin, angle in enumerate((0.3, -0.3)):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        orbitals[spin][:, :2] = orbitals[spin][:, :2] @ turn
    start = fields.Start(field.make_rdm1(orbitals, field.mo_occ), orbitals, field.mo_occ, second_order)
    return fields.Instability([start], may_be_flat=False)


@pytest.mark.parametrize("second_order", [False, True])
def test_a_saddle_is_left_and_kept_as_it_was(saddle, second_order):
    energy = saddle.e_tot
    field, rounds = fields.follow(saddle, lambda field: way_down(field, second_order), saddle.copy, STABLE)
    assert rounds == 1
    assert field.e_tot < energy - 0.09
    assert fields.solution(field).spin_squared == pytest.approx(0.95, abs=0.05)
    assert saddle.e_tot == energy


def test_a_saddle_with_nothing_below_is_flat_or_an_error(saddle):
    stay = fields.Start(saddle.make_rdm1(), saddle.mo_coeff, saddle.mo_occ, second_order=False)
    flat = fields.Instability([stay], may_be_flat=True)
    assert fields.follow(saddle, lambda field: flat, saddle.copy, STABLE) == (saddle, 0)
    with pytest.raises(ValueError, match=r"hf of HH .* has an unstable solution below which none was found"):
        fields.follow(saddle, lambda field: flat._replace(may_be_flat=False), saddle.copy, STABLE)


def test_instabilities_without_end_are_refused(saddle):
    with pytest.raises(ValueError, match="reached no stable solution in 1 rounds"):
        fields.follow(saddle, way_down, saddle.copy, dataclasses.replace(STABLE, rounds=1))


def test_mixed_frontier_orbitals_break_the_symmetry_between_the_spins_alone():
    molecule = hydrogen(2.0)
    restricted = electronic_structure.mean_field(
        molecule, "hf", restricted=True, density=None, grid_level=0, follow=False
    )
    for density in (starts.mixed(molecule), starts.mixed(molecule, restricted)):
        number = np.einsum("sij,ji->s", density, molecule.intor_symmetric("int1e_ovlp"))
        np.testing.assert_allclose(number, 1.0, atol=1e-9)
        np.testing.assert_allclose(density[0][:2, :2], density[1][2:, 2:], atol=1e-9)
        assert np.abs(density[0] - density[1]).max() > 0.1


def test_open_shells_and_single_electrons_have_nothing_to_mix():
    assert starts.mixed(hydrogen(2.0, spin_multiplicity=3)) is None
    assert starts.mixed(hydrogen(2.0, charge=1, spin_multiplicity=2)) is None
    assert starts.mixed(hydrogen(2.0, charge=2)) is None
