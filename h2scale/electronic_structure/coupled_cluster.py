"""Unrestricted coupled cluster with a frozen core on the lowest field, and what models of its error may learn from.

Hartree and bohr throughout.
"""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from h2scale.electronic_structure import atom_pairs, fields, mean_fields, molecules
from h2scale.electronic_structure.atom_pairs import Blocks, Cluster, Spins
from h2scale.electronic_structure.fields import Orbitals, Solution
from h2scale.electronic_structure.molecules import Field, Molecule

RANGE_PER_BOHR = 0.5
"""w of erfc(w r) / r: the interaction that gates feel ends some 4 bohr away."""

FORMAT = 1
"""Raised whenever the same geometry gives other numbers."""

_ENERGY_TOLERANCE, _AMPLITUDE_TOLERANCE, _CYCLES = 1e-8, 1e-5, 120
_DAMPING = (1.0, 0.6)
"""Share of each step that is taken: the full step, and where that does not converge a smaller one."""
_SAME_ORBITALS = 1e-5
_SPIN_TOLERANCE = 1e-4
_BROKEN = 0.1
"""Excess of <S^2> from which a field counts as broken."""


@dataclasses.dataclass(frozen=True)
class Description:
    """Coupled cluster of one geometry, by energies and by features that no choice of orbitals changes.

    Everything is unchanged by a rotation or inversion of the molecule and by exchange of the two spins, and goes along
    with a permutation of the atoms. Over fragments far apart everything is the fragments' own, and tables between two
    fragments vanish; with no more than two correlated electrons every gated table is zero, as coupled cluster is exact.
    """

    uhf_hartree: float
    ump2_hartree: float  # total energies, of the same frozen core
    uccsd_hartree: float
    uccsd_t_hartree: float
    spin_squared: float  # <S^2> of the field
    t1_diagnostic: float  # norm of the single excitations over the root of the number of correlated electrons
    num_correlated: int  # electrons outside the frozen core
    restricted: bool  # the lowest field has the same orbitals for both spins
    cycles: int  # of coupled cluster
    damped: bool  # it converged by smaller steps only
    tables: np.ndarray  # (n_tables, n_atoms, n_atoms), symmetric; names and units: `atom_pairs.TABLES`
    atoms: np.ndarray  # (n_atoms, n_columns); names and units: `atom_pairs.ATOM_COLUMNS`


@dataclasses.dataclass(frozen=True, eq=False)
class Amplitudes:
    """Converged amplitudes and their orbitals; o and v count correlated occupied and empty orbitals of a spin."""

    singles: Spins  # (o, v)
    doubles: Blocks  # (o, o, v, v); antisymmetric for equal spins
    occupied: Spins  # (n_ao, o) orbitals
    empty: Spins  # (n_ao, v)


def describe(molecule: Molecule, solution: Solution) -> Description:
    """Energies and features of a geometry.

    Args:
        molecule: hydrogen to neon, without symmetry.
        solution: Hartree-Fock, unrestricted, lowest and stable: of `search.lowest_field`.

    Raises:
        ValueError: no convergence of coupled cluster, an element beyond neon, or more electrons of one spin than the
            atoms have valence and core orbitals.
    """
    return describe_with_amplitudes(molecule, solution)[0]


def describe_with_amplitudes(molecule: Molecule, solution: Solution) -> tuple[Description, Amplitudes]:
    """The same, with the amplitudes that it was made from."""
    core = num_core_orbitals(molecule)
    field, restricted = _reference(molecule, solution)
    solved = _solve(molecule, field, core, restricted)
    cluster = _cluster(molecule, solution, field, core, solved.amplitudes)
    mp2 = atom_pairs.correlation_energy(
        cluster._replace(doubles=cluster.perturbed, singles=Spins(*(np.zeros_like(t) for t in cluster.singles)))
    )
    description = Description(
        uhf_hartree=float(field.e_tot),
        ump2_hartree=float(field.e_tot) + mp2,
        uccsd_hartree=float(field.e_tot) + solved.correlation,
        uccsd_t_hartree=float(field.e_tot) + solved.correlation + solved.triples,
        spin_squared=solution.spin_squared,
        t1_diagnostic=_t1_diagnostic(molecule, core, solved.amplitudes),
        num_correlated=molecule.nelectron - 2 * core,
        restricted=restricted,
        cycles=solved.cycles,
        damped=solved.damped,
        tables=atom_pairs.tables(cluster),
        atoms=atom_pairs.atoms(cluster),
    )
    return description, solved.amplitudes


