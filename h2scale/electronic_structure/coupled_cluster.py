"""Coupled cluster: converged amplitudes and energies, with a frozen core but for `ccsd_t_energy`.

Hartree and bohr throughout.
"""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from h2scale.electronic_structure import distinguishable_cluster, fields, mean_fields, molecules
from h2scale.electronic_structure.atom_pairs import Blocks, Spins
from h2scale.electronic_structure.fields import Solution
from h2scale.electronic_structure.molecules import Field, Molecule

_ENERGY_TOLERANCE, _AMPLITUDE_TOLERANCE, _CYCLES = 1e-8, 1e-5, 120
_DAMPING = (1.0, 0.6)
"""Share of each step that is taken: the full step, and where that does not converge a smaller one."""
_BROKEN = 0.1
"""Excess of <S^2> from which a field counts as broken."""


@dataclasses.dataclass(frozen=True, eq=False)
class Amplitudes:
    """Converged amplitudes and their orbitals; o and v count correlated occupied and empty orbitals of a spin."""

    singles: Spins  # (o, v)
    doubles: Blocks  # (o, o, v, v); antisymmetric for equal spins
    occupied: Spins  # (n_ao, o) orbitals
    empty: Spins  # (n_ao, v)


@dataclasses.dataclass(frozen=True, eq=False)
class Solved:
    """Coupled cluster of one field."""

    correlation: float  # of singles and doubles, hartree
    triples: float  # hartree
    cycles: int
    damped: bool  # it converged by smaller steps only
    amplitudes: Amplitudes


def num_core_orbitals(molecule: Molecule) -> int:
    """Number of 1s orbitals that stay uncorrelated: one for each atom from lithium to neon.

    Raises:
        ValueError: an element beyond neon.
    """
    charges = molecule.atom_charges()
    if charges.max(initial=0) > 10:
        raise ValueError(f"coupled cluster's frozen core is known up to neon; got {molecules.describe(molecule)}.")
    return int((charges > 2).sum())


def solve(
    molecule: Molecule,
    field: Field,
    core: int,
    restricted: bool,
    *,
    distinguishable: bool = False,
    triples: bool = True,
) -> Solved:
    """Coupled cluster with perturbative triples on a converged field; zero where nothing can be excited.

    Args:
        molecule: hydrogen to neon, without symmetry.
        field: Hartree-Fock, restricted or unrestricted.
        core: lowest orbitals of each spin that stay uncorrelated.
        restricted: whether the field has one set of spatial orbitals, all of them doubly occupied or empty.
        distinguishable: the distinguishable cluster instead, which has no triples.
        triples: whether they are computed, which takes longer than the rest; otherwise they are zero.

    Raises:
        ValueError: no convergence.
    """
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
        return Solved(0.0, 0.0, 0, False, Amplitudes(singles, doubles, occupied, empty))
    cluster, cycles, damped = _converged(molecule, field, core, restricted, distinguishable)
    triples = triples and not distinguishable and molecule.nelectron - 2 * core > 2
    perturbative = float(cluster.ccsd_t(eris=cluster.eris)) if triples else 0.0
    if restricted:
        pair = np.asarray(cluster.t2)
        same = pair - pair.transpose(0, 1, 3, 2)
        singles, doubles = Spins(cluster.t1, cluster.t1), Blocks(same, pair, same)
    else:
        singles, doubles = Spins(*cluster.t1), Blocks(*(np.asarray(block) for block in cluster.t2))
    amplitudes = Amplitudes(singles, doubles, occupied, empty)
    return Solved(float(cluster.e_corr), perturbative, cycles, damped, amplitudes)


def t1_diagnostic(molecule: Molecule, core: int, amplitudes: Amplitudes) -> float:
    """Norm of the single excitations over the root of the number of correlated electrons."""
    norm = sum(float((single**2).sum()) for single in amplitudes.singles)
    return float(np.sqrt(norm / 2 / max(molecule.nelectron - 2 * core, 1)))


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
    solution = lowest_restricted(molecule, lowest)
    closed = molecule.spin == 0
    field = solution.field if closed else _semicanonical(solution.field, core)
    solved = solve(molecule, field, core, closed)
    energy = solution.energy_hartree + solved.correlation + solved.triples
    return PureSpin(energy, t1_diagnostic(molecule, core, solved.amplitudes), solution.spin_squared, solved.damped)


def ccsd_t_energy(molecule: Molecule, density: np.ndarray, *, restricted: bool) -> float:
    """CCSD(T) total energy in hartree, all electrons correlated, on the field that this density belongs to.

    On a broken field it starts from configuration interaction, as `solve` does.

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
    cluster.kernel(*(_lowest_singles_and_doubles(field, 0) if not restricted and _is_broken(field) else (None, None)))
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
    # Of stretched F2 the amplitudes creep on at 1e-6 for thirty cycles, in which the energy moves by 2e-6 hartree.
    cluster.conv_tol_normt, cluster.diis_space = 5e-6, 12
    cluster.kernel()
    if not cluster.converged:
        raise ValueError(f"UCCSDT of {molecules.describe(molecule)} did not converge.")
    return float(cluster.e_tot)


def lowest_restricted(molecule: Molecule, lowest: Solution | None) -> Solution:
    """Lower of the restricted fields from superposed atoms and from an unrestricted solution's natural orbitals.

    Raises:
        ValueError: no convergence.
    """
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
    density = lowest.spin_densities.sum(axis=0)
    overlap = field.get_ovlp()
    _, orbitals = scipy.linalg.eigh(overlap @ density @ overlap, overlap)
    occupations = np.sort(np.asarray(field.mo_occ))[::-1]
    return fields.Start(density, orbitals[:, ::-1], occupations, second_order=True)


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


def _converged(
    molecule: Molecule, field: Field, core: int, restricted: bool, distinguishable: bool
) -> tuple[Any, int, bool]:
    """PySCF's coupled cluster with its integrals as `eris`, its number of cycles, and whether steps were damped."""
    from pyscf import cc

    start = (None, None) if restricted or not _is_broken(field) else _lowest_singles_and_doubles(field, core)
    for share in _DAMPING:
        if distinguishable:
            cluster = distinguishable_cluster.solver(field, core, restricted)
        else:
            cluster = (cc.RCCSD if restricted else cc.UCCSD)(field, frozen=core)
        cluster.verbose, cluster.conv_tol, cluster.conv_tol_normt = 0, _ENERGY_TOLERANCE, _AMPLITUDE_TOLERANCE
        cluster.max_cycle, cluster.diis_space = _CYCLES, 8
        cluster.iterative_damping = share
        cluster.eris = cluster.ao2mo(cluster.mo_coeff)
        cluster.kernel(*start, eris=cluster.eris)
        if cluster.converged:
            return cluster, int(getattr(cluster, "cycles", 0)), share < 1
    name = "The distinguishable cluster" if distinguishable else "CCSD"
    raise ValueError(f"{name} of {molecules.describe(molecule)} did not converge.")


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
