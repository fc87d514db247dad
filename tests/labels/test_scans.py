"""Labels along a scan: the lowest solution, by laws that hold whatever finds it."""

import numpy as np
import pytest

from h2scale import config as config_lib
from h2scale import electronic_structure, units
from h2scale.electronic_structure import kohn_sham, stability, starts
from h2scale.labels import dft, molecules, recipe, relabel, scans, store, work_scans
from h2scale.stages import labels
from h2scale.types import Structure

LEVEL = kohn_sham.Level(grid_level=1)
NITROGEN = dft.Species(("N", "N"), 0, 1)
FLUORINE = dft.Species(("F", "F"), 0, 1)


@pytest.fixture(autouse=True)
def _one_thread():
    with electronic_structure.one_thread():
        yield


def along(*distances):
    return [np.array([[0.0, 0, 0], [0, 0, d]]) for d in distances]


def alone(smiles, number, positions, level):
    """Energy of a homonuclear pair by the plain loop."""
    pair = Structure(np.array([number] * 2), positions, 0.0, np.zeros((2, 3)), 0, 1, "", "", smiles, "", 0.0)
    return relabel.plain_label(pair, level.functional, level.basis, level.grid_level)[0]


def atom_energy(symbol, multiplicity):
    prepared = dft.problem(dft.Species((symbol,), 0, multiplicity), np.zeros((1, 3)), LEVEL)
    found = kohn_sham.unrestricted(prepared, starts.polarised(prepared, np.zeros(1)))
    return stability.relax(prepared, found)[0].energy_hartree * units.HARTREE_EV


@pytest.fixture(scope="module")
def nitrogen():
    with electronic_structure.one_thread():
        return scans.label_scan(
            NITROGEN,
            along(0.8, 1.1, 1.5, 2.0, 3.0, 4.5),
            LEVEL,
            center=1,
            polarisations=[np.array([1.0, -1.0])],
        )


def test_a_triple_bond_dissociates_into_two_quartet_atoms(nitrogen):
    far = nitrogen.labels[-1]
    assert far.energy == pytest.approx(2 * atom_energy("N", 4), abs=5e-3)
    assert far.spin_squared == pytest.approx(3.0, abs=0.02)  # six unpaired electrons, three up and three down
    assert far.convergence.startswith("broken symmetry, stable, lowest of ")


def test_a_broken_bond_ends_in_the_ground_states_of_its_fragments():
    # Polarising the two carbons alone leaves two quartets, or, by rounding, other excited fragments.
    level = LEVEL._replace(basis="sto-3g", grid_level=0)
    acetylene, methylidyne = dft.Species(("C", "C", "H", "H"), 0, 1), dft.Species(("C", "H"), 0, 2)
    path = [np.array([[0, 0, -d / 2], [0, 0, d / 2], [0, 0, -d / 2 - 1.07], [0, 0, d / 2 + 1.07]]) for d in (1.2, 2, 8)]
    bond = np.array([1.0, -1.0, 0.0, 0.0])
    polarised = scans.label_scan(acetylene, path, level, center=0, polarisations=[bond])
    scan = scans.label_scan(acetylene, path, level, center=0, polarisations=[bond], fragments=[(0, 2), (1, 3)])
    doublet, _ = dft.label(methylidyne, along(1.07)[0], level)
    assert scan.labels[-1].energy == pytest.approx(2 * doublet.energy, abs=5e-3)
    assert scan.labels[-1].energy < polarised.labels[-1].energy - 0.05
    assert all(
        found.energy <= without.energy + 1e-6 for found, without in zip(scan.labels, polarised.labels, strict=True)
    )


def test_near_equilibrium_the_restricted_solution_is_kept(nitrogen):
    for label in nitrogen.labels[:2]:
        assert label.spin_squared == 0
        assert label.convergence.startswith("restricted, stable")
    assert not nitrogen.failures