class PureSpin(NamedTuple):
    """CCSD(T) of a field that is an eigenfunction of spin."""

    energy_hartree: float  # total, frozen core
    t1_diagnostic: float
    spin_squared: float
    damped: bool


def pure_spin(molecule: Molecule, lowest: Solution | None = None) -> PureSpin:
    """CCSD(T) with a frozen core on the restricted field, for an open shell on the restricted open-shell one.

    Where the lowest unrestricted field breaks spin symmetry although one configuration dominates, this is the better
    energy; where several do, neither is good, and the T1 diagnostic shows it. The field is the lower of those reached
    from superposed atoms and from the unrestricted one's natural orbitals: the first alone leads ethynyl to its excited
    Pi state.

    Args:
        molecule: hydrogen to neon, without symmetry.
        lowest: its unrestricted Hartree-Fock solution, as for `describe`; None starts from superposed atoms alone.

    Raises:
        ValueError: no convergence of the field or of coupled cluster, an element beyond neon.
    """
    core = num_core_orbitals(molecule)
    solution = _lowest_restricted(molecule, lowest)
    closed = molecule.spin == 0
    field = solution.field if closed else _semicanonical(solution.field, core)
    solved = _solve(molecule, field, core, closed)
    energy = solution.energy_hartree + solved.correlation + solved.triples
    return PureSpin(energy, _t1_diagnostic(molecule, core, solved.amplitudes), solution.spin_squared, solved.damped)


def ccsd_t_energy(molecule: Molecule, density: np.ndarray, *, restricted: bool) -> float:
    """CCSD(T) total energy in hartree, all electrons correlated, on the field that this density belongs to.

    Raises:
        ValueError: Hartree-Fock or coupled cluster does not converge.
    """
    from pyscf import cc

    convergence = mean_fields.CONVERGENCE
    field = mean_fields.make_field(molecule, "hf", restricted=restricted, convergence=convergence)
    fields.converge(field, density, convergence)
    if molecule.nelectron < 2:
        return float(field.e_tot)  # nothing to correlate
    cluster = cc.CCSD(field)
    cluster.conv_tol, cluster.conv_tol_normt, cluster.max_cycle = 1e-9, 1e-5, 200
    cluster.kernel()
    if not cluster.converged:
        raise ValueError(f"CCSD of {molecules.describe(molecule)} did not converge.")
    triples = cluster.ccsd_t() if molecule.nelectron > 2 else 0.0
    return float(cluster.e_tot + triples)


def uccsdt_energy(molecule: Molecule, solution: Solution) -> float:
    """UCCSDT total energy in hartree with a frozen core: full triples, on an unrestricted field.

    Raises:
        ValueError: it does not converge.
    """
    from pyscf import cc

    cluster = cc.UCCSDT(solution.field, frozen=num_core_orbitals(molecule))
    cluster.verbose, cluster.conv_tol, cluster.max_cycle = 0, 1e-7, 100
    cluster.kernel()
    if not cluster.converged:
        raise ValueError(f"UCCSDT of {molecules.describe(molecule)} did not converge.")
    return float(cluster.e_tot)


def num_core_orbitals(molecule: Molecule) -> int:
    """Number of 1s orbitals that stay uncorrelated: one for each atom from lithium to neon.

    Raises:
        ValueError: an element beyond neon.
    """
    charges = molecule.atom_charges()
    if charges.max(initial=0) > 10:
        raise ValueError(f"coupled cluster's frozen core is known up to neon; got {molecules.describe(molecule)}.")
    return int((charges > 2).sum())


@dataclasses.dataclass(frozen=True)
class _Solved:
    correlation: float
    triples: float
    cycles: int
    damped: bool
    amplitudes: Amplitudes


