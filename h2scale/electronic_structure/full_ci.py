"""Integrals over symmetry-adapted orbitals and full configuration interaction; hartree and bohr."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from h2scale.electronic_structure import fields, mean_fields, molecules
from h2scale.electronic_structure.molecules import Field, Molecule

LINEAR_DEPENDENCY_THRESHOLD = 1e-8
"""Eigenvalues of the overlap below this are dropped and counted."""

MAX_DETERMINANTS = 20_000_000
"""Largest full CI for a small machine; a Davidson vector of this many takes 160 MB."""

_FCI_RESIDUAL = 1e-4
_ATTEMPTS = ((0.0, 60), (0.3, 300))
"""Hartree for each unit of <S^2> beside the wanted one, and Davidson's iterations, tried in this order."""
_CONVERGENCE = dataclasses.replace(mean_fields.CONVERGENCE, tolerance_hartree=1e-9)
"""Of the restricted fields whose orbitals full CI and CASSCF take."""

IRREPS = {
    "D2h": ("Ag", "B1g", "B2g", "B3g", "Au", "B1u", "B2u", "B3u"),
    "C2v": ("A1", "A2", "B1", "B2"),
    "Cs": ("A'", 'A"'),
}
"""Irreps in PySCF's numbering, where the product of two is the bitwise exclusive or of their indices."""


class Integrals(NamedTuple):
    """Hamiltonian of a molecule in orthonormal symmetry-adapted orbitals; chemists' order (pq|rs)."""

    one_electron: np.ndarray  # (n, n), hartree
    two_electron: np.ndarray  # (n (n + 1) / 2, n (n + 1) / 2), hartree, packed lower triangles
    nuclear_repulsion: float  # hartree
    irreps: np.ndarray  # (n,), each orbital's index into IRREPS[group]
    group: str  # of IRREPS
    num_dropped: int  # linear dependencies removed


class ActiveSpace(NamedTuple):
    """Hamiltonian over molecular orbitals with a frozen core folded in, for full CI of many electrons."""

    one_electron: np.ndarray  # (n, n), hartree
    two_electron: np.ndarray  # packed, hartree
    core_energy: float  # hartree, nuclear repulsion included
    num_electrons: tuple[int, int]  # spin up, spin down
    irreps: np.ndarray  # (n,), index into IRREPS[group]
    group: str


def integrals(molecule: Molecule) -> Integrals:
    """Integrals over orthonormal orbitals that transform as irreps of the molecule's D2h subgroup."""
    from pyscf import ao2mo

    overlap = molecule.intor_symmetric("int1e_ovlp")
    blocks, labels, dropped = [], [], 0
    for label, orbitals in zip(molecule.irrep_id, molecule.symm_orb, strict=True):
        values, vectors = np.linalg.eigh(orbitals.T @ overlap @ orbitals)
        kept = values > LINEAR_DEPENDENCY_THRESHOLD
        blocks.append(orbitals @ (vectors[:, kept] / np.sqrt(values[kept])))
        labels += [label] * int(kept.sum())
        dropped += int((~kept).sum())
    orbitals = np.concatenate(blocks, axis=1)
    core = molecule.intor_symmetric("int1e_kin") + molecule.intor_symmetric("int1e_nuc")
    return Integrals(
        one_electron=orbitals.T @ core @ orbitals,
        two_electron=ao2mo.kernel(molecule, orbitals),
        nuclear_repulsion=float(molecule.energy_nuc()),
        irreps=np.array(labels),
        group=molecule.groupname,
        num_dropped=dropped,
    )


def active_space(molecule: Molecule, num_frozen: int) -> ActiveSpace:
    """Orbitals of a restricted mean field with the `num_frozen` lowest doubly occupied and left out.

    Raises:
        ValueError: the mean field does not converge or there are more than `MAX_DETERMINANTS` determinants.
    """
    from pyscf import mcscf, symm

    num_up, num_down = (number - num_frozen for number in molecule.nelec)
    num_orbitals = molecule.nao - num_frozen
    determinants = math.comb(num_orbitals, num_up) * math.comb(num_orbitals, num_down)
    if determinants > MAX_DETERMINANTS:
        raise ValueError(
            f"full CI of {num_up + num_down} electrons in {num_orbitals} orbitals ({molecule.basis}) has "
            f"{determinants:.2g} determinants, more than {MAX_DETERMINANTS:.0e}; "
            "take a smaller basis or frozen_core=True."
        )
    field = _restricted_field(molecule)
    space = mcscf.CASCI(field, num_orbitals, (num_up, num_down), ncore=num_frozen)
    core, core_energy = space.get_h1eff()
    irreps = symm.label_orb_symm(molecule, molecule.irrep_id, molecule.symm_orb, field.mo_coeff)
    return ActiveSpace(
        core, space.get_h2eff(), float(core_energy), (num_up, num_down), irreps[num_frozen:], molecule.groupname
    )


