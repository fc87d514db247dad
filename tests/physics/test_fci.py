"""Full CI against published anchors, exact limits, the tables, and a second implementation."""

import pathlib
from collections.abc import Iterator

import numpy as np
import pytest

from h2scale import electronic_structure
from h2scale.physics import exact, fci, few_electrons

H2 = ("H", "H")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with electronic_structure.one_thread():
        yield


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("curves")


# PySCF 2.14.0, R = 1.4 bohr, total energies in hartree.
ANCHORS = {
    "sto-3g": -1.13727594,
    "cc-pvdz": -1.16339873,
    "cc-pvtz": -1.17233459,
    "aug-cc-pvtz": -1.17263257,
    "cc-pvqz": -1.17379579,
}


@pytest.mark.parametrize("basis", ANCHORS)
def test_h2_anchors(basis: str, cache: pathlib.Path) -> None:
    curve = fci.diatomic_curve(H2, basis, [1.4], cache_dir=cache)
    assert curve.energies_hartree[0] == pytest.approx(ANCHORS[basis], abs=1e-8)
    assert curve.provenance["basis"] == basis
    assert curve.provenance["states"] == ["1Sigma_g+"]
    assert curve.provenance["linear_dependencies_dropped"] == [0]


def test_h2_apart_is_two_atoms(cache: pathlib.Path) -> None:
    """`direct_spin0` of PySCF 2.14 reports a root 0.47 hartree off as converged here."""
    curve = fci.diatomic_curve(H2, "cc-pvdz", [16.0, 20.0, 30.0], cache_dir=cache)
    np.testing.assert_allclose(curve.interaction_hartree, 0.0, atol=1e-6)
    atom = fci.lowest_energy(("H",), np.zeros((1, 3)), "cc-pvdz", 0, 2)
    np.testing.assert_allclose(curve.energies_hartree[1:], 2 * atom, rtol=0, atol=1e-6)


def test_basis_error_falls_towards_the_exact_table(cache: pathlib.Path) -> None:
    """Two routes to one number: excess over the table in millihartree, at 0.2, 1.4 and 4 bohr."""
    distances = np.array([0.2, 1.4, 4.0])
    expected = {"cc-pvdz": (153, 11.1, 4.0), "cc-pvtz": (30.2, 2.1, 1.5), "cc-pvqz": (2.4, 0.68, 0.67)}
    for basis, excess in expected.items():
        curve = fci.diatomic_curve(H2, basis, distances, cache_dir=cache)
        found = 1e3 * (curve.energies_hartree - np.asarray(exact.h2_ground_state(distances)))
        np.testing.assert_allclose(found, excess, rtol=0.02, atol=0.05)  # the excesses are known to two digits
        assert (found > 0).all(), "full CI in a basis is an upper bound"


def test_dense_pairs_agree_with_davidson(cache: pathlib.Path) -> None:
    """The two solvers share only the integrals."""
    for spin_multiplicity in (1, 3):
        positions = np.array([[0.0, 0.0, -1.1], [0.0, 0.0, 1.1]])
        molecule = electronic_structure.make_molecule(
            H2, positions, "cc-pvdz", spin_multiplicity=spin_multiplicity, symmetry="D2h"
        )
        dense = few_electrons.states(electronic_structure.integrals(molecule), 2, spin_multiplicity)
        space = electronic_structure.active_space(molecule, 0)
        davidson = electronic_structure.lowest_by_irrep(space, spin_multiplicity)
        assert len(dense) == 8
        for state in dense:
            assert state.energy_hartree == pytest.approx(davidson[state.irrep], abs=1e-8)


def test_triplet_is_named_and_repulsive(cache: pathlib.Path) -> None:
    curve = fci.diatomic_curve(H2, "aug-cc-pvtz", [0.5, 1.4, 4.0, 20.0], spin_multiplicity=3, cache_dir=cache)
    assert curve.provenance["states"] == ["3Sigma_g+", "3Sigma_u+", "3Sigma_u+", "3Sigma_u+"]
    assert (np.diff(curve.energies_hartree) < 0).all()
    np.testing.assert_array_equal(curve.spin_squared, 2.0)
    # Kolos and Wolniewicz, J. Chem. Phys. 43, 2429 (1965): b 3Sigma_u+ at 1.4 bohr; the basis costs about 1e-3.
    assert curve.energies_hartree[1] == pytest.approx(-0.784, abs=3e-3)


def test_two_protons_are_one_over_r_exactly(cache: pathlib.Path) -> None:
    distances = np.array([0.3, 1.4, 7.0, 20.0])
    curve = fci.diatomic_curve(H2, "cc-pvdz", distances, charge=2, cache_dir=cache)
    np.testing.assert_allclose(curve.energies_hartree, 1 / distances, rtol=4e-16)


