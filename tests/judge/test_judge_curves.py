"""The curves that judge: their geometries, their pieces, their tables, and the errors against them."""

import dataclasses

import numpy as np
import pytest

from h2scale import electronic_structure, elements, units
from h2scale.electronic_structure import coupled_cluster
from h2scale.judge import build, curve_errors, curves, feature_files, pieces, single_points, systems
from h2scale.judge.curves import REFERENCE, Row
from h2scale.judge.systems import SYSTEMS


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_curve_spans_its_range_through_the_bond_length(system):
    distances = system.distances_angstrom
    assert len(distances) == system.points >= 16
    assert (np.diff(distances) > 0).all()
    assert np.isclose(distances, system.bond_length_angstrom).any()
    low, high = (0.2, 8.0) if system.name in ("H2", "H2+", "two protons") else (0.7, 3.0)
    scale = 1.0 if low == 0.2 else system.bond_length_angstrom
    assert distances[0] == pytest.approx(low * scale)
    assert distances[-1] == pytest.approx(high * scale)
    assert set(system.region(distances)) == set(systems.REGIONS)


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_one_distance_is_the_curve_s_and_parts_hold_all_electrons(system):
    for distance in system.distances_angstrom[[0, -1]]:
        pairs = system.positions(distance)[:, None] - system.positions(distance)[None]
        lengths = np.linalg.norm(pairs, axis=-1)[np.triu_indices(len(system.symbols), 1)]
        assert np.isclose(lengths, distance).any()
    assert sorted(symbol for symbol, _, _ in system.parts) == sorted(system.symbols)
    assert sum(charge for _, charge, _ in system.parts) == system.charge
    unpaired = [multiplicity - 1 for _, _, multiplicity in system.parts]
    assert (sum(unpaired) - (system.spin_multiplicity - 1)) % 2 == 0


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_every_point_has_the_symmetry_that_full_ci_is_given(system):
    for point in single_points.of_system(system):
        assert point.molecule("sto-3g", point.symmetry).groupname == point.symmetry


