"""Coupled cluster and its features: what no choice of orbitals, axes or fragments may change."""

import functools

import numpy as np
import pytest
from scipy.stats import ortho_group, special_ortho_group

from h2scale import electronic_structure
from h2scale.electronic_structure import atom_pairs, cluster_features, coupled_cluster
from h2scale.electronic_structure.atom_pairs import Blocks, Spins
from h2scale.physics import fci

BASIS = "6-31g"
GATED = np.array(["gated" in name for name in atom_pairs.TABLES])
DECAYING = np.array([name != "exchange" for name in atom_pairs.TABLES])
HYDROXYL = (("O", "H"), np.array([[0.0, 0.0, 0.0], [0.3, 0.1, 1.85]]), 2)
WATER = (("O", "H", "H"), np.array([[0.0, 0.0, 0.0], [0.0, 0.1, 1.81], [1.75, 0.0, -0.45]]), 1)
CHAIN = (("H", "H", "H"), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.8], [0.0, 0.2, 3.7]]), 2)
HYDROGEN = (("H", "H"), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.5]]), 1)
STRETCHED = (("H", "H"), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 4.0]]), 1)
TRIPLET = (("H", "H"), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 2.0]]), 3)
HYDRIDE = (("Li", "H"), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0]]), 1)
ATOM = (("H",), np.zeros((1, 3)), 2)
FAR = np.array([0.0, 60.0, 0.0])


def molecule_of(system, basis=BASIS, charge=0):
    symbols, positions, multiplicity = system
    return electronic_structure.make_molecule(symbols, positions, basis, charge=charge, spin_multiplicity=multiplicity)


def describe(system, basis=BASIS, charge=0):
    molecule = molecule_of(system, basis, charge)
    with electronic_structure.one_thread():
        return electronic_structure.describe(molecule, electronic_structure.lowest_field(molecule, "hf"))


@functools.cache
def cluster_of(name):
    """Coupled cluster of a named system, as arrays."""
    kept = []
    keep = pytest.MonkeyPatch()
    keep.setattr(atom_pairs, "tables", lambda cluster: kept.append(cluster) or np.zeros((1, 1, 1)))
    try:
        describe(globals()[name])
    finally:
        keep.undo()
    return kept[0]


def rotated(cluster, up, down):
    """The same state over other occupied orbitals: the columns of orthogonal matrices."""

    def turn(blocks, subscripts):
        spins = ((up, up), (up, down), (down, down))
        first = subscripts.count("i")
        return Blocks(
            *(
                np.einsum(subscripts, block, *([a, b] if first else []))
                for block, (a, b) in zip(blocks, spins, strict=True)
            )
        )

    def turn_four(blocks):
        spins = ((up, up), (up, down), (down, down))
        return Blocks(
            *(
                np.einsum("ijkl,im,jn,kp,lq->mnpq", block, a, a, b, b)
                for block, (a, b) in zip(blocks, spins, strict=True)
            )
        )

    return cluster._replace(
        singles=Spins(*(u.T @ t for u, t in zip((up, down), cluster.singles, strict=True))),
        doubles=turn(cluster.doubles, "ijab,ik,jl->klab"),
        perturbed=turn(cluster.perturbed, "ijab,ik,jl->klab"),
        repulsion=turn(cluster.repulsion, "iajb,ik,jl->kalb"),
        short_range=turn_four(cluster.short_range),
        fock=Spins(*(u.T @ f @ u for u, f in zip((up, down), cluster.fock, strict=True))),
        projectors=Spins(*(u.T @ p @ u for u, p in zip((up, down), cluster.projectors, strict=True))),
    )


def rotations(cluster, seed=0):
    rng = np.random.default_rng(seed)
    return [
        ortho_group.rvs(len(fock), random_state=rng) if len(fock) > 1 else np.ones((len(fock),) * 2)
        for fock in cluster.fock
    ]


def orbital_pair_energies(cluster):
    """A broken feature: energies of pairs of orbitals, shared out to the atoms by their populations."""
    tau = cluster.doubles.up_down + np.einsum("ia,jb->ijab", *cluster.singles)
    energies = np.einsum("ijab,iajb->ij", tau, cluster.repulsion.up_down)
    populations = [np.einsum("aii->ai", projector) for projector in cluster.projectors]
    return populations[0] @ energies @ populations[1].T