def lowest_by_irrep(space: ActiveSpace, spin_multiplicity: int, irreps: Sequence[str] = ()) -> dict[str, float]:
    """Lowest full-CI energy of every irrep, or of the named ones, hartree, with the wanted spin.

    Irreps are solved one by one: without them, Davidson started in one symmetry can stay there.

    Raises:
        ValueError: an irrep does not converge, by its residual and its <S^2> whatever PySCF reports.
    """
    found = {}
    for irrep, name in enumerate(IRREPS[space.group]):
        if irreps and name not in irreps:
            continue
        energy = _lowest(space, irrep, name, (spin_multiplicity - 1) / 2)
        if energy is not None:
            found[name] = energy + space.core_energy
    if not found:
        raise ValueError(f"full CI found no state of spin multiplicity {spin_multiplicity}.")
    return found


def _lowest(space: ActiveSpace, irrep: int, name: str, spin: float) -> float | None:
    """Lowest energy of an irrep without the core, hartree; None if it has no state of this spin.

    Most ground states have the wanted spin by themselves, which takes half of the time. Where they do not, or where
    broken bonds leave several spins at nearly one energy, others are shifted away.
    """
    from pyscf import fci
    from pyscf.lib import exceptions

    num_orbitals = len(space.irreps)
    arguments = (space.one_electron, space.two_electron, num_orbitals, space.num_electrons)
    residual = np.inf
    for shift, iterations in _ATTEMPTS:
        solver = fci.direct_spin1_symm.FCISolver()
        solver.verbose = 0
        solver.conv_tol, solver.conv_tol_residual, solver.max_cycle = 1e-10, _FCI_RESIDUAL / 3, iterations
        if shift:
            solver = fci.addons.fix_spin_(solver, shift=shift, ss=spin * (spin + 1))
        try:
            _, vector = solver.kernel(*arguments, orbsym=space.irreps, wfnsym=irrep)
        except exceptions.WfnSymmetryError:
            return None
        hamiltonian = fci.direct_spin1.absorb_h1e(*arguments, 0.5)
        image = fci.direct_spin1_symm.contract_2e(  # without what shifts spins
            hamiltonian, vector, num_orbitals, space.num_electrons, orbsym=space.irreps, wfnsym=irrep
        )
        energy = float(np.vdot(vector, image))
        residual = float(np.linalg.norm(image - energy * vector))
        spin_squared = float(fci.spin_op.spin_square0(vector, num_orbitals, space.num_electrons)[0])
        if residual <= _FCI_RESIDUAL and abs(spin_squared - spin * (spin + 1)) < 1e-3:
            return energy
    if residual > _FCI_RESIDUAL:
        raise ValueError(f"full CI of irrep {name} did not converge: residual {residual:.1e} hartree.")
    return None


def two_in_two(molecule: Molecule) -> tuple[float, float]:
    """CASSCF of two electrons in the lowest gerade and ungerade sigma orbitals of H2.

    Returns:
        Energy in hartree, and the occupation of the gerade natural orbital: 2 when bonded, 1 when separated.

    Raises:
        ValueError: no convergence.
    """
    from pyscf import mcscf

    field = _restricted_field(molecule)
    space = mcscf.CASSCF(field, 2, 2)
    space.fcisolver.wfnsym = "Ag"
    space.conv_tol, space.conv_tol_grad, space.max_cycle_macro = 1e-10, 1e-5, 200
    orbitals = mcscf.sort_mo_by_irrep(space, field.mo_coeff, {"Ag": 1, "B1u": 1}, {})
    energy = space.kernel(orbitals)[0]
    if not space.converged:
        raise ValueError(f"CAS(2,2) of {molecules.describe(molecule)} did not converge.")
    # Ag and B1u do not mix, so the density matrix over the two orbitals is diagonal.
    density = space.fcisolver.make_rdm1(space.ci, 2, space.nelecas)
    return float(energy), float(density[0, 0])


def _restricted_field(molecule: Molecule) -> Field:
    field = mean_fields.make_field(molecule, "hf", restricted=True, convergence=_CONVERGENCE)
    fields.converge(field, None, _CONVERGENCE)
    return field
