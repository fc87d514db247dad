"""Hartree-Fock and Kohn-Sham fields by PySCF's own integrals and grids.

Hartree and bohr throughout.
"""

import dataclasses

import numpy as np

from h2scale.electronic_structure import fields
from h2scale.electronic_structure.fields import Convergence, Solution
from h2scale.electronic_structure.molecules import Field, Molecule

CONVERGENCE = Convergence(1e-10, cycles=50, newton_cycles=50, plain_ending=False, rounds=6)
"""Fields that need more cycles have a direction in which the energy is flat, where second-order steps are quicker."""
FITTED_CONVERGENCE = dataclasses.replace(CONVERGENCE, tolerance_hartree=1e-8)
"""That of labels, whose Coulomb integrals are density-fitted too."""
_BOUND_TOLERANCE_HARTREE = 1e-6


def mean_field(
    molecule: Molecule,
    functional: str,
    *,
    restricted: bool,
    density: np.ndarray | None,
    grid_level: int,
    follow: bool,
    fitted: bool = False,
    nonlocal_grid_level: int | None = None,
) -> Solution:
    """Compute one self-consistent field.

    Args:
        molecule: without symmetry, or broken-symmetry solutions are out of reach.
        functional: "hf", or any exchange-correlation functional PySCF knows.
        restricted: one set of spatial orbitals; otherwise spin symmetry may break.
        density: to start from, as `starts` makes them; None starts from PySCF's guess.
        grid_level: PySCF's, for density functionals.
        follow: leave saddle points along their instability until the solution is internally stable.
        fitted: Coulomb and exchange integrals by density fitting, converged as labels are.
        nonlocal_grid_level: that of nonlocal correlation, whose cost grows with its square; None for PySCF's own.

    Raises:
        ValueError: unknown functional, no convergence, or no stable solution within six rounds.
    """
    convergence = FITTED_CONVERGENCE if fitted else CONVERGENCE
    field = make_field(molecule, functional, restricted=restricted, convergence=convergence, grid_level=grid_level)
    if fitted:
        field = field.density_fit()
    _set_nonlocal_grid(field, nonlocal_grid_level)
    fields.converge(field, density, convergence)
    if follow and molecule.nelectron > 1:
        field, _ = fields.follow(field, _instability, field.copy, convergence)
    return fields.solution(field)


def kept_state(
    molecule: Molecule, functional: str, found: Solution, *, grid_level: int, nonlocal_grid_level: int | None = None
) -> Solution:
    """Converge an unrestricted solution of a coarser grid, or of another functional, without leaving its state.

    Plain iteration may climb: of H2 and a distant proton to H and H2+. The functional of the found density on the finer
    grid bounds the state's energy from above; where plain iteration ends higher, second-order steps descend from the
    found orbitals.

    Raises:
        ValueError: no convergence, or an energy above the bound all the same.
    """
    field = make_field(molecule, functional, restricted=False, convergence=CONVERGENCE, grid_level=grid_level)
    _set_nonlocal_grid(field, nonlocal_grid_level)
    bound = field.energy_tot(found.density)
    try:
        fields.converge(field, found.density, CONVERGENCE)
    except ValueError:
        field.e_tot = np.inf
    if field.e_tot > bound + _BOUND_TOLERANCE_HARTREE:
        fields.descend(field, found.field.mo_coeff, found.field.mo_occ, CONVERGENCE)
    if field.e_tot > bound + _BOUND_TOLERANCE_HARTREE:
        raise ValueError(
            f"{fields.describe(field)}: the lowest state found is lost on the full grid, which ends at "
            f"{field.e_tot:.4f} hartree, above {bound:.4f}."
        )
    return fields.solution(field)


def mean_field_forces(solution: Solution, *, accurate: bool = True) -> np.ndarray:
    """Forces (n_atoms, 3), hartree/bohr, of a field.

    Args:
        solution: of `mean_field`.
        accurate: minus the slope of the energy on the field's own grid, whose weights change with the nuclei; the
            field is converged once more, since forces err by as much as the density, energies by its square.

    Raises:
        ValueError: the field does not converge from its own density.
    """
    field = solution.field
    if field.mol.natm == 1:  # by symmetry; PySCF's gradient fails on an atom's full symmetry
        return np.zeros((1, 3))
    if accurate:
        field = field.copy()
        fields.converge(field, solution.density, CONVERGENCE)
    gradient = field.nuc_grad_method()
    gradient.verbose = 0
    if accurate and hasattr(field, "grids"):
        gradient.grid_response = True
    return -gradient.kernel()


def make_field(
    molecule: Molecule,
    functional: str,
    *,
    restricted: bool,
    convergence: Convergence,
    grid_level: int = 0,
) -> Field:
    """Field of this functional, not yet run; raise ValueError for one that PySCF does not know."""
    from pyscf import dft, scf

    from h2scale.electronic_structure import stored_basis

    if functional == "hf":
        open_shell = scf.ROHF if molecule.spin else scf.RHF
        return fields.configure(open_shell(molecule) if restricted else scf.UHF(molecule), convergence)
    try:
        dft.libxc.parse_xc(functional)
    except (KeyError, ValueError) as error:
        raise ValueError(f"method must be 'hf', 'ccsd(t)' or a functional PySCF knows; got {functional!r}.") from error
    open_shell = dft.ROKS if molecule.spin else dft.RKS
    field = open_shell(molecule) if restricted else dft.UKS(molecule)
    field.xc = functional
    field.grids.level = grid_level
    field._numint = stored_basis.StoredBasis()
    return fields.configure(field, convergence)


def _set_nonlocal_grid(field: Field, level: int | None) -> None:
    if level is not None and hasattr(field, "nlcgrids"):
        field.nlcgrids.level = level


def _instability(field: Field) -> fields.Instability | None:
    """Way down that PySCF's analysis finds, without its curvature.

    An open shell may point anywhere; only the grid tells its directions apart, and then a curvature may be negative.
    """
    orbitals, _, stable, _ = field.stability(return_status=True)
    if stable:
        return None
    start = fields.Start(field.make_rdm1(orbitals, field.mo_occ), orbitals, field.mo_occ, second_order=False)
    return fields.Instability((start, start._replace(second_order=True)), may_be_flat=True)