def _lowest_restricted(molecule: Molecule, lowest: Solution | None) -> Solution:
    convergence = mean_fields.CONVERGENCE
    found = mean_fields.mean_field(molecule, "hf", restricted=True, density=None, grid_level=0, follow=True)
    if lowest is None or molecule.nelectron < 2:
        return found

    def way_down(field: Field) -> fields.Instability:
        return fields.Instability((_natural(field, lowest),), may_be_flat=True)

    def make() -> Field:
        return mean_fields.make_field(molecule, "hf", restricted=True, convergence=convergence)

    field, rounds = fields.follow(found.field, way_down, make, convergence)
    return fields.solution(field) if rounds else found


def _natural(field: Field, lowest: Solution) -> fields.Start:
    """Natural orbitals of an unrestricted solution, as many occupied as in a restricted field.

    Second-order steps follow: plain iteration refills the orbitals and may leave their state.
    """
    density = _both_densities(lowest).sum(axis=0)
    overlap = field.get_ovlp()
    _, orbitals = scipy.linalg.eigh(overlap @ density @ overlap, overlap)
    occupations = np.sort(np.asarray(field.mo_occ))[::-1]
    return fields.Start(density, orbitals[:, ::-1], occupations, second_order=True)


def _t1_diagnostic(molecule: Molecule, core: int, amplitudes: Amplitudes) -> float:
    norm = sum(float((single**2).sum()) for single in amplitudes.singles)
    return float(np.sqrt(norm / 2 / max(molecule.nelectron - 2 * core, 1)))


def _semicanonical(field: Field, core: int) -> Field:
    """The unrestricted field of restricted open-shell orbitals, each spin's valence and empty ones canonical.

    Triples are defined over such orbitals (Watts, Gauss and Bartlett, J. Chem. Phys. 98, 8718, 1993).
    """
    from pyscf import scf

    made = scf.addons.convert_to_uhf(field)
    coefficients, fock = np.array(made.mo_coeff), np.asarray(made.get_fock())
    for spin, number in enumerate(field.mol.nelec):
        for block in (slice(core, number), slice(number, None)):
            inside = coefficients[spin][:, block]
            coefficients[spin][:, block] = inside @ np.linalg.eigh(inside.T @ fock[spin] @ inside)[1]
    made.mo_coeff = coefficients
    made.mo_energy = np.einsum("spi,spq,sqi->si", coefficients, fock, coefficients)
    return made


def _reference(molecule: Molecule, solution: Solution) -> tuple[Field, bool]:
    """Field whose orbitals coupled cluster takes: a restricted one where the lowest field is, which is quicker."""
    up, down = (density for density in _both_densities(solution))
    if molecule.spin or solution.spin_squared > _SPIN_TOLERANCE or np.abs(up - down).max() > _SAME_ORBITALS:
        return solution.field, False
    convergence = mean_fields.CONVERGENCE
    field = mean_fields.make_field(molecule, "hf", restricted=True, convergence=convergence)
    fields.converge(field, up + down, convergence)
    return field, True


def _both_densities(solution: Solution) -> np.ndarray:
    density = solution.density
    return np.stack([density / 2] * 2) if density.ndim == 2 else density


def _solve(molecule: Molecule, field: Field, core: int, restricted: bool) -> _Solved:
    coefficients, numbers = _orbitals(field, restricted)
    occupied = Spins(*(coefficients[s][:, core : numbers[s]] for s in range(2)))
    empty = Spins(*(coefficients[s][:, numbers[s] :] for s in range(2)))
    if sum(numbers) - 2 * core < 2 or not any(e.shape[1] for e in empty):
        singles = Spins(*(np.zeros((o.shape[1], v.shape[1])) for o, v in zip(occupied, empty, strict=True)))
        doubles = Blocks(
            *(
                np.zeros((singles[i].shape[0], singles[j].shape[0], singles[i].shape[1], singles[j].shape[1]))
                for i, j in ((0, 0), (0, 1), (1, 1))
            )
        )
        return _Solved(0.0, 0.0, 0, False, Amplitudes(singles, doubles, occupied, empty))
    cluster, cycles, damped = _converged(molecule, field, core, restricted)
    triples = cluster.ccsd_t(eris=cluster.eris) if molecule.nelectron - 2 * core > 2 else 0.0
    if restricted:
        pair = np.asarray(cluster.t2)
        same = pair - pair.transpose(0, 1, 3, 2)
        singles, doubles = Spins(cluster.t1, cluster.t1), Blocks(same, pair, same)
    else:
        singles, doubles = Spins(*cluster.t1), Blocks(*(np.asarray(block) for block in cluster.t2))
    amplitudes = Amplitudes(singles, doubles, occupied, empty)
    return _Solved(float(cluster.e_corr), float(triples), cycles, damped, amplitudes)