def test_known_geometries():
    square = SYSTEMS["H4 square"].positions(1.2)
    lengths = np.linalg.norm(square[:, None] - square[None], axis=-1)
    np.testing.assert_allclose(np.sort(lengths[0]), [0, 1.2, 1.2, 1.2 * np.sqrt(2)])
    water = SYSTEMS["H2O cut"].positions(2.0)
    assert np.linalg.norm(water[1]) == pytest.approx(2.0)
    assert np.degrees(np.arccos(water[1] @ water[2] / (2.0 * np.linalg.norm(water[2])))) == pytest.approx(
        104.48, abs=0.01
    )
    methane = SYSTEMS["CH4 cut"].positions(1.087)
    inner = methane[1:] @ methane[1:].T
    np.testing.assert_allclose(inner[np.triu_indices(4, 1)] / inner[0, 0], -1 / 3, atol=1e-12)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Three points of H2, H2+ and two protons in a small basis, as shipped files."""
    patch = pytest.MonkeyPatch()
    few = {
        name: dataclasses.replace(SYSTEMS[name], points=5, shortest=0.8, longest=5.0)
        for name in ("H2", "H2+", "two protons")
    }
    for module in (systems, pieces, curves, curve_errors):
        patch.setattr(module, "SYSTEMS", few)
    for module in (pieces, curves):
        patch.setattr(module, "BASIS", "6-31g")
    folder, output = tmp_path_factory.mktemp("pieces"), tmp_path_factory.mktemp("shipped")
    build.main([str(folder), "--systems=H2,H2+,two protons", "--parts=hf,cluster,reference,pbe0"])
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}
    build.main([str(folder), "--systems=H2,H2+,two protons", "--parts=hf,cluster,reference,pbe0"])
    build.main([str(folder), f"--assemble={output}"])
    patch.undo()
    return folder, output, before


def test_finished_pieces_are_not_computed_again(built):
    folder, _, before = built
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}
    assert len(before) > 20


def test_rows_are_exact_for_no_one_and_two_electrons(built):
    rows = curves.load_curves(built[1] / curves.CURVES)
    by = {(row.system, row.method, row.distance_angstrom): row.energy_ev for row in rows}
    protons = [row for row in rows if row.system == "two protons" and row.method == REFERENCE]
    assert len(protons) == 5
    for row in protons:
        assert row.energy_ev == pytest.approx(units.COULOMB_EV_ANGSTROM / row.distance_angstrom, rel=1e-6)
    for row in rows:
        if row.method == REFERENCE and row.system != "two protons":
            assert by[row.system, "uccsd(t)", row.distance_angstrom] == pytest.approx(row.energy_ev, abs=1e-4)
            assert by[row.system, "uccsd", row.distance_angstrom] == by[row.system, "uccsd(t)", row.distance_angstrom]
    ion = [row for row in rows if row.system == "H2+" and row.method == "uhf"]
    assert all(by["H2+", REFERENCE, row.distance_angstrom] == pytest.approx(row.energy_ev, abs=1e-4) for row in ion)
    best = [row for row in rows if row.method == REFERENCE and row.system == "H2"]
    worse = [by["H2", "uhf", row.distance_angstrom] - row.energy_ev for row in best]
    assert max(worse) > 0.5


def test_features_of_the_points_are_read_back_with_what_made_them(built):
    features = feature_files.load(built[1] / curves.FEATURES)
    assert sorted(set(features.name.tolist())) == ["H2", "H2+", "atom H"]
    assert features.manifest["made_by_sha256"] == feature_files.makers("6-31g")["made_by_sha256"]
    assert features.manifest["made_by_sha256"] != feature_files.makers("cc-pvdz")["made_by_sha256"]
    two = features.name == "H2"
    totals = features.tables.sum((2, 3))[two]
    place = features.manifest["tables"].index("opposite_energy")
    gained = (features.energies["uccsd"] - features.energies["uhf"])[two]
    np.testing.assert_allclose(totals[:, place], gained, atol=2e-6)
    assert np.isfinite(features.energies["pbe0"]).all()
    assert features.minimal["hf_density"].trace(axis1=2, axis2=3).sum(1)[two] == pytest.approx(2.0)


def test_damaged_features_are_refused(built, tmp_path):
    path = tmp_path / "features.hdf5"
    content = bytearray((built[1] / curves.FEATURES).read_bytes())
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"features.hdf5 is unreadable or no HDF5 file"):
        feature_files.load(path)
    features = feature_files.load(built[1] / curves.FEATURES)
    changed = dataclasses.replace(features, charge=features.charge + 1)
    manifest = {**features.manifest}
    feature_files.save(path, changed)
    assert feature_files.load(path).manifest["checksum_sha256"] != manifest["checksum_sha256"]


def test_nothing_finished_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        build.main([str(tmp_path), f"--assemble={tmp_path / 'out'}"])
    assert "holds no finished curve" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        build.main([str(tmp_path), "--systems=He2"])
    assert "'He2' is none of H2, " in capsys.readouterr().err


def row(method, distance, energy, basis="cc-pvdz"):
    return Row("HF", 0, 1, distance, method, basis, energy, bool(np.isfinite(energy)), float("nan"))


def test_errors_are_the_differences_from_the_reference_by_region():
    kcal = units.KCAL_PER_MOL_EV
    distances = (0.7, 0.9168, 1.5, 2.5)
    rows = [row(REFERENCE, r, -1.0) for r in distances]
    rows += [row("uhf", r, -1.0 + kcal * e) for r, e in zip(distances, (1.0, -2.0, 3.0, np.nan), strict=True)]
    rows += [row("uhf", r, 50.0, "6-31g") for r in distances]
    found = {(e.region, e.method): e for e in curve_errors.errors(rows)}
    whole = found["whole", "uhf"]
    assert (whole.points, whole.missing) == (3, 1)
    assert whole.mean_kcal_per_mol == pytest.approx(2.0)
    assert whole.largest_kcal_per_mol == pytest.approx(3.0)
    assert whole.non_parallelity_kcal_per_mol == pytest.approx(5.0)
    assert found["well", "uhf"].mean_kcal_per_mol == pytest.approx(2.0)
    assert found["wall", "uhf"].largest_kcal_per_mol == pytest.approx(1.0)
    assert np.isnan(found["tail", "uhf"].mean_kcal_per_mol)
    broken = found["broken", "uhf"]
    assert (broken.points, broken.missing) == (1, 1)
    assert broken.mean_kcal_per_mol == pytest.approx(3.0)
    assert {e.method for e in curve_errors.errors(rows)} == {"uhf"}


def test_errors_of_members_are_means_over_them_and_curves_count_alike():
    kcal = units.KCAL_PER_MOL_EV
    two = kcal * np.array([[1.0, -2.0, 3.0], [3.0, -4.0, np.nan]])
    found = {error.region: error for error in curve_errors.by_region(two, ("well", "middle", "tail"))}
    assert found["whole"].mean_kcal_per_mol == pytest.approx(2.5)
    assert found["whole"].largest_kcal_per_mol == pytest.approx(3.0)
    assert found["tail"].points == 0, "a point counts where every member has an energy"
    regions = {"long": ("well", "middle", "tail"), "short": ("well",), "none": ("well",)}
    own = {"long": two[0], "short": kcal * np.array([6.0]), "none": np.array([np.nan])}
    overall = curve_errors.overall(own, regions)
    assert overall.mean_kcal == pytest.approx((2.0 + 6.0) / 2)
    assert overall.broken_kcal == pytest.approx(2.5)
    assert overall.largest_kcal == pytest.approx(6.0)


def test_padding_is_undone(built):
    features = feature_files.load(built[1] / curves.FEATURES)
    again = feature_files.join(feature_files.split(features), features.manifest)
    for name in ("name", "coordinate", "atomic_numbers", "positions", "tables", "atoms"):
        np.testing.assert_array_equal(getattr(again, name), getattr(features, name))
    for name, array in features.minimal.items():
        np.testing.assert_array_equal(again.minimal[name], array)
    alone = next(one for one in feature_files.split(features) if one.name == "atom H")
    assert alone.tables.shape[1:] == (1, 1)
    assert len(alone.minimal["hf_atom"]) == 1


def test_full_ci_of_square_h4_is_below_every_other_method_s_right_root():
    """The square has two states that cross in symmetry; irrep by irrep none is lost."""
    system = SYSTEMS["H4 square"]
    point = single_points.of_system(dataclasses.replace(system, points=3))[1]
    molecule = point.molecule("sto-3g")
    field = electronic_structure.lowest_field(molecule, "hf")
    energy = single_points.reference(point, "sto-3g", "fci", field.density)
    from pyscf import fci, scf

    free = scf.UHF(molecule).run(verbose=0)
    one = free.mo_coeff[0].T @ free.get_hcore() @ free.mo_coeff[0]
    from pyscf import ao2mo

    matrix = fci.direct_spin1.pspace(one, ao2mo.kernel(molecule, free.mo_coeff[0]), 4, (2, 2), np=36)[1]
    assert energy == pytest.approx(np.linalg.eigvalsh(matrix)[0] + molecule.energy_nuc(), abs=1e-8)


def lowest(point, basis, irreps):
    molecule = point.molecule(basis, point.symmetry)
    space = electronic_structure.active_space(molecule, coupled_cluster.num_core_orbitals(molecule))
    return min(electronic_structure.lowest_by_irrep(space, point.spin_multiplicity, irreps).values())


def shown(name):
    """A curve's shortest, bonded and longest point, but where at the longest not every irrep converges."""
    points = single_points.of_system(SYSTEMS[name])
    return [points[place] for place in ((0, 5) if name == "N2" else (0, 5, 17))]