@pytest.mark.parametrize("name", ["HYDROXYL", "WATER", "CHAIN"])
def test_no_choice_of_occupied_orbitals_changes_a_feature(name):
    cluster = cluster_of(name)
    turned = rotated(cluster, *rotations(cluster))
    scale = np.abs(atom_pairs.tables(cluster)).max()
    np.testing.assert_allclose(atom_pairs.tables(turned), atom_pairs.tables(cluster), atol=1e-9 * scale)
    np.testing.assert_allclose(atom_pairs.atoms(turned), atom_pairs.atoms(cluster), atol=1e-9)
    broken = np.abs(orbital_pair_energies(turned) - orbital_pair_energies(cluster)).max()
    assert broken > 1e-4, "the control is unchanged too: this rotation checks nothing"


@pytest.mark.parametrize("name", ["HYDROXYL", "CHAIN"])
def test_spins_may_change_places(name):
    cluster = cluster_of(name)
    flipped = cluster._replace(
        **{field: Spins(*getattr(cluster, field)[::-1]) for field in ("singles", "fock", "projectors")},
        **{
            field: Blocks(
                getattr(cluster, field).down_down,
                getattr(cluster, field).up_down.transpose(order),
                getattr(cluster, field).up_up,
            )
            for field, order in (
                ("doubles", (1, 0, 3, 2)),
                ("perturbed", (1, 0, 3, 2)),
                ("repulsion", (2, 3, 0, 1)),
                ("short_range", (2, 3, 0, 1)),
            )
        },
    )
    np.testing.assert_allclose(atom_pairs.tables(flipped), atom_pairs.tables(cluster), atol=1e-10)
    np.testing.assert_allclose(atom_pairs.atoms(flipped), atom_pairs.atoms(cluster), atol=1e-10)
    assert cluster.projectors.up.shape != cluster.projectors.down.shape


@pytest.mark.parametrize("system", [HYDROXYL, WATER], ids=["radical", "closed shell"])
def test_axes_and_order_of_atoms_do_not_matter(system):
    symbols, positions, multiplicity = system
    rng = np.random.default_rng(1)
    order = rng.permutation(len(symbols))[::-1]
    turn = special_ortho_group.rvs(3, random_state=rng)
    moved = (tuple(symbols[i] for i in order), -(positions @ turn.T)[order] + 3.0, multiplicity)
    one, other = describe(system), describe(moved)
    np.testing.assert_allclose(other.tables, one.tables[:, order][:, :, order], atol=2e-6)
    np.testing.assert_allclose(other.atoms, one.atoms[order], atol=2e-5)
    assert other.uccsd_t_hartree == pytest.approx(one.uccsd_t_hartree, abs=1e-7)
    assert np.abs(one.tables - one.tables[:, order][:, :, order]).max() > 1e-2


def side_by_side(first, second, multiplicity):
    return ((*first[0], *second[0]), np.concatenate([first[1], second[1] + FAR]), multiplicity)


@pytest.mark.parametrize(
    ("first", "second", "multiplicity"),
    [(HYDROGEN, HYDROGEN, 1), (HYDROXYL, CHAIN, 3)],
    ids=["two of a kind", "two radicals"],
)
def test_fragments_far_apart_add(first, second, multiplicity):
    parts = [describe(first), describe(second)]
    whole = describe(side_by_side(first, second, multiplicity))
    assert np.abs(blocks_missing(parts, whole)).max() < 2e-6
    for name in ("uhf_hartree", "ump2_hartree", "uccsd_hartree", "uccsd_t_hartree"):
        assert getattr(whole, name) == pytest.approx(sum(getattr(part, name) for part in parts), abs=3e-6)
    np.testing.assert_allclose(whole.atoms[:, :4], np.concatenate([p.atoms[:, :4] for p in parts]), atol=5e-5)


def blocks_missing(parts, whole):
    """Difference of the tables that decay from those of the parts on the diagonal and zero beside it."""
    number = len(parts[0].atoms)
    expected = np.zeros_like(whole.tables)
    expected[:, :number, :number], expected[:, number:, number:] = (part.tables for part in parts)
    return (whole.tables - expected)[DECAYING]


