"""Mean fields and coupled cluster: broken symmetry is found, limits are right, wrong solutions are refused."""

import dataclasses
import pathlib
from collections.abc import Iterator

import numpy as np
import pytest

from h2scale import electronic_structure
from h2scale.electronic_structure import mean_fields
from h2scale.physics import fci, teachers

H2 = ("H", "H")
COULSON_FISCHER = [1.4, 2.25, 2.3, 4.0, 15.0]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with electronic_structure.one_thread():
        yield


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("curves")


# PySCF 2.14.0, R = 1.4 bohr, total energies in hartree.
@pytest.mark.parametrize(
    ("basis", "energy"),
    [
        ("sto-3g", -1.11671433),
        ("cc-pvdz", -1.12870945),
        ("cc-pvtz", -1.13296053),
        ("aug-cc-pvtz", -1.13302685),
        ("cc-pvqz", -1.13345903),
    ],
)
def test_hartree_fock_anchors(basis: str, energy: float, cache: pathlib.Path) -> None:
    curve = teachers.teacher_curve(H2, "hf", basis, [1.4], restricted=True, cache_dir=cache)
    assert curve.energies_hartree[0] == pytest.approx(energy, abs=1e-8)


def test_unrestricted_symmetry_breaks_beyond_the_coulson_fischer_point(cache: pathlib.Path) -> None:
    restricted = teachers.teacher_curve(H2, "hf", "cc-pvtz", COULSON_FISCHER, restricted=True, cache_dir=cache)
    broken = teachers.teacher_curve(H2, "hf", "cc-pvtz", COULSON_FISCHER, cache_dir=cache)
    lowered = restricted.energies_hartree - broken.energies_hartree
    np.testing.assert_allclose(lowered[:2], 0.0, atol=1e-9)
    assert (lowered[2:] > 1e-6).all()
    np.testing.assert_allclose(broken.spin_squared[:2], 0.0, atol=1e-6)
    assert broken.spin_squared[2] > 1e-3
    assert broken.spin_squared[-1] == pytest.approx(1.0, abs=1e-6)
    assert broken.interaction_hartree[-1] == pytest.approx(0.0, abs=1e-7)
    assert restricted.interaction_hartree[-1] == pytest.approx(0.254, abs=1e-3)


def test_one_distance_alone_finds_the_broken_solution(cache: pathlib.Path) -> None:
    alone = teachers.teacher_curve(H2, "hf", "cc-pvtz", [4.0], cache_dir=cache)
    scanned = teachers.teacher_curve(H2, "hf", "cc-pvtz", COULSON_FISCHER, cache_dir=cache)
    assert alone.energies_hartree[0] == pytest.approx(scanned.energies_hartree[3], abs=1e-8)


def test_a_functional_breaks_symmetry_too(cache: pathlib.Path) -> None:
    curve = teachers.teacher_curve(H2, "pbe0", "def2-svp", [1.4, 15.0], cache_dir=cache)
    assert curve.spin_squared[0] == pytest.approx(0.0, abs=1e-6)
    assert curve.spin_squared[1] == pytest.approx(1.0, abs=1e-4)
    assert curve.interaction_hartree[1] == pytest.approx(0.0, abs=2e-5)  # the quadrature is not size consistent
    assert curve.provenance["last_point_minus_atoms_hartree"] == curve.interaction_hartree[1]
    assert -0.18 < curve.interaction_hartree[0] < -0.15


def test_coupled_cluster_of_two_electrons_is_full_ci(cache: pathlib.Path) -> None:
    distances = [0.8, 1.4, 4.0, 15.0]
    cluster = teachers.teacher_curve(H2, "ccsd(t)", "cc-pvdz", distances, cache_dir=cache)
    exact = fci.diatomic_curve(H2, "cc-pvdz", distances, cache_dir=cache)
    np.testing.assert_allclose(cluster.energies_hartree, exact.energies_hartree, rtol=0, atol=1e-6)
    assert cluster.separated_atoms_hartree == pytest.approx(exact.separated_atoms_hartree, abs=1e-9)


def test_a_wrong_coupled_cluster_solution_is_refused(tmp_path: pathlib.Path) -> None:
    """Restricted CCSD at 15 bohr ends far above full CI and PySCF calls it converged."""
    with pytest.raises(ValueError, match=r"CCSD at 15 bohr converged .* hartree from full CI.*restricted=False"):
        teachers.teacher_curve(H2, "ccsd(t)", "cc-pvtz", [1.4, 15.0], restricted=True, cache_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_coupled_cluster_of_four_electrons_is_near_full_ci(cache: pathlib.Path) -> None:
    cluster = teachers.teacher_curve(("Li", "H"), "ccsd(t)", "sto-3g", [3.0, 15.0], cache_dir=cache)
    exact = fci.diatomic_curve(("Li", "H"), "sto-3g", [3.0, 15.0], cache_dir=cache)
    np.testing.assert_allclose(cluster.energies_hartree, exact.energies_hartree, rtol=0, atol=1e-4)


@pytest.mark.parametrize("method", ["hf", "pbe0", "ccsd(t)"])
def test_two_protons_are_one_over_r_exactly(method: str, cache: pathlib.Path) -> None:
    curve = teachers.teacher_curve(H2, method, "sto-3g", [0.5, 1.4], charge=2, cache_dir=cache)
    np.testing.assert_allclose(curve.energies_hartree, [2.0, 1 / 1.4], rtol=4e-16)
    assert curve.separated_atoms_hartree == 0.0


def test_one_electron_has_no_correlation(cache: pathlib.Path) -> None:
    distances = [2.0, 15.0]
    cluster = teachers.teacher_curve(
        H2, "ccsd(t)", "cc-pvdz", distances, charge=1, spin_multiplicity=2, cache_dir=cache
    )
    exact = fci.diatomic_curve(H2, "cc-pvdz", distances, charge=1, spin_multiplicity=2, cache_dir=cache)
    np.testing.assert_allclose(cluster.energies_hartree, exact.energies_hartree, rtol=0, atol=1e-9)
    np.testing.assert_allclose(cluster.spin_squared, 0.75, rtol=1e-12)


def test_two_in_two_separates_and_bonds() -> None:
    occupations, energies = [], []
    for distance in (1.4, 15.0):
        positions = np.array([[0.0, 0.0, -distance / 2], [0.0, 0.0, distance / 2]])
        molecule = electronic_structure.make_molecule(H2, positions, "cc-pvdz", symmetry="D2h")
        energy, occupation = electronic_structure.two_in_two(molecule)
        energies.append(energy)
        occupations.append(occupation)
    assert occupations[0] == pytest.approx(1.98, abs=0.01)
    assert occupations[1] == pytest.approx(1.0, abs=1e-3)
    atom = fci.lowest_energy(("H",), np.zeros((1, 3)), "cc-pvdz", 0, 2)
    assert energies[1] == pytest.approx(2 * atom, abs=1e-6)


def test_an_unconverged_field_is_no_reference_point(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    short = dataclasses.replace(mean_fields.CONVERGENCE, tolerance_hartree=1e-18, cycles=1, newton_cycles=1)
    monkeypatch.setattr(mean_fields, "CONVERGENCE", short)
    with pytest.raises(ValueError, match=r"hf of HH \(charge 0, cc-pvdz\) at 4 bohr did not converge"):
        teachers.teacher_curve(H2, "hf", "cc-pvdz", [4.0], cache_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_method_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"method must be 'hf', 'ccsd\(t\)' or a functional PySCF knows; got 'pbe9'"):
        teachers.teacher_curve(H2, "pbe9", "sto-3g", [1.4], cache_dir=tmp_path)
