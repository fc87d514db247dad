"""The labels of the ladder hold equilibrium molecules alone, none that a curve judges: shown from the shipped file."""

import dataclasses

import numpy as np
import pytest

from h2scale import elements
from h2scale.data import bonding, leaks, rungs, storage
from h2scale.judge import curves, feature_files, systems
from h2scale.remedies import library_files

ELEMENTS = {"H", "C", "N", "O", "F"}
MOST_HEAVY_ATOMS = 3
T1_OF_DOUBT = 0.044  # Rienstra-Kiracofe, Allen and Schaefer, J. Phys. Chem. A 104, 9823 (2000), for open shells


@pytest.fixture(scope="module")
def labels():
    return storage.load_dataset(library_files.LABELS, allow_missing_forces=True)


@pytest.fixture(scope="module")
def features():
    path = storage.dataset_path(library_files.LABELS)
    return feature_files.load(path.with_name(f"{path.stem}_features.hdf5"))


def structures(dataset):
    """Name, symbols and positions of each structure but the isolated atoms."""
    for index in np.flatnonzero(dataset.n_atoms > 1):
        own = slice(dataset.atom_offset[index], dataset.atom_offset[index] + dataset.n_atoms[index])
        yield dataset.molecule[index], dataset.atomic_numbers[own], dataset.positions[own]


def judged(dataset):
    """Names of the structures that have the formula of a system of the judge, in whatever shape."""
    formulas = {tuple(sorted(system.symbols)) for system in systems.SYSTEMS.values()}
    return [
        str(name)
        for name, numbers, _ in structures(dataset)
        if tuple(sorted(elements.SYMBOLS[number] for number in numbers)) in formulas
    ]


def broken(dataset):
    """Names of the structures whose bonds do not hold them together."""
    found = []
    for name, numbers, positions in structures(dataset):
        reached, pairs = {0}, bonding.bonded_pairs(numbers, positions)
        for _ in numbers:
            reached |= {atom for pair in pairs if reached & set(pair) for atom in pair}
        if len(reached) < len(numbers):
            found.append(str(name))
    return found


def test_no_molecule_of_a_judge_s_curve_is_a_label(labels):
    assert judged(labels) == []


def test_no_bond_is_broken(labels):
    assert broken(labels) == []


def test_no_hydrogen_molecule_is_in_any_structure(labels):
    assert len(leaks.h2_pairs(labels)[0]) == 0


def test_control_of_a_curve_s_molecule_and_a_broken_bond_is_found(labels):
    """Another set has them: water is known by its formula, its hydrogen taken away by its distance."""
    other = storage.load_dataset("pbe0_def2svp")
    water = other.select(np.flatnonzero((other.molecule == "O") & (other.rung == "equilibrium"))[:1])
    assert judged(water) == ["O"]
    assert broken(water) == []
    assert len(leaks.h2_pairs(other)[0]) > 0
    apart = water.positions + np.array([[0.0, 0.0, 0.0]] * 2 + [[4.0, 0.0, 0.0]])
    assert broken(dataclasses.replace(water, positions=apart)) == ["O"]


def test_labels_are_enough_and_small(labels):
    names = [name for name, _, _ in structures(labels)]
    assert len(names) >= 300
    assert len(set(names)) > 0.9 * len(names), "few are conformers of another"
    assert {elements.SYMBOLS[number] for _, numbers, _ in structures(labels) for number in numbers} == ELEMENTS
    assert max(np.sum(numbers > 1) for _, numbers, _ in structures(labels)) <= MOST_HEAVY_ATOMS
    assert set(labels.rung.tolist()) == {"equilibrium", rungs.ATOM}
    assert set(labels.charge.tolist()) == {0}


def test_labels_say_what_made_them(labels, features):
    assert labels.manifest["level"] == "ccsd(t)/cc-pvdz"
    assert set(labels.teacher.tolist()) == {"ccsd(t)/cc-pvdz"}
    assert features.name.tolist() == labels.molecule.tolist()
    several = features.numbers["num_correlated"] > 1
    assert np.isfinite(features.numbers["t1_diagnostic"][several]).all()
    doubtful = np.mean(features.numbers["t1_diagnostic"][several] > T1_OF_DOUBT)
    assert doubtful < 0.2, "most labels are of molecules that one determinant describes"


def test_curves_that_judge_have_every_point_of_every_system_in_the_labels_basis(features):
    read = curves.load_curves(curves.SHIPPED / curves.CURVES)
    for system in systems.SYSTEMS.values():
        for method in (curves.REFERENCE, "uhf", "ump2", "pbe0", "uccsd", "uccsd(t)"):
            own = [row for row in read if (row.system, row.method, row.basis) == (system.name, method, systems.BASIS)]
            np.testing.assert_allclose([row.distance_angstrom for row in own], system.distances_angstrom, atol=1e-6)
            assert np.isfinite([row.energy_ev for row in own]).all(), (system.name, method)
    assert features.manifest["basis"] == systems.BASIS