def test_one_electron_approaches_the_table_from_above(cache: pathlib.Path) -> None:
    distances = np.array([1.0, 2.0, 4.0, 20.0])
    curve = fci.diatomic_curve(H2, "aug-cc-pvtz", distances, charge=1, spin_multiplicity=2, cache_dir=cache)
    excess = curve.energies_hartree - np.asarray(exact.h2_cation(distances))
    assert (excess > 0).all()
    assert excess.max() < 2e-3
    assert set(curve.provenance["states"]) == {"2Sigma_g+"}


def test_three_electrons_separate_into_an_atom_and_an_anion(cache: pathlib.Path) -> None:
    curve = fci.diatomic_curve(H2, "6-31g", [2.0, 25.0], charge=-1, spin_multiplicity=2, cache_dir=cache)
    assert abs(curve.interaction_hartree[-1]) < 1e-5
    assert curve.provenance["states"][0] == "2Sigma_u+"


def test_helium_hydride_and_frozen_lithium_hydride(cache: pathlib.Path) -> None:
    ion = fci.diatomic_curve(("He", "H"), "cc-pvtz", [1.463, 20.0], charge=1, cache_dir=cache)
    # Kolos and Peek, Chem. Phys. 12, 381 (1976): 0.07497 hartree at 1.463 bohr; the basis costs a few 1e-3.
    assert ion.interaction_hartree[0] == pytest.approx(-0.07497, abs=3e-3)
    hydride = fci.diatomic_curve(("Li", "H"), "6-31g", [3.0, 25.0], frozen_core=True, cache_dir=cache)
    assert hydride.provenance["frozen_core"] is True
    assert hydride.provenance["states"] == ["1Sigma+", "1Sigma+"]
    assert -0.1 < hydride.interaction_hartree[0] < -0.05
    assert abs(hydride.interaction_hartree[1]) < 1e-4  # the frozen core differs between molecule and atom


def test_a_curve_that_misses_its_atoms_is_refused() -> None:
    message = r"fci/x of HH at 20 bohr is 4.70e-01 hartree from its own separated atoms; at most 1e-04"
    with pytest.raises(ValueError, match=message):
        fci.check_size_consistency("fci/x of HH", 20.0, -0.53, -1.0, 0, (1, 1))
    assert fci.check_size_consistency("fci/x of HH", 20.0, -1.0, -1.0, 0, (1, 1)) == 0.0
    # Nearer by, the bond is not an error.
    assert fci.check_size_consistency("fci/x of HH", 1.4, -1.17, -1.0, 0, (1, 1)) == pytest.approx(-0.17)
    assert abs(fci.check_size_consistency("protons", 20.0, 0.05, 0.0, 2, (1, 1))) < 1e-16


def test_linear_dependencies_are_dropped_and_counted(cache: pathlib.Path) -> None:
    curve = fci.diatomic_curve(H2, "aug-cc-pvtz", [0.2, 1.4], cache_dir=cache)
    assert curve.provenance["linear_dependencies_dropped"] == [1, 0]
    assert 0 < curve.energies_hartree[0] - float(exact.h2_ground_state(0.2)) < 0.03


BAD = {
    "distance": (dict(distances_bohr=[0.0]), r"distances_bohr must be positive and finite, in bohr; got 0\.0"),
    "element": (dict(symbols=("H", "Xx")), "symbols must be elements from H to Ar; got 'Xx'"),
    "three atoms": (dict(symbols=("H", "H", "H")), r"symbols must name two atoms; got \['H', 'H', 'H'\]"),
    "basis": (dict(basis="cc-pvxz"), r"basis must be one that PySCF knows for \['H'\]; got 'cc-pvxz'"),
    "charge": (dict(charge=3), "charge must be at most 2, that of the bare nuclei; got 3"),
    "spin": (dict(spin_multiplicity=2), r"spin_multiplicity must be one of \[1, 3\] for 2 electrons; got 2"),
    "no spin": (dict(spin_multiplicity=0), r"spin_multiplicity must be one of \[1, 3\] for 2 electrons; got 0"),
    "limit": (dict(symbols=("He", "He"), spin_multiplicity=3), "has no limit of two ground-state atoms"),
    "size": (dict(symbols=("F", "F")), r"has 4\.8e\+13 determinants, more than 2e\+07"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case: str, tmp_path: pathlib.Path) -> None:
    changes, message = BAD[case]
    arguments = {"symbols": H2, "basis": "cc-pvdz", "distances_bohr": [1.4], **changes}
    with pytest.raises(ValueError, match=message):
        fci.diatomic_curve(**arguments, cache_dir=tmp_path)
    assert not list(tmp_path.iterdir()), "a refused curve must leave nothing on disk"


def test_coincident_nuclei_are_named() -> None:
    with pytest.raises(ValueError, match=r"nuclei 0 \(H\) and 1 \(He\) coincide at \[0.0, 0.0, 1.0\] bohr"):
        electronic_structure.make_molecule(("H", "He"), np.array([[0, 0, 1.0], [0, 0, 1.0]]), "cc-pvdz")
