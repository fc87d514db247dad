"""The one door to PySCF: integrals, mean fields and coupled cluster of small molecules, in hartree and bohr.

PySCF is imported inside the functions, so that importing the package never waits for it. Coordinates are always
handed over in bohr: PySCF carries the CODATA 2010 value, `units.py` that of 2018.
"""

import contextlib
import math
import warnings
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pyscf import gto, scf

LINEAR_DEPENDENCY_THRESHOLD = 1e-8
"""Eigenvalues of the overlap below this are dropped and counted."""


MAX_DETERMINANTS = 20_000_000
"""What full CI may hold on a small machine; a Davidson vector of this many takes 160 MB."""

_SCF_TOLERANCE = 1e-10
_SCF_CYCLES = 100
_STABILITY_ROUNDS = 6
_FCI_RESIDUAL = 1e-4

ELEMENTS = ("H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne")

IRREPS = {
    "D2h": ("Ag", "B1g", "B2g", "B3g", "Au", "B1u", "B2u", "B3u"),
    "C2v": ("A1", "A2", "B1", "B2"),
}
"""Irreps in PySCF's numbering, where the product of two is the bitwise exclusive or of their indices."""


class Integrals(NamedTuple):
    """Hamiltonian of a molecule in orthonormal symmetry-adapted orbitals; chemists' order (pq|rs)."""

    one_electron: np.ndarray  # (n, n), hartree
    two_electron: np.ndarray  # (n (n + 1) / 2, n (n + 1) / 2), hartree, packed lower triangles
    nuclear_repulsion: float  # hartree
    irreps: np.ndarray  # (n,), each orbital's index into IRREPS[group]
    group: str  # D2h or C2v
    num_dropped: int  # linear dependencies removed


def version() -> str:
    """Version of PySCF, without importing it."""
    return metadata.version("pyscf")


def one_thread() -> contextlib.AbstractContextManager:
    """PySCF on one thread inside: on matrices this small, threads only wait for each other."""
    from pyscf import lib

    return lib.with_omp_threads(1)


def make_molecule(
    symbols: Sequence[str],
    positions_bohr: np.ndarray,
    basis: str,
    *,
    charge: int = 0,
    spin_multiplicity: int = 1,
    symmetry: str | bool = False,
) -> "gto.Mole":
    """A PySCF molecule.

    Raises:
        ValueError: coincident nuclei, an unknown element or basis, a negative number of electrons, a spin
            multiplicity that this number of electrons cannot have.
    """
    from pyscf import gto
    from pyscf.lib import exceptions

    check_distinct(symbols, positions_bohr)
    check_electrons(nuclear_charges(symbols), charge, spin_multiplicity)
    molecule = gto.Mole()
    molecule.verbose = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # PySCF advertises another package before it raises
            return molecule.build(
                atom=list(zip(symbols, np.asarray(positions_bohr, float).tolist(), strict=True)),
                unit="Bohr",
                basis=basis,
                charge=charge,
                spin=spin_multiplicity - 1,
                symmetry=symmetry,
                dump_input=False,
                parse_arg=False,
            )
    except exceptions.BasisNotFoundError as error:
        raise ValueError(f"basis must be one that PySCF knows for {sorted(set(symbols))}; got {basis!r}.") from error


def nuclear_charges(symbols: Sequence[str]) -> tuple[int, ...]:
    """Nuclear charge of every element, hydrogen to neon; raises ValueError naming any other symbol."""
    unknown = [symbol for symbol in symbols if symbol not in ELEMENTS]
    if unknown:
        raise ValueError(f"symbols must be elements from H to Ne; got {unknown[0]!r}.")
    return tuple(ELEMENTS.index(symbol) + 1 for symbol in symbols)


def check_distinct(symbols: Sequence[str], positions_bohr: np.ndarray) -> None:
    """Raises ValueError naming the first two nuclei that coincide."""
    positions = np.asarray(positions_bohr, float)
    for i in range(len(symbols)):
        for j in range(i):
            if np.array_equal(positions[i], positions[j]):
                raise ValueError(
                    f"nuclei {j} ({symbols[j]}) and {i} ({symbols[i]}) coincide at {positions[i].tolist()} bohr; "
                    "distinct positions are needed."
                )


def check_electrons(charges: Sequence[int], charge: int, spin_multiplicity: int) -> int:
    """Number of electrons; raises ValueError if it is negative or cannot have this spin multiplicity."""
    num_electrons = sum(charges) - charge
    if num_electrons < 0:
        raise ValueError(f"charge must be at most {sum(charges)}, that of the bare nuclei; got {charge}.")
    unpaired = spin_multiplicity - 1
    if unpaired < 0 or unpaired > num_electrons or (num_electrons - unpaired) % 2:
        allowed = list(range(num_electrons % 2 + 1, num_electrons + 2, 2))
        raise ValueError(
            f"spin_multiplicity must be one of {allowed} for {num_electrons} electrons; got {spin_multiplicity}."
        )
    return num_electrons


