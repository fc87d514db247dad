"""The driver of self-consistent fields: plain iteration, second-order steps, and the way out of saddle points.

It works on PySCF's field objects, plain ones from `mean_fields` or those on a stored grid from `kohn_sham`. From which
densities a field starts, and which of several solutions is kept, is the caller's choice. Hartree and bohr.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from h2scale.electronic_structure import molecules
from h2scale.electronic_structure.molecules import Field

_LOWER_HARTREE = 1e-7
"""Difference from which one solution counts as lower than another."""


@dataclasses.dataclass(frozen=True)
class Convergence:
    """Tolerance of a self-consistent field, and how many attempts reach it."""

    tolerance_hartree: float  # of the energy; its root is that of the gradient
    cycles: int  # of plain iteration
    newton_cycles: int  # of second-order steps, which follow where plain iteration fails
    plain_ending: bool  # whether plain iteration follows second-order steps: its orbitals have their eigenvalues
    rounds: int  # instabilities that are followed one after the other


class Orbitals(NamedTuple):
    """Occupied orbitals of both spins."""

    up: np.ndarray  # (n_ao, n_up)
    down: np.ndarray  # (n_ao, n_down)


class Solution(NamedTuple):
    """A converged self-consistent field."""

    energy_hartree: float
    spin_squared: float  # <S^2>
    orbitals: Orbitals
    restricted: bool  # one set of spatial orbitals
    field: Field  # what PySCF needs to differentiate it

    @property
    def density(self) -> np.ndarray:
        """Density matrix, (n_ao, n_ao) if restricted, else (2, n_ao, n_ao)."""
        return np.asarray(self.field.make_rdm1())

    @property
    def spin_densities(self) -> np.ndarray:
        """Density matrices of both spins, (2, n_ao, n_ao)."""
        density = self.density
        return np.stack([density / 2] * 2) if density.ndim == 2 else density


class Start(NamedTuple):
    """Orbitals turned in a direction in which the energy falls; a restricted field has one set for both spins."""

    density: np.ndarray  # (2, n_ao, n_ao)
    orbitals: np.ndarray  # (2, n_ao, n_mo) or (n_ao, n_mo), empty ones included
    occupations: np.ndarray  # (2, n_mo) or (n_mo,)
    second_order: bool  # steps from the orbitals instead of plain iteration from the density


class Instability(NamedTuple):
    """A solution's way down."""

    starts: Iterable[Start]  # tried in turn until one leads lower
    may_be_flat: bool  # the solution stays if none does; otherwise that is an error


def converge(field: Field, density: np.ndarray | None, convergence: Convergence) -> None:
    """Run a field by plain iteration, then by second-order steps if that fails.

    Args:
        field: from `mean_fields` or `kohn_sham`; it holds the result.
        density: to start from; None continues from the field's orbitals, if it has any, or from PySCF's guess.
        convergence: numbers of steps; `configure` gave the field its own share.

    Raises:
        ValueError: neither converges.
    """
    field.kernel(density)
    if not field.converged:
        _take_second_order_steps(field, field.mo_coeff, field.mo_occ, convergence)
        if field.converged and convergence.plain_ending:
            reached = _state(field)
            field.kernel(field.make_rdm1())
            if not field.converged:
                _restore(field, reached)
    if not field.converged:
        raise ValueError(f"{describe(field)} did not converge.")


def descend(field: Field, orbitals: np.ndarray, occupations: np.ndarray, convergence: Convergence) -> None:
    """Run a field by second-order steps alone, which stay in the state of these orbitals.

    Raises:
        ValueError: no convergence.
    """
    _take_second_order_steps(field, orbitals, occupations, convergence)
    if not field.converged:
        raise ValueError(f"{describe(field)} did not converge.")


