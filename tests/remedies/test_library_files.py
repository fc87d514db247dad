"""The ladder's data from files: labels, features and curves become one library; what does not belong is refused.

Numbers are made up; nothing is computed.
"""

import dataclasses

import numpy as np
import pytest

from h2scale import elements, units
from h2scale.data import dataset as dataset_lib
from h2scale.data import storage
from h2scale.electronic_structure import atom_pairs
from h2scale.errors import InputError
from h2scale.judge import curves, feature_files, pieces
from h2scale.judge.systems import SYSTEMS
from h2scale.remedies import descriptors, ladder, library, library_files
from h2scale.runtime import tables
from h2scale.types import Structure

METHODS = ("uhf", "ump2", "uccsd", "uccsd(t)", "ccsd(t)", "pbe0")


def geometry(rng, name, symbols, positions, coordinate=float("nan"), charge=0, spin_multiplicity=1):
    """Features of some atoms, one orbital each beside the 1s of a heavy one, with numbers drawn at random."""
    numbers = np.array([elements.ATOMIC_NUMBERS[symbol] for symbol in symbols])
    size, owners = len(numbers), np.repeat(np.arange(len(numbers)), np.where(numbers > 2, 2, 1))
    half = rng.normal(size=(len(atom_pairs.TABLES), size, size)).astype(np.float32)
    own = {
        "density": rng.normal(size=(2, len(owners), len(owners))).astype(np.float32),
        "fock": rng.normal(size=(2, len(owners), len(owners))).astype(np.float32),
        "overlap": np.eye(len(owners), dtype=np.float32),
        "atom": owners,
        "degree": np.zeros(len(owners), int),
    }
    return feature_files.Geometry(
        name=name,
        coordinate=coordinate,
        atomic_numbers=numbers,
        positions=np.asarray(positions, float),
        charge=charge,
        spin_multiplicity=spin_multiplicity,
        energies={method: float(-numbers.sum() + rng.normal()) for method in METHODS},
        numbers=dict.fromkeys(feature_files.NUMBERS, 0.0),
        tables=half + half.transpose(0, 2, 1),
        atoms=rng.uniform(0.1, 1, (size, len(atom_pairs.ATOM_COLUMNS))).astype(np.float32),
        minimal={f"{field}_{part}": array for field in ("hf", "pbe0") for part, array in own.items()},
    )


def save_labels(path, geometries, basis="cc-pvdz"):
    """The dataset of these geometries, CCSD(T) relative to their atoms, and its features beside it."""
    zero = {g.name[1:-1]: g.energies["ccsd(t)"] * units.HARTREE_EV for g in geometries if len(g.atomic_numbers) == 1}
    structures = []
    for own in geometries:
        apart = sum(zero[elements.SYMBOLS[number]] for number in own.atomic_numbers)
        single = len(own.atomic_numbers) == 1
        structures.append(
            Structure(
                atomic_numbers=own.atomic_numbers.astype(np.int32),
                positions=own.positions,
                energy=own.energies["ccsd(t)"] * units.HARTREE_EV - apart,
                forces=np.full((len(own.positions), 3), np.nan),
                charge=0,
                spin_multiplicity=own.spin_multiplicity,
                rung="atom" if single else "equilibrium",
                regime="atom" if single else "equilibrium",
                molecule=own.name,
                teacher="ccsd(t)/cc-pvdz",
                spin_squared=0.0,
            )
        )
    manifest = {"level": "ccsd(t)/cc-pvdz", "has_forces": False, "isolated_atom_energies_ev": zero}
    storage.save_dataset(path, dataset_lib.from_structures(structures, manifest))
    joined = feature_files.join(geometries, {"basis": basis})
    feature_files.save(path.with_name(f"{path.stem}_features.hdf5"), joined)


def curve_row(system, distance, energy):
    return curves.Row(system, 0, 1, distance, curves.REFERENCE, "cc-pvdz", energy, True, float("nan"))


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    atoms = [
        geometry(rng, f"[{symbol}]", (symbol,), np.zeros((1, 3)), spin_multiplicity=spin)
        for symbol, spin in {"H": 2, "Li": 2, "C": 3, "N": 4}.items()
    ]
    hydrogen_cyanide = geometry(rng, "C#N", ("C", "N", "H"), [[0, 0, 0], [0, 0, 1.15], [0, 0, -1.07]])
    save_labels(tmp_path / "labels.h5", [*atoms, hydrogen_cyanide])
    line = [geometry(rng, "H2", ("H", "H"), SYSTEMS["H2"].positions(r), r) for r in (2.0, 0.7)]
    line.append(geometry(rng, pieces.atom_name("H"), ("H",), np.zeros((1, 3)), spin_multiplicity=2))
    line.append(geometry(rng, "N2", ("N", "N"), SYSTEMS["N2"].positions(1.1), 1.1))
    words = {name: curves.reference_words(system) for name, system in SYSTEMS.items()}
    joined = feature_files.join(line, {"basis": "cc-pvdz", "references": words})
    feature_files.save(tmp_path / curves.FEATURES, joined)
    rows = [curve_row("H2", 0.7, -4.0), curve_row("H2", 2.0, -1.0), curve_row("H2", 3.0, -0.1)]
    rows += [curve_row("two protons", 0.5, 28.8), curve_row("N2", 1.1, -9.0)]
    tables.append_rows(tmp_path / curves.CURVES, curves.Row._fields, [row._asdict() for row in rows])
    return tmp_path


