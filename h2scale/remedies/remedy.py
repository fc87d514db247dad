"""A shipped remedy in use: energies of any geometry, relative to isolated atoms; nothing is answered by a fallback."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from h2scale import elements, units
from h2scale.errors import InputError
from h2scale.remedies import bases, corrections, parameters
from h2scale.remedies.corrections import Form, Rows

NEAREST_ANGSTROM = 0.1
"""Nuclei nearer than this are refused: no basis set here describes them."""


class Prediction(NamedTuple):
    """A remedy's energy of one geometry, with what it is made of; eV relative to isolated neutral atoms."""

    energy: float
    base_energy: float  # of the base method, relative to its own atoms
    spin_squared: float  # <S^2> of the base's field
    density: np.ndarray | None  # to start a neighbouring geometry from


class Remedy:
    """A base method with a learned correction. Energies are in eV relative to isolated atoms at its own level.

    Attributes:
        basis: in which its energies stand.
        description: what it was made from, what it is exact for, where it was tested.
    """

    def __init__(self, stored: parameters.Stored) -> None:
        self.description = stored.description
        self.basis = stored.description.basis
        self._params = jax.tree.map(jnp.asarray, dict(stored.params))
        self._centre, self._spread = stored.centre, stored.spread
        self._atoms = stored.atoms_hartree
        self._base = bases.BASES[stored.description.base]

    def energy(
        self,
        atomic_numbers: Sequence[int] | np.ndarray,
        positions: Sequence[Sequence[float]] | np.ndarray,
        charge: int = 0,
        spin_multiplicity: int = 1,
    ) -> float:
        """Energy in eV of one structure, relative to isolated neutral atoms.

        Args:
            atomic_numbers: shape (n_atoms,).
            positions: shape (n_atoms, 3), angstrom.
            charge: total charge in units of e.
            spin_multiplicity: 2S + 1.

        Raises:
            InputError: an element or a size outside the remedy's, nuclei closer than 0.1 angstrom, a spin that this
                number of electrons cannot have, or a field or coupled cluster that does not converge.
        """
        return self.predict(atomic_numbers, positions, charge, spin_multiplicity).energy

    def predict(
        self,
        atomic_numbers: Sequence[int] | np.ndarray,
        positions: Sequence[Sequence[float]] | np.ndarray,
        charge: int = 0,
        spin_multiplicity: int = 1,
        *,
        densities: Sequence[np.ndarray] = (),
    ) -> Prediction:
        """Energy with its base, and the density that a neighbouring geometry may start from.

        Args:
            atomic_numbers, positions, charge, spin_multiplicity: as for `energy`.
            densities: further starts of the search for the lowest field, from neighbouring geometries.

        Raises:
            InputError: as for `energy`.
        """
        numbers, positions = np.asarray(atomic_numbers, int), np.asarray(positions, float)
        self.symbols(numbers, positions)
        try:
            solved = bases.solve(
                self.description.base, numbers.tolist(), positions, charge, spin_multiplicity, self.basis, densities
            )
        except ValueError as error:
            raise InputError(f"{self.description.name}: {error}") from error
        return self.relative(numbers, solved)

    def relative(self, atomic_numbers: Sequence[int] | np.ndarray, solved: bases.Solved) -> Prediction:
        """Add the correction to a base's answer, and take away the isolated atoms."""
        symbols = [elements.SYMBOLS[number] for number in atomic_numbers]
        base = solved.energy_hartree * units.HARTREE_EV
        atoms = sum(self._atoms[symbol] for symbol in symbols) * units.HARTREE_EV
        own = sum(self._atoms[f"{symbol} base"] for symbol in symbols) * units.HARTREE_EV
        total = base + self.correction(solved.inputs, solved.amounts)
        return Prediction(total - atoms, base - own, solved.spin_squared, solved.density)

    def correction(self, inputs: np.ndarray, amounts: np.ndarray) -> float:
        """Learned part of a total energy, eV, from a base's rows."""
        if not np.any(amounts):
            return 0.0
        amounts = amounts[:, list(self.description.channels)]
        rows = 1 << (len(amounts) - 1).bit_length()  # so that a curve compiles few programs
        padded_inputs = np.zeros((rows, inputs.shape[1]), np.float32)
        padded_amounts = np.zeros((rows, amounts.shape[1]), np.float32)
        padded_inputs[: len(inputs)] = (inputs - self._centre) / self._spread
        padded_amounts[: len(amounts)] = amounts
        return float(
            _compiled(self.description.form)(
                self._params, Rows(jnp.asarray(padded_inputs), jnp.asarray(padded_amounts))
            )
        )

    def warnings(self, atomic_numbers: Sequence[int] | np.ndarray, charge: int = 0) -> list[str]:
        """Sentences that say where a structure lies outside what the remedy was tested on."""
        described, numbers = self.description, np.asarray(atomic_numbers, int)
        said = []
        untested = sorted({elements.SYMBOLS[number] for number in numbers} - set(described.tested_elements))
        if untested:
            said.append(f"{described.name} was tested on {', '.join(described.tested_elements)}, not {untested[0]}.")
        heavy = int((numbers > 1).sum())
        if heavy > described.tested_heavy_atoms:
            most = described.tested_heavy_atoms
            said.append(f"{described.name} was tested on up to {most} heavy atoms; this has {heavy}.")
        if charge and int(numbers.sum()) - charge > 1:
            said.append(f"{described.name} was tested on neutral molecules and H2+; this has charge {charge}.")
        return said

    def symbols(self, atomic_numbers: Sequence[int] | np.ndarray, positions: np.ndarray) -> list[str]:
        """Elements of a structure that the remedy may be asked.

        Raises:
            InputError: an element, a size or a distance that it may not.
        """
        described, numbers = self.description, np.asarray(atomic_numbers, int)
        if numbers.ndim != 1 or positions.shape != (len(numbers), 3) or not len(numbers):
            raise InputError(f"positions must have shape ({numbers.size}, 3), one row an atom; got {positions.shape}.")
        if not np.isfinite(positions).all():
            raise InputError("positions must be finite numbers in angstrom; got one that is not.")
        known = {elements.ATOMIC_NUMBERS[symbol]: symbol for symbol in described.elements}
        for number in numbers.tolist():
            if number not in known:
                raise InputError(
                    f"{described.name} is for {', '.join(described.elements)}; got atomic number {number}."
                )
        heavy = int((numbers > 1).sum())
        if heavy > described.max_heavy_atoms or len(numbers) > 4 * described.max_heavy_atoms + 4:
            raise InputError(
                f"{described.name} is for up to {described.max_heavy_atoms} heavy atoms and "
                f"{4 * described.max_heavy_atoms + 4} atoms; got {heavy} of {len(numbers)}."
            )
        vectors = positions[:, None] - positions[None, :]
        distances = np.linalg.norm(vectors, axis=-1) + np.diag(np.full(len(numbers), np.inf))
        if distances.min() < NEAREST_ANGSTROM:
            first, second = sorted(np.unravel_index(int(distances.argmin()), distances.shape))
            raise InputError(
                f"nuclei {first} and {second} are {distances.min():.4g} angstrom apart; they must be at least "
                f"{NEAREST_ANGSTROM} angstrom."
            )
        return [known[number] for number in numbers.tolist()]


def load_remedy(name: str) -> Remedy:
    """Return a shipped remedy by its name, or one stored elsewhere by the path of its .npz file.

    Raises:
        InputError: no such remedy; the shipped ones are listed.
    """
    return Remedy(parameters.load(_path(name)))


def list_remedies() -> list[str]:
    """Names of the shipped remedies, best first: by the mean error on the judge's curves, unasked ones last."""
    described = [parameters.load(path).description for path in parameters.shipped()]
    return [one.name for one in sorted(described, key=lambda one: np.nan_to_num(one.curves_mae_ev, nan=np.inf))]


def _path(name: str) -> Path:
    for path in parameters.shipped():
        if path.stem == name:
            return path
    if name.endswith(".npz"):
        return Path(name)
    raise InputError(f"no remedy {name!r}; shipped are {', '.join(list_remedies())}.")


@functools.cache
def _compiled(form: Form):  # type: ignore[no-untyped-def]
    return jax.jit(corrections.make_correction(form))