KNOWN = {symbol: [single_points.of_atom(symbol, 0, elements.GROUND_MULTIPLICITIES[elements.ATOMIC_NUMBERS[symbol]])]
         for symbol in ("Li", "B", "C", "N", "O", "F")}  # fmt: skip
KNOWN |= {name: shown(name) for name in ("H4 line", "HF", "N2")}


@pytest.mark.parametrize("name", KNOWN)
def test_ground_state_is_of_the_irreps_that_are_stated(name):
    basis = "sto-3g" if name == "N2" else "6-31g"
    for point in KNOWN[name]:
        assert point.irreps
        assert lowest(point, basis, point.irreps) == pytest.approx(lowest(point, basis, ()), abs=1e-8)


def test_control_another_irrep_is_higher():
    (point,) = KNOWN["C"]
    assert lowest(point, "6-31g", ("Au",)) > lowest(point, "6-31g", point.irreps) + 0.1


def left_behind(rows):
    """Points of neutral curves' last distances where an unrestricted method does not end on its own atoms."""
    last = {name: system.distances_angstrom[-1] for name, system in systems.SYSTEMS.items() if not system.charge}
    return [
        (row.system, row.method)
        for row in rows
        if row.system in last and abs(row.distance_angstrom - last[row.system]) < 1e-5
        if row.converged and row.system in ("H2", "H3", "HF", "F2") and abs(row.energy_ev) > 0.2
    ]


def test_no_shipped_field_stays_restricted_where_bonds_are_broken():
    rows = curves.load_curves(curves.SHIPPED / curves.CURVES)
    assert left_behind(rows) == []
    at = systems.SYSTEMS["H2"].distances_angstrom[-1]
    restricted = next(row for row in rows if row.system == "H2" and row.distance_angstrom == round(at, 6))
    assert left_behind([restricted._replace(energy_ev=4.6)]), "a field that did not break is not seen"