def test_molecules_have_labels_energies_and_rows_of_every_base(folder):
    data = library_files.load(folder / "labels.h5", folder)
    (molecule,) = data.molecules
    assert [atom.name for atom in data.atoms] == ["[H]", "[C]", "[N]"], "of elements in molecules alone"
    stored = storage.load_dataset(folder / "labels.h5", allow_missing_forces=True)
    relative = library.relative(data.molecules, data.atoms, "label") * units.HARTREE_EV
    np.testing.assert_allclose(relative, stored.energy[-1:], atol=1e-6)
    assert data.sha256 == stored.manifest["checksum_sha256"]
    own = feature_files.split(feature_files.load(folder / "labels_features.hdf5"))[-1]
    for found, right in zip(molecule.rows["uccsd"], descriptors.pair_rows(own.tables, own.atoms), strict=True):
        np.testing.assert_array_equal(found, right)
    assert {base: len(inputs) > 0 for base, (inputs, _) in molecule.rows.items()} == dict.fromkeys(
        ("uccsd", "uhf", "pbe0"), True
    )


def test_curves_hold_the_points_with_reference_and_features(folder):
    data = library_files.load(folder / "labels.h5", folder)
    by_name = {curve.system: curve for curve in data.curves}
    assert set(by_name) == {"H2", "two protons"}, "N2 lacks the features of its atom"
    curve = by_name["H2"]
    assert curve.distances_angstrom.tolist() == [0.7, 2.0]
    assert curve.reference_ev.tolist() == [-4.0, -1.0]
    assert curve.regions == ("well", "middle")
    assert curve.reference == "full CI/cc-pvdz, frozen core"
    total = curve.points[0].energies["uhf"] - 2 * curve.atoms[0].energies["uhf"]
    assert ladder.base_errors_ev("uhf", curve)[0] == pytest.approx(total * units.HARTREE_EV + 4.0)


def test_bare_nuclei_have_coulomb_s_energy_and_nothing_to_correct(folder):
    (protons,) = (c for c in library_files.load(folder / "labels.h5", folder).curves if c.system == "two protons")
    (point,) = protons.points
    assert (point.charge, [atom.energies["uccsd"] for atom in protons.atoms]) == (2, [0.0, 0.0])
    repulsion = point.energies["pbe0"] * units.HARTREE_EV
    assert repulsion == pytest.approx(units.COULOMB_EV_ANGSTROM / 0.5, rel=1e-9)
    for base, (inputs, amounts) in point.rows.items():
        assert len(inputs) == len(amounts) == 0
        assert inputs.shape[1] > 5, base


def test_damaged_and_missing_files_are_named(folder):
    beside = folder / "labels_features.hdf5"
    beside.write_bytes(beside.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"labels_features.hdf5 is unreadable"):
        library_files.load(folder / "labels.h5", folder)
    with pytest.raises(InputError, match=r"remedies: no dataset '.*none.h5'"):
        library_files.load(folder / "none.h5", folder)


def test_features_of_other_structures_are_refused(folder):
    dataset = storage.load_dataset(folder / "labels.h5", allow_missing_forces=True)
    storage.save_dataset(folder / "labels.h5", dataset.select(np.arange(len(dataset) - 1)))
    with pytest.raises(InputError, match="is not of the labels' structures"):
        library_files.load(folder / "labels.h5", folder)
    moved = np.where(dataset.n_atoms > 1, dataset.energy + 0.01, dataset.energy)
    storage.save_dataset(folder / "labels.h5", dataclasses.replace(dataset, energy=moved))
    with pytest.raises(InputError, match="holds other energies than its labels"):
        library_files.load(folder / "labels.h5", folder)


def test_curves_in_another_basis_are_refused(folder):
    features = feature_files.load(folder / curves.FEATURES)
    other = dataclasses.replace(features, manifest={**features.manifest, "basis": "6-31g"})
    feature_files.save(folder / curves.FEATURES, other)
    with pytest.raises(InputError, match=r"are in 6-31g, the labels in cc-pvdz"):
        library_files.load(folder / "labels.h5", folder)