def integrals(molecule: "gto.Mole") -> Integrals:
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


class ActiveSpace(NamedTuple):
    """Hamiltonian over molecular orbitals with a frozen core folded in, for full CI of many electrons."""

    one_electron: np.ndarray  # (n, n), hartree
    two_electron: np.ndarray  # packed, hartree
    core_energy: float  # hartree, nuclear repulsion included
    num_electrons: tuple[int, int]  # spin up, spin down
    irreps: np.ndarray  # (n,), index into IRREPS[group]
    group: str


class MeanField(NamedTuple):
    """A converged self-consistent field."""

    energy_hartree: float
    spin_squared: float
    density: np.ndarray  # (n_ao, n_ao), or (2, n_ao, n_ao) if spin-unrestricted


def active_space(molecule: "gto.Mole", num_frozen: int) -> ActiveSpace:
    """Orbitals of a restricted mean field with the `num_frozen` lowest doubly occupied and left out.

    Raises:
        ValueError: if the mean field does not converge or there are more than `MAX_DETERMINANTS` determinants.
    """
    from pyscf import mcscf, scf, symm

    num_up, num_down = (number - num_frozen for number in molecule.nelec)
    num_orbitals = molecule.nao - num_frozen
    determinants = math.comb(num_orbitals, num_up) * math.comb(num_orbitals, num_down)
    if determinants > MAX_DETERMINANTS:
        raise ValueError(
            f"full CI of {num_up + num_down} electrons in {num_orbitals} orbitals ({molecule.basis}) has "
            f"{determinants:.2g} determinants, more than {MAX_DETERMINANTS:.0e}; "
            "take a smaller basis or frozen_core=True."
        )
    field = scf.ROHF(molecule) if molecule.spin else scf.RHF(molecule)
    _converge(field, None, f"the mean field under full CI of {_describe(molecule)}")
    space = mcscf.CASCI(field, num_orbitals, (num_up, num_down), ncore=num_frozen)
    core, core_energy = space.get_h1eff()
    irreps = symm.label_orb_symm(molecule, molecule.irrep_id, molecule.symm_orb, field.mo_coeff)
    return ActiveSpace(
        core, space.get_h2eff(), float(core_energy), (num_up, num_down), irreps[num_frozen:], molecule.groupname
    )


def lowest_by_irrep(space: ActiveSpace, spin_multiplicity: int) -> dict[str, float]:
    """Lowest full-CI energy of every irrep, hartree, with the wanted spin.

    Irreps are solved one by one: without them, Davidson started in one symmetry can stay there.

    Raises:
        ValueError: if an irrep does not converge: its residual and its <S^2> are checked, not PySCF's word.
    """
    from pyscf import fci
    from pyscf.lib import exceptions

    num_orbitals = len(space.irreps)
    spin = (spin_multiplicity - 1) / 2
    found = {}
    for irrep, name in enumerate(IRREPS[space.group]):
        solver = fci.direct_spin1_symm.FCISolver()
        solver.verbose = 0
        solver.conv_tol, solver.max_cycle = 1e-11, 300
        solver = fci.addons.fix_spin_(solver, shift=0.3, ss=spin * (spin + 1))
        arguments = (space.one_electron, space.two_electron, num_orbitals, space.num_electrons)
        try:
            _, vector = solver.kernel(*arguments, orbsym=space.irreps, wfnsym=irrep)
        except exceptions.WfnSymmetryError:
            continue
        hamiltonian = fci.direct_spin1.absorb_h1e(*arguments, 0.5)
        image = fci.direct_spin1.contract_2e(hamiltonian, vector, num_orbitals, space.num_electrons)
        energy = float(np.vdot(vector, image))
        residual = float(np.linalg.norm(image - energy * vector))
        spin_squared = float(fci.spin_square(vector, num_orbitals, space.num_electrons)[0])
        if residual > _FCI_RESIDUAL:
            raise ValueError(f"full CI of irrep {name} did not converge: residual {residual:.1e} hartree.")
        if abs(spin_squared - spin * (spin + 1)) < 1e-3:
            found[name] = energy + space.core_energy
    if not found:
        raise ValueError(f"full CI found no state of spin multiplicity {spin_multiplicity}.")
    return found


def mean_field(
    molecule: "gto.Mole",
    functional: str,
    *,
    restricted: bool,
    density: np.ndarray | None,
    grid_level: int,
    follow: bool,
) -> MeanField:
    """One self-consistent field.

    Args:
        molecule: without symmetry, or broken-symmetry solutions are out of reach.
        functional: "hf", or any exchange-correlation functional PySCF knows.
        restricted: one set of spatial orbitals; otherwise spin symmetry may break.
        density: to start from; None starts from a guess whose frontier orbitals are mixed between the spins.
        grid_level: PySCF's, for density functionals.
        follow: leave saddle points along their instability until the solution is internally stable.

    Raises:
        ValueError: unknown functional, no convergence, or no stable solution within six rounds.
    """
    field = _make_field(molecule, functional, restricted, grid_level)
    what = f"{functional} of {_describe(molecule)}"
    _converge(field, density, what)
    if follow and molecule.nelectron > 1:
        _follow(field, what)
    spin = molecule.spin / 2
    spin_squared = spin * (spin + 1) if restricted else float(field.spin_square()[0])
    return MeanField(float(field.e_tot), spin_squared, np.asarray(field.make_rdm1()))


