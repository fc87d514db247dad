"""Hartree-Fock and Kohn-Sham fields of small molecules, and coupled cluster upon them; hartree and bohr."""

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from h2scale import elements
from h2scale.electronic_structure import molecules

if TYPE_CHECKING:
    from pyscf import gto, scf

_SCF_TOLERANCE = 1e-10
_LABEL_TOLERANCE = 1e-8
_SCF_CYCLES = 50
"""What needs more has a direction in which the energy is flat, where second-order steps are quicker."""
_STABILITY_ROUNDS = 6
_LOWER_HARTREE = 1e-7
_UNPAIRED_SHARE = {"H": 1.0, "B": 1.0, "C": 1.0, "N": 1.0, "O": 0.5, "F": 0.2}
"""Of an atom's valence p electrons (s for hydrogen), the share that is unpaired in its ground state."""


class MeanField(NamedTuple):
    """A converged self-consistent field."""

    energy_hartree: float
    spin_squared: float
    density: np.ndarray  # (n_ao, n_ao), or (2, n_ao, n_ao) if spin-unrestricted
    field: "scf.hf.SCF"  # what PySCF needs to differentiate it


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
    field = make_field(molecule, functional, restricted, grid_level)
    what = f"{functional} of {molecules.describe(molecule)}"
    converge(field, density, what)
    if follow and molecule.nelectron > 1:
        _follow(field, what)
    spin = molecule.spin / 2
    spin_squared = spin * (spin + 1) if restricted else float(field.spin_square()[0])
    return MeanField(float(field.e_tot), spin_squared, np.asarray(field.make_rdm1()), field)


def _follow(field: "scf.hf.SCF", what: str) -> None:
    """Leaves saddle points until the solution is internally stable, or flat: below it nothing is found.

    An open shell may point anywhere; only the grid tells its directions apart, and then a curvature may be negative.
    """
    for _ in range(_STABILITY_ROUNDS):
        orbitals, _, stable, _ = field.stability(return_status=True)
        if stable or not _descend(field, orbitals, what):
            return
    raise ValueError(f"{what} reached no stable solution in {_STABILITY_ROUNDS} rounds.")


def _descend(field: "scf.hf.SCF", orbitals: np.ndarray, what: str) -> bool:
    """Brings the field from these orbitals to a solution below its own, or leaves it as it was; returns which.

    Plain iteration is quick but may fall back to the saddle; second-order steps do not.
    """
    own = _state(field)
    for second_order in (False, True):
        try:
            if second_order:
                _take_second_order_steps(field, orbitals, own["mo_occ"])
            else:
                converge(field, field.make_rdm1(orbitals, own["mo_occ"]), what)
        except ValueError:
            continue
        if field.converged and field.e_tot < own["e_tot"] - _LOWER_HARTREE:
            return True
    vars(field).update(own)
    return False


def _state(field: "scf.hf.SCF") -> dict[str, Any]:
    return {name: getattr(field, name) for name in ("e_tot", "converged", "mo_coeff", "mo_occ", "mo_energy")}


def opposed_atoms(molecule: "gto.Mole") -> np.ndarray:
    """Densities of both spins, (2, n_ao, n_ao), of superposed atoms, the unpaired electrons of the first up and
    of the others down: where a stretched bond ends, and where mixed frontier orbitals do not always lead.
    """
    polarisation = np.full(molecule.natm, -1.0)
    polarisation[0] = 1.0
    return polarised_density(make_field(molecule, "hf", restricted=False, grid_level=0), polarisation)