def test_forces_are_the_slope_of_the_scan_where_it_is_smooth():
    outcome = scans.label_scan(NITROGEN, along(1.099, 1.1, 1.101), LEVEL, center=1)
    slope = (outcome.labels[2].energy - outcome.labels[0].energy) / 0.002
    # Forces leave out how the grid moves with the atoms: some 1e-3 hartree/bohr at this grid.
    assert -outcome.labels[1].forces[1, 2] == pytest.approx(slope, abs=0.1)


def test_no_label_lies_above_one_made_alone(nitrogen):
    for index, positions in zip((1, 3, 5), along(1.1, 2.0, 4.5), strict=True):
        assert nitrogen.labels[index].energy <= alone("N#N", 7, positions, LEVEL) + 1e-5


def test_a_scan_finds_the_broken_solution_from_its_far_end_alone():
    # Inward from 3 angstrom only: the restricted start at the far end is a saddle and has to be left.
    outcome = scans.label_scan(dft.Species(("H", "H"), 0, 1), along(0.75, 1.5, 3.0), LEVEL, center=2)
    assert [round(label.spin_squared) for label in outcome.labels] == [0, 0, 1]
    assert outcome.labels[2].energy == pytest.approx(2 * atom_energy("H", 2), abs=0.02)


def jumping(spin_change):
    """A scan's labels with a step of 9 eV that the forces at its ends do not explain."""
    force = np.array([[0.0, 0, 1.0], [0, 0, -1.0]])
    energies, spins = (0.0, 1.0, 10.0), (0.0, 0.0, spin_change)
    return [
        dft.Label(positions, energy, force, spin, "")
        for positions, energy, spin in zip(along(1.0, 2.0, 3.0), energies, spins, strict=True)
    ]


def test_a_jump_counts_unless_the_spin_explains_it():
    assert scans._unexplained_jump(jumping(0.0)) == pytest.approx(8.0)
    assert scans._unexplained_jump(jumping(1.0)) is None
    assert scans._unexplained_jump(jumping(0.0)[:2]) is None


def test_isolated_open_p_shells_are_turned_until_nothing_is_lower():
    # Left along the bond, as without `alone`, the holes of two fluorine atoms cost 4 meV at the second distance.
    level, path = kohn_sham.Level(), along(1.52, 3.87)
    opposite = [np.array([1.0, -1.0])]
    outcome = scans.label_scan(FLUORINE, path, level, center=0, polarisations=opposite, own_grid=True, alone=1)
    assert outcome.labels[-1].energy <= alone("FF", 9, path[-1], level) + 1e-4


def test_of_two_searches_every_point_gets_the_lower_label(monkeypatch):
    def label(energy):
        return dft.Label(np.zeros((2, 3)), energy, np.zeros((2, 3)), 0.0, "")

    first = scans.ScanOutcome([label(0.2), label(-0.2), None, None], {2: "coarse", 3: "coarse"})
    second = scans.ScanOutcome([label(0.1), None, label(0.4), None], {1: "own", 3: "own"})
    found = {dft.EXPLORATION_GRID_LEVEL: first, LEVEL.grid_level: second}
    monkeypatch.setattr(scans, "_search", lambda species, path, level, grid_level, **_: found[grid_level])
    path = along(1.0, 2.0, 3.0, 4.0)
    both = scans.label_scan(FLUORINE, path, LEVEL, center=0, own_grid=True)
    assert [one and one.energy for one in both.labels] == [0.1, -0.2, 0.4, None]
    assert both.failures == {3: "coarse"}
    coarse = scans.label_scan(FLUORINE, path, LEVEL, center=0)
    assert [one and one.energy for one in coarse.labels] == [0.2, -0.2, None, None]