def _follow(field: "scf.hf.SCF", what: str) -> None:
    for _ in range(_STABILITY_ROUNDS):
        orbitals, _, stable, _ = field.stability(return_status=True)
        if stable:
            return
        _converge(field, field.make_rdm1(orbitals, field.mo_occ), what)
    raise ValueError(f"{what} reached no stable solution in {_STABILITY_ROUNDS} rounds.")


def coupled_cluster(molecule: "gto.Mole", density: np.ndarray, *, restricted: bool) -> float:
    """CCSD(T) total energy in hartree on the Hartree-Fock solution this density belongs to.

    Raises:
        ValueError: if Hartree-Fock or coupled cluster does not converge.
    """
    from pyscf import cc

    field = _make_field(molecule, "hf", restricted, 0)
    _converge(field, density, f"hf of {_describe(molecule)}")
    if molecule.nelectron < 2:
        return float(field.e_tot)  # nothing to correlate
    cluster = cc.CCSD(field)
    cluster.conv_tol, cluster.conv_tol_normt, cluster.max_cycle = 1e-9, 1e-5, 200
    cluster.kernel()
    if not cluster.converged:
        raise ValueError(f"CCSD of {_describe(molecule)} did not converge.")
    triples = cluster.ccsd_t() if molecule.nelectron > 2 else 0.0
    return float(cluster.e_tot + triples)


def two_in_two(molecule: "gto.Mole") -> tuple[float, float]:
    """CASSCF of two electrons in the lowest gerade and ungerade sigma orbitals of H2.

    Returns:
        Energy in hartree, and the occupation of the gerade natural orbital: 2 when bonded, 1 when separated.

    Raises:
        ValueError: if it does not converge.
    """
    from pyscf import mcscf, scf

    field = scf.RHF(molecule)
    _converge(field, None, f"the mean field under CAS(2,2) of {_describe(molecule)}")
    space = mcscf.CASSCF(field, 2, 2)
    space.fcisolver.wfnsym = "Ag"
    space.conv_tol, space.conv_tol_grad, space.max_cycle_macro = 1e-10, 1e-5, 200
    orbitals = mcscf.sort_mo_by_irrep(space, field.mo_coeff, {"Ag": 1, "B1u": 1}, {})
    energy = space.kernel(orbitals)[0]
    if not space.converged:
        raise ValueError(f"CAS(2,2) of {_describe(molecule)} did not converge.")
    # Ag and B1u do not mix, so the density matrix over the two orbitals is diagonal.
    density = space.fcisolver.make_rdm1(space.ci, 2, space.nelecas)
    return float(energy), float(density[0, 0])


def _make_field(molecule: "gto.Mole", functional: str, restricted: bool, grid_level: int) -> "scf.hf.SCF":
    from pyscf import dft, scf

    if functional == "hf":
        open_shell = scf.ROHF if molecule.spin else scf.RHF
        field = open_shell(molecule) if restricted else scf.UHF(molecule)
    else:
        try:
            dft.libxc.parse_xc(functional)
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"method must be 'hf', 'ccsd(t)' or a functional PySCF knows; got {functional!r}."
            ) from error
        open_shell = dft.ROKS if molecule.spin else dft.RKS
        field = open_shell(molecule) if restricted else dft.UKS(molecule)
        field.xc = functional
        field.grids.level = grid_level
    if not restricted and molecule.nelectron > 1:
        field.init_guess_breaksym = "mix"
    field.conv_tol, field.max_cycle = _SCF_TOLERANCE, _SCF_CYCLES
    return field


def _converge(field: "scf.hf.SCF", density: np.ndarray | None, what: str) -> None:
    """Runs the field, by second-order steps if the plain iteration fails; raises ValueError if both do."""
    field.kernel(density)
    if not field.converged:
        second_order = field.newton()
        second_order.kernel(field.mo_coeff, field.mo_occ)
        field.mo_coeff, field.mo_occ, field.mo_energy = (
            second_order.mo_coeff,
            second_order.mo_occ,
            second_order.mo_energy,
        )
        field.e_tot, field.converged = second_order.e_tot, second_order.converged
    if not field.converged:
        raise ValueError(f"{what} did not converge; it is no reference point.")


def _describe(molecule: "gto.Mole") -> str:
    symbols = "".join(molecule.elements)
    spread = np.ptp(molecule.atom_coords(), axis=0)
    return f"{symbols} (charge {molecule.charge}, {molecule.basis}) at {np.linalg.norm(spread):.6g} bohr"
