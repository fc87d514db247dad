"""Rows of bases without features: solved once, kept, and only where the basis is the library's."""

import functools

import h5py
import numpy as np
import pytest

from h2scale import electronic_structure, elements, units
from h2scale.electronic_structure import local_hybrid, molecules, tight_binding
from h2scale.errors import InputError
from h2scale.remedies import base_rows, bases, descriptors, row_archive
from h2scale.remedies.library import Curve, Geometry, Library
from h2scale.runtime import workdir

WATER = ((8, 1, 1), np.array([[0.0, 0, 0], [0, 0.76, 0.59], [0, -0.76, 0.59]]))


def geometry(name, numbers, positions, charge=0, spin_multiplicity=1):
    return Geometry(name, numbers, np.asarray(positions, float), charge, spin_multiplicity, {}, 0.0, {})


def pair(distance, charge=0, spin_multiplicity=1):
    return geometry("H2", (1, 1), [[0, 0, 0], [0, 0, distance]], charge, spin_multiplicity)


HYDROGEN = geometry("H", (1,), np.zeros((1, 3)), 0, 2)


def curve(system, basis, points, atoms):
    return Curve(system, "full CI", atoms, points, np.zeros(len(points)), np.arange(len(points)), ("well",), basis)


@pytest.fixture
def library():
    stretched = (pair(0.7), pair(1.5))
    bare = pair(1.0, charge=2)._replace(name="two protons")
    curves = (
        curve("H2", "6-31g", stretched, (HYDROGEN, HYDROGEN)),
        curve("two protons", "6-31g", (bare,), ()),
        curve("elsewhere", "cc-pvdz", stretched, (HYDROGEN, HYDROGEN)),
    )
    return Library((pair(0.74), geometry("O", *WATER)), ("", ""), (HYDROGEN,), curves, "6-31g", "")


def test_every_geometry_in_the_librarys_basis_has_rows(library, tmp_path):
    made = base_rows.complete(library, "local-hybrid", tmp_path)
    for own in (*made.molecules, *made.atoms, *made.curves[0].points, *made.curves[0].atoms):
        inputs, amounts = own.rows["local-hybrid"]
        assert inputs.shape == (len(amounts), 6)
        assert amounts.shape[1] == 2
        assert own.energies["local-hybrid"] < 0
    inputs, amounts = made.curves[1].points[0].rows["local-hybrid"]
    assert inputs.shape == (0, 6)
    assert amounts.shape == (0, 2), "bare nuclei have no rows, but as wide ones"
    assert made.curves[2] == library.curves[2], "energies of one basis are not judged by references of another"


def test_orbitals_of_their_own_know_no_basis(library, tmp_path):
    made = base_rows.complete(library, "gfn2", tmp_path)
    assert all("gfn2" in point.rows for own in made.curves for point in own.points)


def test_nothing_is_solved_twice(library, tmp_path, monkeypatch):
    first = base_rows.complete(library, "gfn2", tmp_path)
    monkeypatch.setattr(bases, "solve", lambda *_: pytest.fail("solved again"))
    again = base_rows.complete(library, "gfn2", tmp_path)
    for one, other in zip(first.molecules, again.molecules, strict=True):
        assert one.energies == other.energies
        np.testing.assert_array_equal(one.rows["gfn2"][0], other.rows["gfn2"][0])
    assert base_rows.complete(again, "gfn2", tmp_path / "elsewhere") is again