def test_scaled_molecules_are_searched_at_every_point():
    # Started at its last point alone, the second of these may stay 0.38 eV too high; rounding decides.
    pytest.importorskip("rdkit")
    level, species = LEVEL._replace(basis="sto-3g", grid_level=0), dft.Species(("F", "O", "F"), 0, 1)
    bent = np.array([[-1.17, -0.26, 0], [0, 0.54, 0], [1.16, -0.28, 0]])
    path = [factor * bent for factor in (1.0, 1.25, 1.75)]
    patterns = work_scans.scaled_polarisations(molecules.molecule("FOF"))
    found = scans.label_scan(species, path, level, center=0, polarisations=patterns, every_point=True)
    for label, positions in zip(found.labels[1:], path[1:], strict=True):
        prepared = dft.problem(species, positions, level)
        alone = [kohn_sham.unrestricted(prepared, starts.polarised(prepared, spins)) for spins in patterns]
        alone.append(dft.ground_solution(prepared)[0])
        assert label.energy <= min(one.energy_hartree for one in alone) * units.HARTREE_EV + 1e-5
        assert label.spin_squared > 0.1


def test_scaled_molecules_start_from_opposite_spins_over_all_and_over_each_kind_of_bond():
    pytest.importorskip("rdkit")
    alternating, *bonds = work_scans.scaled_polarisations(molecules.molecule("CO"))
    assert sorted(np.flatnonzero(pattern).tolist() for pattern in bonds) == [[0, 1], [0, 2], [1, 5]]
    assert all(sorted(pattern[pattern != 0]) == [-1, 1] for pattern in bonds)
    np.testing.assert_array_equal(alternating, [1, -1, -1, -1, -1, 1])


@pytest.mark.parametrize(
    ("smiles", "fragments", "searches"),
    [
        ("C#C", 2, {(False, 0)}),
        ("CC", 0, {(False, 0)}),
        ("FF", 0, {(True, 4)}),
        ("N#N", 2, {(False, 0)}),
        ("CF", 0, {(False, 0), (True, 0)}),
        ("C=O", 2, {(False, 0), (True, 0)}),
    ],
)
def test_what_the_plan_says_of_a_bond_reaches_the_search(monkeypatch, smiles, fragments, searches):
    pytest.importorskip("rdkit")
    seen = []

    def label_scan(species, path, level, **search):
        seen.append(search)
        return scans.ScanOutcome([None] * len(path), {})

    monkeypatch.setattr(scans, "label_scan", label_scan)
    mol = molecules.molecule(smiles)
    number = len(mol.atomic_numbers)
    geometry = Structure(
        mol.atomic_numbers, molecules.embed(smiles, 1, 0)[0], 0.0, np.zeros((number, 3)), 0, 1, "", "", smiles, "", 0.0
    )
    parent = store.Result([geometry], extras={"hessian_0": 50.0 * np.eye(3 * number)})
    config = config_lib.default()
    config.labels.update({"smiles": (smiles,), "scans": (4,)})
    settings = labels.make_recipe(config)
    for task in recipe.plan(settings):
        if task.kind == "scan":
            work_scans.scan(settings, task.arguments, parent, np.random.default_rng(0))
    assert len(seen) == 4
    assert max(len(search["fragments"]) for search in seen) == fragments
    assert {(search["own_grid"], search["alone"]) for search in seen} == searches


@pytest.mark.parametrize(
    ("pair", "own_grid"), [(("C", "O"), True), (("O", "H"), True), (("N", "N"), False), (("Li", "H"), False)]
)
def test_curves_that_end_in_open_p_shells_are_searched_on_their_own_grid(monkeypatch, pair, own_grid):
    pytest.importorskip("rdkit")
    seen = []

    def label_scan(species, path, level, **search):
        seen.append((search["own_grid"], search["alone"]))
        return scans.ScanOutcome([None] * len(path), {})

    monkeypatch.setattr(scans, "label_scan", label_scan)
    arguments = {"symbols": list(pair), "charge": 0, "spin_multiplicity": 1, "points": 4, "ground_state": True}
    work_scans.curve(labels.make_recipe(config_lib.default()), arguments, None, np.random.default_rng(0))
    assert seen == [(own_grid, int(own_grid))]