def test_gate_of_long_range_would_not_add(monkeypatch):
    monkeypatch.setattr(cluster_features, "RANGE_PER_BOHR", 1e-5)
    parts = [describe(HYDROXYL), describe(HYDROGEN)]
    whole = describe(side_by_side(HYDROXYL, HYDROGEN, 2))
    assert np.abs(blocks_missing(parts, whole)).max() > 1e-4


@pytest.mark.parametrize(
    ("system", "charge"),
    [(HYDROGEN, 0), (STRETCHED, 0), (TRIPLET, 0), (HYDRIDE, 0), (ATOM, 0), ((("H", "H"), STRETCHED[1], 2), 1)],
    ids=["H2", "broken H2", "triplet H2", "LiH", "H", "H2+"],
)
def test_gates_are_shut_for_two_electrons(system, charge):
    found = describe(system, charge=charge)
    assert found.num_correlated <= 2
    assert np.abs(found.tables[GATED]).max() < 1e-12
    assert found.uccsd_t_hartree == found.uccsd_hartree


def test_gates_open_for_a_third_electron():
    found = describe(CHAIN)
    energies = found.tables.sum((1, 2))
    assert found.num_correlated == 3
    weakest = atom_pairs.TABLES.index(f"opposite_energy_gated_{atom_pairs.GATES_HARTREE[-1]:g}")
    assert energies[weakest] < -1e-4


def test_gate_of_exchange_that_keeps_its_own_would_be_open_for_two_electrons(monkeypatch):
    monkeypatch.setattr(atom_pairs, "_crowding", lambda block: np.einsum("ikkj->ij", block))
    assert np.abs(describe(HYDROGEN).tables[GATED]).max() > 1e-3


@pytest.mark.parametrize("name", ["HYDROXYL", "WATER", "TRIPLET"])
def test_tables_of_energies_add_up_to_the_correlation_energies(name):
    found, cluster = describe(globals()[name]), cluster_of(name)
    total = found.tables.sum((1, 2))
    places = [atom_pairs.TABLES.index(f"{channel}_energy") for channel in atom_pairs.CHANNELS]
    assert sum(total[place] for place in places) == pytest.approx(found.uccsd_hartree - found.uhf_hartree, abs=1e-6)
    places = [atom_pairs.TABLES.index(f"{channel}_mp2") for channel in atom_pairs.CHANNELS]
    assert sum(total[place] for place in places) == pytest.approx(found.ump2_hartree - found.uhf_hartree, abs=1e-9)
    for projector in cluster.projectors:
        np.testing.assert_allclose(projector.sum(axis=0), np.eye(projector.shape[1]), atol=1e-8)
    np.testing.assert_allclose(found.tables, found.tables.swapaxes(1, 2), atol=1e-14)


@pytest.mark.parametrize("system", [HYDROXYL, WATER], ids=["radical", "closed shell"])
def test_energies_are_those_of_pyscf_by_itself(system):
    from pyscf import cc, mp, scf

    found, molecule = describe(system), molecule_of(system)
    field = scf.UHF(molecule).run(conv_tol=1e-11)
    cluster = cc.UCCSD(field, frozen=1).run()
    assert found.uhf_hartree == pytest.approx(field.e_tot, abs=1e-8)
    assert found.ump2_hartree == pytest.approx(mp.UMP2(field, frozen=1).run().e_tot, abs=1e-7)
    assert found.uccsd_hartree == pytest.approx(cluster.e_tot, abs=1e-6)
    assert found.uccsd_t_hartree == pytest.approx(cluster.e_tot + cluster.ccsd_t(), abs=1e-6)


