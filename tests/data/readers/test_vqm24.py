"""VQM24 as published: hartree, both energies, object arrays; what does not belong together is refused."""

import numpy as np
import pytest

from h2scale import errors
from h2scale.data import readers

HARTREE_EV = 27.2113862  # written down again: the reader's constant is not asked
ATOMS = {1: -0.5027, 6: -37.8468, 8: -75.0736}
WATER = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.470], [0.0, -0.757, -0.470]])
METHANE = 0.629 * np.array([[0, 0, 0], [1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]], float)
FORMALDEHYDE = np.array([[0, 0, -0.53], [0, 0, 0.67], [0, 0.94, -1.11], [0, -0.94, -1.11]], float)
MOLECULES = (
    ("H2O_1_1", "O", (8, 1, 1), WATER, 0.3712),
    ("CH4_1_1", "C", (6, 1, 1, 1, 1), METHANE, 0.6689),
    ("CH2O_1_1", "C=O", (6, 8, 1, 1), FORMALDEHYDE, 0.5967),
    ("CH2O_2_1", "[CH]O", (6, 8, 1, 1), FORMALDEHYDE * 1.05, 0.5712),
)


def objects(rows):
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def arrays(sign=-1, scale=1.0):
    compounds, graphs, numbers, coordinates, bound = zip(*MOLECULES, strict=True)
    totals = [sum(ATOMS[z] for z in row) - energy for row, energy in zip(numbers, bound, strict=True)]
    return {
        "compounds": np.array(compounds),
        "graphs": np.array(graphs),
        "atoms": objects([np.array(row) for row in numbers]),
        "coordinates": objects(list(coordinates)),
        "Etot": np.array(totals),
        "Eatomization": sign * scale * np.array(bound),
        "freqs": objects([np.arange(3.0)] * len(numbers)),
    }


def write(path, **columns):
    np.savez_compressed(path, **columns)
    return path


def refusal(path, **options):
    with pytest.raises(errors.InputError) as caught:
        list(readers.read(path, "vqm24", **options).structures)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("sign", [1, -1])
def test_energies_are_relative_to_the_authors_atoms(tmp_path, sign):
    reading = readers.read(write(tmp_path / "DFT_uniques.npz", **arrays(sign)), "vqm24")
    structures = list(reading.structures)
    for structure, (_, smiles, numbers, coordinates, bound) in zip(structures, MOLECULES, strict=True):
        assert structure.energy == pytest.approx(-bound * HARTREE_EV, rel=1e-8)
        np.testing.assert_array_equal(structure.atomic_numbers, numbers)
        np.testing.assert_array_equal(structure.positions, coordinates)
        assert structure.molecule == smiles
        assert np.isnan(structure.forces).all()
    assert reading.manifest["level"] == "wb97x-d3/cc-pvdz"
    assert reading.manifest["has_forces"] is False


def test_without_smiles_bonds_tell_the_molecule(tmp_path):
    columns = arrays()
    del columns["graphs"]
    structures = readers.read(write(tmp_path / "DFT_all.npz", **columns), "vqm24").structures
    names = [structure.molecule for structure in structures]
    assert [name.split("-")[0] for name in names] == ["H2O", "CH4", "CH2O", "CH2O"]
    assert len(set(names)) == 3  # two conformers of one molecule


def test_an_atomization_column_of_another_unit_or_order_is_refused(tmp_path):
    message = "Etot and Eatomization (hartree) do not belong together"
    assert message in refusal(write(tmp_path / "kcal.npz", **arrays(scale=627.5)))
    columns = arrays()
    columns["Eatomization"] = columns["Eatomization"][::-1]
    assert message in refusal(write(tmp_path / "reversed.npz", **columns))


def test_damage_is_named_with_its_file_and_molecule(tmp_path):
    columns = arrays()
    del columns["Etot"]
    assert "has no array 'Etot'" in refusal(write(tmp_path / "DMC.npz", **columns))
    columns = arrays()
    columns["coordinates"][2] = WATER
    assert "molecule 2: coordinates must have shape (4, 3); got (3, 3)" in refusal(write(tmp_path / "a.npz", **columns))
    columns = {**arrays(), "Etot": np.array([1.0, np.nan, 1.0, 1.0])}
    assert "Etot must be one finite number a molecule" in refusal(write(tmp_path / "b.npz", **columns))
    columns = {**arrays(), "Etot": np.zeros(3)}
    assert "the arrays must be equally long" in refusal(write(tmp_path / "c.npz", **columns))
    path = tmp_path / "d.npz"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    assert "is not a whole .npz file" in refusal(path)


def test_an_element_beyond_the_datasets_is_named_and_can_be_left_out(tmp_path):
    columns = arrays()
    columns["atoms"][1] = np.array([6, 1, 1, 1, 99])
    columns["Etot"][1] -= 2573.6
    path = write(tmp_path / "bromine.npz", **columns)
    assert "molecule 1: element Es is beyond what a dataset may hold" in refusal(path)
    reading = readers.read(path, "vqm24", elements=["H", "C", "O"])
    assert len(list(reading.structures)) == 3
    assert reading.manifest["dropped"] == {"an element that is not asked for": 1}