def separated_atoms(molecule: "gto.Mole", functional: str, *, grid_level: int) -> np.ndarray | None:
    """Densities of both spins, (2, n_ao, n_ao), of two atoms' own ground states side by side, with opposite spins.

    Where the bond of a neutral diatomic molecule ends, with every lobe where a lone atom has it. None for anything
    else, and where these spins do not make the molecule's, as in triplet O2.

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


@functools.lru_cache
def _atom_density(symbol: str, multiplicity: int, basis: str, functional: str, grid_level: int) -> np.ndarray:
    """Densities of both spins of a lone atom; every distance of a pair asks for the same."""
    alone = molecules.make_molecule([symbol], np.zeros((1, 3)), basis, spin_multiplicity=multiplicity)
    return mean_field(alone, functional, restricted=False, density=None, grid_level=grid_level, follow=False).density


def polarised_density(field: "scf.hf.SCF", polarisation: np.ndarray) -> np.ndarray:
    """Densities of both spins, (2, n_ao, n_ao), of superposed atoms whose valence electrons are spin-polarised.

    Args:
        field: spin-unrestricted, of the molecule.
        polarisation: (n_atoms,), between -1 (every unpaired electron of the atom points down) and 1 (all point up).
    """
    molecule = field.mol
    atoms = field.get_init_guess(molecule, "minao").sum(axis=0)
    excess = np.zeros(molecule.nao)
    for index, (atom, _, shell, _) in enumerate(molecule.ao_labels(fmt=None)):
        symbol = molecule.atom_pure_symbol(atom)
        if shell.endswith("p") or symbol == "H":
            excess[index] = polarisation[atom] * _UNPAIRED_SHARE.get(symbol, 0.0)
    return np.stack([atoms * np.sqrt(np.outer(share, share)) / 2 for share in (1 + excess, 1 - excess)])


def mean_field_forces(solution: MeanField) -> np.ndarray:
    """Forces (n_atoms, 3), hartree/bohr, of a spin-unrestricted field.

    With the change of the grid's weights, so that they are minus the slope of the energy on that grid.

    Raises:
        ValueError: the field does not converge from its own density.
    """
    field = solution.field
    if field.mol.natm == 1:  # by symmetry; PySCF's gradient fails on an atom's full symmetry
        return np.zeros((1, 3))
    # Once more: forces err by as much as the density, energies by its square.
    converge(field, solution.density, f"{getattr(field, 'xc', 'hf')} of {molecules.describe(field.mol)}")
    gradient = field.nuc_grad_method()
    gradient.verbose = 0
    if hasattr(field, "grids"):
        gradient.grid_response = True
    return -gradient.kernel()


def energy_and_forces(molecule: "gto.Mole", functional: str, *, grid_level: int) -> tuple[float, np.ndarray]:
    """Energy (hartree) of `lowest_field` and its forces (n_atoms, 3), hartree/bohr.

    This is the plain way, which labels are checked against and their speed is compared with.

    Raises:
        ValueError: no convergence, or no stable solution.
    """
    best = lowest_field(molecule, functional, grid_level=grid_level)
    gradient = best.nuc_grad_method()
    gradient.verbose = 0
    return float(best.e_tot), -gradient.kernel()


def lowest_field(molecule: "gto.Mole", functional: str, *, grid_level: int) -> "scf.hf.SCF":
    """Lower of the restricted field and the unrestricted one from mixed frontier orbitals, both by PySCF alone.

    Density-fitted; instabilities of the unrestricted field are followed.

    Raises:
        ValueError: no convergence, or no stable solution.
    """
    what = f"{functional} of {molecules.describe(molecule)}"
    fields = []
    for restricted in (True, False) if molecule.spin == 0 else (False,):
        field = make_field(molecule, functional, restricted, grid_level).density_fit()
        field.conv_tol = _LABEL_TOLERANCE
        start = _mixed(fields[0]) if fields else None
        try:
            converge(field, start, what)
        except ValueError:
            if restricted:  # far from equilibrium there may be no restricted solution
                continue
            raise
        if not restricted and molecule.nelectron > 1:
            _follow(field, what)
        fields.append(field)
    return min(fields, key=lambda field: field.e_tot)


def _mixed(restricted: "scf.hf.SCF") -> np.ndarray:
    """Densities of both spins, (2, n_ao, n_ao), the frontier orbitals of a restricted field turned by 45 degrees."""
    occupied = round(restricted.mo_occ.sum()) // 2
    spins = []
    for sign in (1.0, -1.0):
        orbitals = restricted.mo_coeff.copy()
        if occupied < orbitals.shape[1]:
            highest, lowest = restricted.mo_coeff[:, occupied - 1], restricted.mo_coeff[:, occupied]
            orbitals[:, occupied - 1] = (highest + sign * lowest) / np.sqrt(2)
        spins.append(orbitals[:, :occupied] @ orbitals[:, :occupied].T)
    return np.stack(spins)


def coupled_cluster(molecule: "gto.Mole", density: np.ndarray, *, restricted: bool) -> float:
    """CCSD(T) total energy in hartree on the Hartree-Fock solution this density belongs to.

    Raises:
        ValueError: if Hartree-Fock or coupled cluster does not converge.
    """
    from pyscf import cc

    field = make_field(molecule, "hf", restricted, 0)
    converge(field, density, f"hf of {molecules.describe(molecule)}")
    if molecule.nelectron < 2:
        return float(field.e_tot)  # nothing to correlate
    cluster = cc.CCSD(field)
    cluster.conv_tol, cluster.conv_tol_normt, cluster.max_cycle = 1e-9, 1e-5, 200
    cluster.kernel()
    if not cluster.converged:
        raise ValueError(f"CCSD of {molecules.describe(molecule)} did not converge.")
    triples = cluster.ccsd_t() if molecule.nelectron > 2 else 0.0
    return float(cluster.e_tot + triples)


def make_field(molecule: "gto.Mole", functional: str, restricted: bool, grid_level: int) -> "scf.hf.SCF":
    """A field of this functional, not yet run; raises ValueError for one that PySCF does not know."""
    from pyscf import dft, scf

    from h2scale.electronic_structure import stored_basis

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
        field._numint = stored_basis.StoredBasis()
    if not restricted and molecule.nelectron > 1:
        field.init_guess_breaksym = "mix"
    # Without a file PySCF does not write every iteration to the disk, an eighth of a small molecule's time.
    field.chkfile = field._chkfile = None
    field.conv_tol, field.max_cycle = _SCF_TOLERANCE, _SCF_CYCLES
    return field


def converge(field: "scf.hf.SCF", density: np.ndarray | None, what: str) -> None:
    """Runs the field, by second-order steps if the plain iteration fails; raises ValueError if both do."""
    field.kernel(density)
    if not field.converged:
        _take_second_order_steps(field, field.mo_coeff, field.mo_occ)
    if not field.converged:
        raise ValueError(f"{what} did not converge; it is no reference point.")


def _take_second_order_steps(field: "scf.hf.SCF", orbitals: np.ndarray, occupations: np.ndarray) -> None:
    """Leaves in the field where they end, converged or not."""
    steps = field.newton()
    steps.kernel(orbitals, occupations)
    vars(field).update(_state(steps))