def test_broken_symmetry_is_told_and_two_electrons_are_exact(monkeypatch):
    """The lowest state of two electrons by dense diagonalisation, where singlet and triplet nearly meet."""
    from h2scale.physics import few_electrons

    far = (("H", "H"), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 7.005]]), 1)
    for system in (STRETCHED, far):
        found = describe(system)
        assert not found.restricted
        assert found.spin_squared > 0.5
        symmetric = electronic_structure.make_molecule(*system[:2], BASIS, symmetry="D2h")
        exact = few_electrons.states(electronic_structure.integrals(symmetric), 2, 1)[0].energy_hartree
        assert found.uccsd_hartree == pytest.approx(exact, abs=1e-6)
    assert describe(HYDROGEN).restricted
    monkeypatch.setattr(coupled_cluster, "_BROKEN", 10.0)
    assert abs(describe(far).uccsd_hartree - exact) > 5e-5, "the usual start finds it too: this distance checks nothing"


def test_two_electrons_are_exact_without_a_frozen_core_too(monkeypatch):
    """3.6 angstrom, where from the usual start coupled cluster ends 6 meV too high."""
    molecule = electronic_structure.make_molecule(("H", "H"), np.array([[0.0, 0, 0], [0, 0, 6.803]]), "def2-svp")
    density = electronic_structure.lowest_field(molecule, "hf").density
    exact = fci.lowest_energy(molecule.elements, molecule.atom_coords(), "def2-svp", 0, 1)
    found = electronic_structure.ccsd_t_energy(molecule, density, restricted=False)
    assert found == pytest.approx(exact, abs=1e-6)
    monkeypatch.setattr(coupled_cluster, "_BROKEN", 10.0)
    assert electronic_structure.ccsd_t_energy(molecule, density, restricted=False) > exact + 1e-4


def test_reference_of_pure_spin_repairs_contamination():
    """CCSD(T) of a bond that breaks spin symmetry too early: the restricted one is lower than the broken one."""
    system = (("O", "H", "H"), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.8], [1.75, 0.0, -0.45]]), 1)
    molecule = molecule_of(system)
    field = electronic_structure.lowest_field(molecule, "hf")
    same = coupled_cluster.pure_spin(molecule, field)
    assert same.energy_hartree == pytest.approx(
        electronic_structure.describe(molecule, field).uccsd_t_hartree, abs=1e-7
    )
    radical = molecule_of(HYDROXYL)
    pure = coupled_cluster.pure_spin(radical, electronic_structure.lowest_field(radical, "hf"))
    broken = describe(HYDROXYL)
    assert broken.spin_squared > 0.75 + 1e-3
    assert pure.spin_squared == pytest.approx(0.75)
    assert 1e-7 < abs(pure.energy_hartree - broken.uccsd_t_hartree) < 1e-3


def test_restricted_field_is_that_of_the_lowest_state():
    """Ethynyl: superposed atoms lead to its Pi state, half an electronvolt above Sigma."""
    bohr = np.cumsum([0.0, 2.3, 2.0])
    ethynyl = molecule_of((("C", "C", "H"), np.outer(bohr, [0.0, 0.0, 1.0]), 2))
    lowest = electronic_structure.lowest_field(ethynyl, "hf")
    reached = coupled_cluster.lowest_restricted(ethynyl, lowest)
    alone = electronic_structure.mean_field(ethynyl, "hf", restricted=True, density=None, grid_level=0, follow=True)
    assert lowest.energy_hartree < reached.energy_hartree < alone.energy_hartree - 1e-3


def test_heavier_elements_are_refused():
    molecule = electronic_structure.make_molecule(("Na", "H"), np.array([[0.0, 0, 0], [0, 0, 3.5]]), "sto-3g")
    with pytest.raises(ValueError, match="frozen core is known up to neon; got NaH"):
        coupled_cluster.num_core_orbitals(molecule)


def test_a_spin_with_too_many_electrons_is_refused():
    atom = molecule_of((("He",), np.zeros((1, 3)), 3), "cc-pvdz")
    field = electronic_structure.mean_field(atom, "hf", restricted=False, density=None, grid_level=0, follow=False)
    with pytest.raises(ValueError, match="2 electrons of one spin, more than the 1 orbitals of its free atoms"):
        electronic_structure.describe(atom, field)


def test_coupled_cluster_that_does_not_converge_is_an_error(monkeypatch):
    monkeypatch.setattr(coupled_cluster, "_CYCLES", 1)
    with pytest.raises(ValueError, match=r"CCSD of OHH \(charge 0, 6-31g\) at .* bohr did not converge"):
        describe(WATER)