def _converged(molecule: Molecule, field: Field, core: int, restricted: bool) -> tuple[Any, int, bool]:
    """PySCF's coupled cluster with its integrals as `eris`, its number of cycles, and whether steps were damped."""
    from pyscf import cc

    start = (None, None) if restricted or not _is_broken(field) else _lowest_singles_and_doubles(field, core)
    for share in _DAMPING:
        cluster = (cc.RCCSD if restricted else cc.UCCSD)(field, frozen=core)
        cluster.verbose, cluster.conv_tol, cluster.conv_tol_normt = 0, _ENERGY_TOLERANCE, _AMPLITUDE_TOLERANCE
        cluster.max_cycle, cluster.diis_space = _CYCLES, 8
        cluster.iterative_damping = share
        cluster.eris = cluster.ao2mo(cluster.mo_coeff)
        cluster.kernel(*start, eris=cluster.eris)
        if cluster.converged:
            return cluster, int(getattr(cluster, "cycles", 0)), share < 1
    raise ValueError(f"CCSD of {molecules.describe(molecule)} did not converge.")


def _is_broken(field: Field) -> bool:
    spin = field.mol.spin / 2
    return float(field.spin_square()[0]) > spin * (spin + 1) + _BROKEN


def _lowest_singles_and_doubles(field: Field, core: int) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Amplitudes of configuration interaction's lowest state, from which coupled cluster starts on a broken field.

    Such a determinant is half singlet and half triplet, and from perturbation theory coupled cluster may go to the
    higher one: H2 at 3.1 angstrom in cc-pVDZ ends 1.2 mhartree too high, above Hartree-Fock.
    """
    from pyscf import ci

    interaction = ci.UCISD(field, frozen=core or None)
    interaction.verbose, interaction.conv_tol, interaction.max_cycle = 0, 1e-8, 60
    interaction.kernel()
    reference, single, double = interaction.cisdvec_to_amplitudes(interaction.ci)
    up, down = (block / reference for block in single)

    def connected(block: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        product = np.einsum("ia,jb->ijab", one, other)
        return block / reference - (product if one is not other else product - product.transpose(1, 0, 2, 3))

    return (up, down), (connected(double[0], up, up), connected(double[1], up, down), connected(double[2], down, down))


def _orbitals(field: Field, restricted: bool) -> tuple[np.ndarray, tuple[int, int]]:
    """Orbitals of both spins, (2, n_ao, n_mo), occupied first, and how many of each are."""
    coefficients, occupations = np.asarray(field.mo_coeff), np.asarray(field.mo_occ)
    if restricted:
        number = int((occupations > 0).sum())
        return np.stack([coefficients] * 2), (number, number)
    order = [np.argsort(-occupations[s], kind="stable") for s in range(2)]
    return (
        np.stack([coefficients[s][:, order[s]] for s in range(2)]),
        (int(occupations[0].sum()), int(occupations[1].sum())),
    )


def _cluster(molecule: Molecule, solution: Solution, field: Field, core: int, found: Amplitudes) -> Cluster:
    from pyscf import ao2mo

    fock = np.asarray(field.get_fock())
    fock = np.stack([fock] * 2) if fock.ndim == 2 else fock
    integrals = field._eri if getattr(field, "_eri", None) is not None else molecule.intor("int2e", aosym="s8")
    occupied, empty = found.occupied, found.empty
    repulsion, short = [], []
    with molecule.with_range_coulomb(-RANGE_PER_BOHR):
        near = molecule.intor("int2e", aosym="s8")
    for i, j in ((0, 0), (0, 1), (1, 1)):
        shape = (occupied[i].shape[1], empty[i].shape[1], occupied[j].shape[1], empty[j].shape[1])
        full = (occupied[i], empty[i], occupied[j], empty[j])
        repulsion.append(_transformed(ao2mo, integrals, full).reshape(shape))
        inner = (occupied[i], occupied[i], occupied[j], occupied[j])
        short.append(_transformed(ao2mo, near, inner).reshape(shape[0], shape[0], shape[2], shape[2]))
    blocks = Blocks(*repulsion)
    return Cluster(
        singles=found.singles,
        doubles=found.doubles,
        perturbed=_first_order(blocks, fock, found),
        repulsion=blocks,
        short_range=Blocks(*short),
        fock=Spins(*(o.T @ f @ o for o, f in zip(occupied, fock, strict=True))),
        projectors=_projectors(molecule, solution.orbitals, occupied),
    )


def _transformed(ao2mo: Any, integrals: np.ndarray, orbitals: tuple[np.ndarray, ...]) -> np.ndarray:
    if not all(part.shape[1] for part in orbitals):
        return np.zeros(tuple(part.shape[1] for part in orbitals))
    return ao2mo.general(integrals, orbitals, compact=False)


def _first_order(repulsion: Blocks, fock: np.ndarray, found: Amplitudes) -> Blocks:
    """Doubles of second-order perturbation theory over canonical orbitals."""
    inside = [np.einsum("pi,pq,qi->i", found.occupied[s], fock[s], found.occupied[s]) for s in range(2)]
    outside = [np.einsum("pa,pq,qa->a", found.empty[s], fock[s], found.empty[s]) for s in range(2)]
    made = []
    for (i, j), block in zip(((0, 0), (0, 1), (1, 1)), repulsion, strict=True):
        numerator = block.transpose(0, 2, 1, 3)
        if i == j:
            numerator = numerator - numerator.transpose(0, 1, 3, 2)
        gap = inside[i][:, None, None, None] + inside[j][:, None, None] - outside[i][:, None] - outside[j]
        made.append(numerator / gap)
    return Blocks(*made)


def _projectors(molecule: Molecule, orbitals: Orbitals, correlated: Spins) -> Spins:
    """Projectors on every atom, (n_atoms, o, o) of each spin, by intrinsic atomic orbitals.

    Those of a spin are the free atoms' orbitals polarised so that they hold all occupied orbitals of this spin
    (Knizia, J. Chem. Theory Comput. 9, 4834, 2013), made orthonormal symmetrically; so the projectors add up to one.
    """
    from pyscf import lo

    overlap = molecule.intor_symmetric("int1e_ovlp")
    made = []
    for occupied, wanted in zip(orbitals, correlated, strict=True):
        projector = np.zeros((molecule.natm, wanted.shape[1], wanted.shape[1]))
        if wanted.shape[1]:
            intrinsic = lo.iao.iao(molecule, occupied, minao="minao")
            if intrinsic.shape[1] < occupied.shape[1]:
                raise ValueError(
                    f"{molecules.describe(molecule)} has {occupied.shape[1]} electrons of one spin, more than the "
                    f"{intrinsic.shape[1]} orbitals of its free atoms; features are not defined."
                )
            overlaps = _orthonormal(intrinsic, overlap).T @ overlap @ wanted
            owners = _owners(molecule)
            for atom in range(molecule.natm):
                rows = overlaps[owners == atom]
                projector[atom] = rows.T @ rows
        made.append(projector)
    return Spins(*made)


def _owners(molecule: Molecule) -> np.ndarray:
    """Atom of every intrinsic atomic orbital."""
    from pyscf import lo

    reference = lo.iao.reference_mol(molecule, "minao")
    return np.array([label[0] for label in reference.ao_labels(fmt=None)])


def _orthonormal(orbitals: np.ndarray, overlap: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(orbitals.T @ overlap @ orbitals)
    return orbitals @ (vectors / np.sqrt(values)) @ vectors.T
