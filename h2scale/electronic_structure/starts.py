"""Densities and orbitals from which self-consistent fields start; hartree and bohr.

Densities of both spins, (2, n_ao, n_ao), start the fields of `mean_fields`; `Orbitals` those of `kohn_sham`.
"""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from h2scale import elements
from h2scale.electronic_structure import mean_fields, molecules
from h2scale.electronic_structure.fields import Orbitals, Solution
from h2scale.electronic_structure.molecules import Molecule

if TYPE_CHECKING:
    from h2scale.electronic_structure import kohn_sham

_UNPAIRED_SHARE = {"H": 1.0, "B": 1.0, "C": 1.0, "N": 1.0, "O": 0.5, "F": 0.2}
"""Of an atom's valence p electrons (s for hydrogen), the share that is unpaired in its ground state."""


def mixed(molecule: Molecule, restricted: Solution | None = None) -> np.ndarray | None:
    """Densities of both spins whose frontier orbitals are turned by 45 degrees, in opposite directions.

    Args:
        molecule: without symmetry.
        restricted: whose orbitals are mixed; None for those in the field of superposed atoms, as PySCF does it.

    Returns:
        None for open shells, fewer than two electrons and no empty orbitals, where nothing can be mixed.
    """
    from pyscf import scf

    occupied = molecule.nelectron // 2
    if molecule.spin or not 0 < occupied < molecule.nao:
        return None
    if restricted is None:
        field = scf.UHF(molecule)
        field.init_guess_breaksym = "mix"
        return field.get_init_guess()
    coefficients, spins = restricted.field.mo_coeff, []
    for sign in (1.0, -1.0):
        orbitals = coefficients.copy()
        orbitals[:, occupied - 1] = (coefficients[:, occupied - 1] + sign * coefficients[:, occupied]) / np.sqrt(2)
        spins.append(orbitals[:, :occupied] @ orbitals[:, :occupied].T)
    return np.stack(spins)


def opposed_atoms(molecule: Molecule) -> np.ndarray:
    """Densities of both spins with the unpaired electrons of the first atom up and those of the others down.

    The limit of a stretched bond, to which mixed frontier orbitals do not always lead. A closed shell's total density
    is that of its mixed frontier orbitals, an open shell's that of superposed atoms.
    """
    from pyscf import scf

    polarisation = np.full(molecule.natm, -1.0)
    polarisation[0] = 1.0
    guess = mixed(molecule)
    total = np.asarray(scf.hf.init_guess_by_minao(molecule)) if guess is None else guess.sum(axis=0)
    return _polarised_density(molecule, total, polarisation)


def bare_nuclei(molecule: Molecule) -> np.ndarray | None:
    """Densities of both spins of a closed shell in the lowest orbitals of the nuclei alone; None for open shells.

    For ions: it puts the electrons where the nuclei attract them most, so that a proton far away stays bare.
    """
    from pyscf import scf

    if molecule.spin:
        return None
    field = scf.RHF(molecule)
    field.verbose = 0
    return np.stack([np.asarray(field.get_init_guess(key="1e")) / 2] * 2)


def separated_atoms(molecule: Molecule, functional: str, *, grid_level: int) -> np.ndarray | None:
    """Densities of both spins of two atoms' own ground states side by side, with opposite spins.

    The limit of the bond of a neutral diatomic molecule, every open p shell oriented as in the isolated atom. None for
    anything else, and where these spins do not make the molecule's, as in triplet O2.

    Raises:
        ValueError: an atom does not converge.
    """
    if molecule.natm != 2 or molecule.charge:
        return None
    multiplicities = [elements.GROUND_MULTIPLICITIES[charge] for charge in molecule.atom_charges()]
    turned = multiplicities[0] < multiplicities[1]  # the molecule's own surplus is up
    if abs(multiplicities[0] - multiplicities[1]) != molecule.spin:
        return None
    densities = np.zeros((2, molecule.nao, molecule.nao))
    for index, multiplicity in enumerate(multiplicities):
        own = _atom_density(molecule.atom_pure_symbol(index), multiplicity, molecule.basis, functional, grid_level)
        place = slice(*molecule.aoslice_by_atom()[index, 2:])
        densities[:, place, place] = own[::-1] if (index == 1) != turned else own
    return densities