def follow(
    field: Field,
    instability: Callable[[Field], Instability | None],
    make: Callable[[], Field],
    convergence: Convergence,
) -> tuple[Field, int]:
    """Leave saddle points until a field is stable, or flat: an open shell that may point anywhere.

    Args:
        field: converged; left as it is.
        instability: None where a field is a local minimum of the energy.
        make: a field to descend with.
        convergence: as in `converge`.

    Returns:
        The field itself or a lower one, and how many instabilities were followed.

    Raises:
        ValueError: nothing is found below a saddle point that is not flat, or there are too many of them.
    """
    for rounds in range(convergence.rounds):
        found = instability(field)
        if found is None:
            return field, rounds
        lower = _first_lower(field, found.starts, make, convergence)
        if lower is None and found.may_be_flat:
            return field, rounds
        if lower is None:
            raise ValueError(f"{describe(field)} has an unstable solution below which none was found.")
        field = lower
    raise ValueError(f"{describe(field)} reached no stable solution in {convergence.rounds} rounds.")


def solution(field: Field) -> Solution:
    """Energy, <S^2> and occupied orbitals of a converged field."""
    coefficients, occupations = field.mo_coeff, field.mo_occ
    if np.ndim(occupations) == 1:
        spin = field.mol.spin / 2
        orbitals = Orbitals(coefficients[:, occupations > 0], coefficients[:, occupations > 1])
        return Solution(float(field.e_tot), spin * (spin + 1), orbitals, True, field)
    orbitals = Orbitals(*(coefficients[s][:, occupations[s] > 0] for s in range(2)))
    return Solution(float(field.e_tot), float(field.spin_square()[0]), orbitals, False, field)


def density_matrix(orbitals: Orbitals) -> np.ndarray:
    """Density of both spins, (2, n_ao, n_ao), tagged with its orbitals as PySCF's own are."""
    from pyscf import lib

    density = np.stack([spin @ spin.T for spin in orbitals])
    return lib.tag_array(density, mo_coeff=list(orbitals), mo_occ=[np.ones(spin.shape[1]) for spin in orbitals])


def configure(field: Field, convergence: Convergence) -> Field:
    """Give a field its tolerance and number of cycles, and keep it off the disk.

    With a checkpoint file PySCF writes every iteration, an eighth of a small molecule's time.
    """
    field.conv_tol, field.max_cycle = convergence.tolerance_hartree, convergence.cycles
    field.verbose, field.chkfile, field._chkfile = 0, None, None
    return field


def describe(field: Field) -> str:
    """Functional, elements, charge, basis and extent, to name a field in an error."""
    return f"{getattr(field, 'xc', 'hf')} of {molecules.describe(field.mol)}"


def _first_lower(
    field: Field, starts: Iterable[Start], make: Callable[[], Field], convergence: Convergence
) -> Field | None:
    """Field below this one from the first of these starts that leads to one.

    Plain iteration is quick but may fall back to the saddle; second-order steps do not.
    """
    for start in starts:
        other = make()
        try:
            if start.second_order:
                _take_second_order_steps(other, start.orbitals, start.occupations, convergence)
                if not other.converged and convergence.plain_ending:
                    converge(other, None, convergence)
            else:
                converge(other, start.density, convergence)
        except ValueError:
            continue
        if other.converged and other.e_tot < field.e_tot - _LOWER_HARTREE:
            return other
    return None


def _take_second_order_steps(
    field: Field, orbitals: np.ndarray, occupations: np.ndarray, convergence: Convergence
) -> None:
    """Leave in the field where they end, converged or not."""
    steps = field.newton()
    steps.max_cycle = convergence.newton_cycles
    steps.kernel(orbitals, occupations)
    _restore(field, _state(steps))


def _state(field: Field) -> dict[str, object]:
    return {name: getattr(field, name) for name in ("e_tot", "converged", "mo_coeff", "mo_occ", "mo_energy")}


def _restore(field: Field, state: dict[str, object]) -> None:
    for name, value in state.items():
        setattr(field, name, value)