def test_answers_that_were_archived_are_not_solved_again(library, tmp_path, monkeypatch):
    first = base_rows.complete(library, "gfn2", tmp_path / "solved")
    row_archive.save(tmp_path / "rows.hdf5", base_rows.archive(first))
    monkeypatch.setattr(row_archive, "shipped", functools.partial(row_archive.load, tmp_path / "rows.hdf5"))
    solve = bases.solve

    def bare_nuclei_alone(base, numbers, positions, charge, *others):
        assert charge == sum(numbers), "solved again"
        return solve(base, numbers, positions, charge, *others)

    monkeypatch.setattr(bases, "solve", bare_nuclei_alone)
    known = base_rows.with_shipped_energies(library)
    assert known.molecules[0].energies == first.molecules[0].energies
    assert known.curves[0].points[0].rows == {}
    again = base_rows.complete(library, "gfn2", tmp_path / "archived")
    for one, other in zip(first.curves[0].points, again.curves[0].points, strict=True):
        assert one.energies == other.energies
        for own, kept in zip(one.rows["gfn2"], other.rows["gfn2"], strict=True):
            np.testing.assert_allclose(kept, own, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_damaged_archive_is_named(damage, tmp_path):
    numbers = np.random.default_rng(0).normal(size=(200, 3))
    path = tmp_path / "rows.hdf5"
    row_archive.save(path, {"gfn2": {"a": row_archive.Entry(-1.0, numbers, numbers[:, :1])}})
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        place = file["gfn2/inputs"].id.get_chunk_info(0).byte_offset
    content[place + 500] ^= 255
    path.write_bytes(content if damage == "changed" else content[: len(content) // 2])
    with pytest.raises(InputError, match=r"rows\.hdf5"):
        row_archive.load(path)


def test_a_molecule_that_does_not_converge_is_named_and_a_curves_point_left_out(library, tmp_path, monkeypatch, capsys):
    solve = bases.solve

    def fails_at(length):
        def solve_or_fail(base, numbers, positions, *others):
            if len(numbers) == 2 and positions[1, 2] == length:
                raise ValueError("did not converge")
            return solve(base, numbers, positions, *others)

        return solve_or_fail

    monkeypatch.setattr(bases, "solve", fails_at(0.74))
    with pytest.raises(InputError, match="gfn2 of H2: did not converge"):
        base_rows.complete(library, "gfn2", tmp_path)
    monkeypatch.setattr(bases, "solve", fails_at(1.5))
    made = base_rows.complete(library, "gfn2", tmp_path)
    assert [list(point.rows) for point in made.curves[0].points] == [["gfn2"], []]
    assert "gfn2 of H2: did not converge" in capsys.readouterr().err


def test_gathered_points_keep_the_energy_of_any_smooth_network():
    """Water relative to its atoms: random networks, each worth some eV, on points and on rows."""
    rng = np.random.default_rng(0)
    networks = [[rng.normal(size=shape) for shape in ((6, 8), (8,), (8, 2))] for _ in range(8)]

    def energies(numbers, positions, spin_multiplicity):
        symbols = [elements.SYMBOLS[number] for number in numbers]
        molecule = electronic_structure.make_molecule(
            symbols, np.asarray(positions) / units.BOHR_ANGSTROM, "6-31g", spin_multiplicity=spin_multiplicity
        )
        points = local_hybrid.local_hybrid(molecule, electronic_structure.lowest_field(molecule, "pbe0"), 1)
        inputs, amounts = descriptors.point_rows(points)
        assert len(inputs) < len(points.inputs) / 20
        np.testing.assert_allclose(amounts.sum(), points.amounts_hartree.sum() * units.HARTREE_EV, rtol=1e-3, atol=1e-3)
        both = ((points.inputs, points.amounts_hartree * units.HARTREE_EV), (inputs, amounts))
        return np.array(
            [[(own * np.tanh(np.tanh(x @ a + b) @ c)).sum() for x, own in both] for a, b, c in networks]
        )  # (networks, 2)

    own = energies(*WATER, 1) - energies((8,), [[0, 0, 0]], 3) - 2 * energies((1,), [[0, 0, 0]], 2)
    assert np.abs(own[:, 0]).max() > 0.5, "these networks are worth nothing: this test checks nothing"
    assert np.abs(own[:, 1] - own[:, 0]).max() < 0.02 * np.abs(own[:, 0]).max()


def test_what_a_library_lacks_of_a_base_with_features_is_not_made_up(library, tmp_path):
    assert base_rows.complete(library, "uhf", tmp_path) is library


def test_tight_binding_that_is_not_installed_is_named(library, tmp_path, monkeypatch):
    monkeypatch.setattr(workdir, "installed_version", lambda name: None)
    with pytest.raises(InputError, match="delta-gfn2 needs tblite"):
        base_rows.complete(library, "gfn2", tmp_path)


def test_tight_binding_density_holds_the_electrons():
    molecule = molecules.make_molecule(("O", "H"), np.array([[0, 0, 0], [0, 0, 1.83]]), "6-31g", spin_multiplicity=2)
    _, found = tight_binding.polarised_density(molecule.atom_charges(), molecule.atom_coords(), 0, 2)
    assert np.trace(found.density[0]) == pytest.approx(5)
    assert np.trace(found.density[1]) == pytest.approx(4)
    assert found.atom.tolist() == [0] * 5 + [1]
    assert found.degree.tolist() == [0, 0, 1, 1, 1, 0]
    assert found.fock[0, 0, 0] == -32, "the core of oxygen"
    assert np.einsum("sij,sji", found.density, found.density) == pytest.approx(8.5), (
        "the ninth in halves of a degenerate pair"
    )


def test_one_orbital_of_one_spin_keeps_hartree_focks_energy():
    solved = bases.solve("local-hybrid", (1, 1), pair(1.06).positions, 1, 2, "6-31g")
    field = bases.solve("uhf", (1, 1), pair(1.06).positions, 1, 2, "6-31g")
    assert np.abs(solved.amounts).sum() < 1e-9
    assert 0 <= solved.energy_hartree - field.energy_hartree < 1e-3, "PBE0's density is not Hartree-Fock's"
