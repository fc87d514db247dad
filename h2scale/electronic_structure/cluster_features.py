"""Features of a geometry's coupled cluster that models of its error may learn from, beside its energies.

Hartree and bohr throughout.
"""

import contextlib
import dataclasses
from typing import Any

import numpy as np

from h2scale.electronic_structure import (
    atom_pairs,
    coupled_cluster,
    fields,
    mean_fields,
    molecules,
    spin_projection,
)
from h2scale.electronic_structure.atom_pairs import Blocks, Cluster, Spins
from h2scale.electronic_structure.coupled_cluster import Amplitudes, Solved
from h2scale.electronic_structure.fields import Orbitals, Solution
from h2scale.electronic_structure.molecules import Field, Molecule

RANGE_PER_BOHR = 0.5
"""w of erfc(w r) / r: the interaction that gates feel ends some 4 bohr away."""

FORMAT = 1
"""Raised whenever the same geometry gives other numbers."""

_SAME_ORBITALS = 1e-5
_SPIN_TOLERANCE = 1e-4


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
    core = coupled_cluster.num_core_orbitals(molecule)
    field, restricted = _reference(molecule, solution)
    solved = coupled_cluster.solve(molecule, field, core, restricted)
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
        t1_diagnostic=coupled_cluster.t1_diagnostic(molecule, core, solved.amplitudes),
        num_correlated=molecule.nelectron - 2 * core,
        restricted=restricted,
        cycles=solved.cycles,
        damped=solved.damped,
        tables=atom_pairs.tables(cluster),
        atoms=atom_pairs.atoms(cluster),
    )
    return description, solved.amplitudes


@dataclasses.dataclass(frozen=True, eq=False)
class Distinguishable:
    """The distinguishable cluster of a geometry, by atoms and their pairs."""

    energy_hartree: float  # total, frozen core
    restricted: bool  # whether the restricted field led lower than the unrestricted one
    tables: np.ndarray  # (n_tables, n_atoms, n_atoms), as of `Description`
    atoms: np.ndarray  # (n_atoms, n_columns), as of `Description`


def describe_distinguishable(molecule: Molecule, solution: Solution) -> Distinguishable:
    """The lower of the distinguishable clusters of the unrestricted field and, for a singlet, of the restricted one.

    The restricted one holds while bonds stretch, where the unrestricted one mixes spins; the unrestricted one is right
    where they are broken, and there the restricted one, which need not converge, does not count unless it does.
    Fragments far apart add where one field serves them all.

    Args and raises as for `describe`.
    """
    core = coupled_cluster.num_core_orbitals(molecule)
    field, restricted = _reference(molecule, solution)
    found = [(solution, field, restricted, _distinguishable(molecule, field, core, restricted))]
    if molecule.spin == 0 and not restricted:
        closed = coupled_cluster.lowest_restricted(molecule, solution)
        with contextlib.suppress(ValueError):
            found.append((closed, closed.field, True, _distinguishable(molecule, closed.field, core, True)))
    own, field, restricted, solved = min(found, key=lambda one: float(one[1].e_tot) + one[3].correlation)
    cluster = _cluster(molecule, own, field, core, solved.amplitudes)
    energy = float(field.e_tot) + solved.correlation
    return Distinguishable(energy, restricted, atom_pairs.tables(cluster), atom_pairs.atoms(cluster))


@dataclasses.dataclass(frozen=True, eq=False)
class Projected:
    """Spin-projected coupled cluster of a geometry, by atoms and their pairs."""

    energy_hartree: float  # total, frozen core
    shift_hartree: float  # of it, what projection adds
    tables: np.ndarray  # (n_tables, n_atoms, n_atoms), as of `Description`, of the cluster as it is
    atoms: np.ndarray  # (n_atoms, n_columns), as of `Description`


def describe_projected(molecule: Molecule, solution: Solution, *, distinguishable: bool) -> Projected:
    """Coupled cluster of the unrestricted field, or the distinguishable one, less its share of higher spins.

    Fragments far apart add where none holds such a share, or one does and the others are closed shells.

    Args and raises as for `describe`; and ValueError where a state of higher spin does not converge.
    """
    core = coupled_cluster.num_core_orbitals(molecule)
    field, restricted = _reference(molecule, solution)
    solved = coupled_cluster.solve(molecule, field, core, restricted, distinguishable=distinguishable, triples=False)
    shift = 0.0
    if not restricted:
        shift = spin_projection.project(molecule, solution, field, solved, core, distinguishable=distinguishable).shift
    cluster = _cluster(molecule, solution, field, core, solved.amplitudes)
    energy = float(field.e_tot) + solved.correlation + shift
    return Projected(energy, shift, atom_pairs.tables(cluster), atom_pairs.atoms(cluster))


def _distinguishable(molecule: Molecule, field: Field, core: int, restricted: bool) -> Solved:
    return coupled_cluster.solve(molecule, field, core, restricted, distinguishable=True)


def _reference(molecule: Molecule, solution: Solution) -> tuple[Field, bool]:
    """Field whose orbitals coupled cluster takes: a restricted one where the lowest field is, which is quicker."""
    up, down = solution.spin_densities
    if molecule.spin or solution.spin_squared > _SPIN_TOLERANCE or np.abs(up - down).max() > _SAME_ORBITALS:
        return solution.field, False
    convergence = mean_fields.CONVERGENCE
    field = mean_fields.make_field(molecule, "hf", restricted=True, convergence=convergence)
    fields.converge(field, up + down, convergence)
    return field, True


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