def polarised(problem: "kohn_sham.Problem", polarisation: np.ndarray) -> Orbitals:
    """Occupied orbitals in the field of superposed atoms whose valence electrons are spin-polarised.

    Args:
        problem: the geometry.
        polarisation: (n_atoms,), between -1 (every unpaired electron of the atom points down) and 1 (all point up);
            zeros keep what symmetry PySCF's atoms have.
    """
    field = problem.make_field(restricted=False)
    total = field.get_init_guess(problem.molecule, "minao").sum(axis=0)
    density = _polarised_density(problem.molecule, total, polarisation)
    energies, orbitals = field.eig(field.get_fock(dm=density), field.get_ovlp())
    occupations = field.get_occ(energies, orbitals)
    return Orbitals(*(orbitals[s][:, occupations[s] > 0] for s in range(2)))


def superposed(problem: "kohn_sham.Problem", parts: Sequence[tuple[Sequence[int], Orbitals]]) -> Orbitals:
    """Occupied orbitals of parts of a molecule side by side, made orthonormal.

    Args:
        problem: the geometry of the whole molecule.
        parts: atoms of each part and its orbitals in the functions of these atoms; together they hold every atom once
            and as many electrons of each spin as the molecule.
    """
    slices = problem.molecule.aoslice_by_atom()
    spins: tuple[list[np.ndarray], ...] = ([], [])
    for atoms, orbitals in parts:
        functions = np.concatenate([np.arange(*slices[atom, 2:]) for atom in atoms])
        for whole, part in zip(spins, orbitals, strict=True):
            placed = np.zeros((problem.molecule.nao, part.shape[1]))
            placed[functions] = part
            whole.append(placed)
    return transferred(problem, Orbitals(*(np.hstack(whole) for whole in spins)))


def scrambled(problem: "kohn_sham.Problem", orbitals: Orbitals, rng: np.random.Generator) -> Orbitals:
    """Occupied orbitals turned at random into empty ones: a start that keeps no symmetry."""
    noise = [spin + 0.1 * rng.normal(size=spin.shape) for spin in orbitals]
    return transferred(problem, Orbitals(*noise))


def transferred(problem: "kohn_sham.Problem", orbitals: Orbitals) -> Orbitals:
    """Orbitals of a neighbouring geometry (same atoms, basis, electrons) made orthonormal in this one."""
    made = []
    for spin in orbitals:
        if spin.shape[1] == 0:
            made.append(spin)
            continue
        values, vectors = np.linalg.eigh(spin.T @ problem.overlap @ spin)
        made.append(spin @ (vectors / np.sqrt(values)) @ vectors.T)
    return Orbitals(*made)


def _polarised_density(molecule: Molecule, total: np.ndarray, polarisation: np.ndarray) -> np.ndarray:
    """Densities of both spins, (2, n_ao, n_ao), into which a total density is split.

    Args:
        molecule: of the density.
        total: (n_ao, n_ao).
        polarisation: of the atoms' valence electrons, (n_atoms,), between -1 and 1.
    """
    excess = np.zeros(molecule.nao)
    for index, (atom, _, shell, _) in enumerate(molecule.ao_labels(fmt=None)):
        symbol = molecule.atom_pure_symbol(atom)
        if shell.endswith("p") or symbol == "H":
            excess[index] = polarisation[atom] * _UNPAIRED_SHARE.get(symbol, 0.0)
    return np.stack([total * np.sqrt(np.outer(share, share)) / 2 for share in (1 + excess, 1 - excess)])


@functools.lru_cache
def _atom_density(symbol: str, multiplicity: int, basis: str, functional: str, grid_level: int) -> np.ndarray:
    """Densities of both spins of an isolated atom; every distance of a pair asks for the same."""
    atom = molecules.make_molecule([symbol], np.zeros((1, 3)), basis, spin_multiplicity=multiplicity)
    return mean_fields.mean_field(
        atom, functional, restricted=False, density=mixed(atom), grid_level=grid_level, follow=False
    ).density
