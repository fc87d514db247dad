"""ANI-1x as published: angstrom and hartree, forces and not gradients, NaN where nothing was computed."""

import h5py
import numpy as np
import pytest

from h2scale import errors
from h2scale.data import readers

HARTREE_EV = 27.2113862  # written down again: the reader's constant is not asked
HYDROGEN, CARBON = -0.499321232710, -37.8338334397
METHANE = 0.629 * np.array([[0, 0, 0], [1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]], float)
ENERGY = -40.498
FORCES = 0.01 * np.arange(15.0).reshape(5, 3)


def write(path, **changes):
    group = {
        "atomic_numbers": np.array([6, 1, 1, 1, 1], np.uint8),
        "coordinates": np.stack([METHANE, 1.1 * METHANE, 0.95 * METHANE]).astype(np.float32),
        "wb97x_dz.energy": np.array([ENERGY, np.nan, ENERGY + 0.02]),
        "wb97x_dz.forces": np.stack([FORCES, FORCES, -FORCES]).astype(np.float32),
        "ccsd(t)_cbs.energy": np.full(3, np.nan),
        **changes,
    }
    with h5py.File(path, "w") as file:
        for key, value in group.items():
            if value is not None:
                file[f"C1H4/{key}"] = value
    return path


def refusal(path):
    with pytest.raises(errors.InputError) as caught:
        list(readers.read(path, "ani1x").structures)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    return str(caught.value)


def test_energies_are_atomization_energies_and_forces_keep_their_sign(tmp_path):
    reading = readers.read(write(tmp_path / "ani1x-release.h5"), "ani1x")
    first, second = reading.structures
    expected = (ENERGY - CARBON - 4 * HYDROGEN) * HARTREE_EV
    assert first.energy == pytest.approx(expected, rel=1e-7)  # -18.1 eV
    assert second.energy - first.energy == pytest.approx(0.02 * HARTREE_EV, rel=1e-7)
    # float32 in the file; hartree/angstrom, so that no bohr enters.
    np.testing.assert_allclose(first.forces, FORCES * HARTREE_EV, rtol=2e-7)
    np.testing.assert_allclose(second.forces, -FORCES * HARTREE_EV, rtol=2e-7)
    np.testing.assert_allclose(first.positions, METHANE, rtol=2e-7)
    assert (first.charge, first.spin_multiplicity, first.rung, first.molecule) == (0, 1, "thermal", "C1H4")
    assert reading.manifest["level"] == "wb97x/6-31g(d)"
    assert reading.manifest["has_forces"] is True
    assert reading.manifest["isolated_atom_energies_ev"]["H"] == pytest.approx(HYDROGEN * HARTREE_EV, rel=1e-8)


def test_conformations_without_a_label_are_counted(tmp_path):
    reading = readers.read(write(tmp_path / "ani1x-release.h5"), "ani1x")
    list(reading.structures)
    assert reading.manifest["dropped"] == {"no wb97x_dz.energy or wb97x_dz.forces": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wb97x_dz.forces": None}, "group C1H4: no wb97x_dz.forces; it has"),
        ({"wb97x_dz.energy": np.zeros(2)}, "wb97x_dz.energy must have shape (3); got (2,)"),
        ({"atomic_numbers": np.array([6, 1])}, "coordinates must have shape (any, 2, 3); got (3, 5, 3)"),
        ({"atomic_numbers": np.array([6, 1, 1, 1, 121])}, "unknown element, atomic number 121"),
        ({"wb97x_dz.energy": np.full(3, -1102.0)}, "the file is of another unit"),
        (
            {"coordinates": np.stack([METHANE, 1.001 * METHANE, 1.002 * METHANE]) / 0.529177},
            "shortest distance is 2.06 angstrom, outside 0.65 to 1.7; in bohr it would be 1.09",
        ),
        ({"wb97x_dz.energy": np.full(3, np.nan)}, "no structure is left; left out: 3 for no wb97x_dz.energy"),
    ],
)
def test_each_flaw_is_named(tmp_path, changes, message):
    assert message in refusal(write(tmp_path / "ani1x.h5", **changes))


def test_files_that_are_not_whole_are_refused(tmp_path):
    path = write(tmp_path / "cut.h5")
    path.write_bytes(path.read_bytes()[:-100])
    assert "is not HDF5 or is cut short" in refusal(path)
    path.write_text("no HDF5")
    assert "is not HDF5 or is cut short, from its first byte" in refusal(path)
    with h5py.File(path, "w") as file:
        file["energies"] = np.zeros(3)
    assert "'energies' is an array, where one group a molecule is expected" in refusal(path)
