"""Zero of energy for structures of every charge: isolated neutral atoms at the level of theory of the labels.

Labels, models and references are total energies minus those of the neutral atoms of the same structure. So a neutral
molecule lies below zero by its energy of atomization, an ion above that by what it costs to take its electrons away,
and bare nuclei at their Coulomb repulsion plus the energies of their atoms' electrons: two protons at 1/R plus twice
the ionization energy of hydrogen. Of these, the energies of the parts depend on the level of theory; they are
converted here and nowhere else.

Curves of bare nuclei, of H2+ and of ions are judged after subtracting the model's own separated parts, and the offset
of those parts from the exact ones is a number of its own: a model may know 1/R and be wrong about the ionization
energy, or the other way round.
"""

from collections.abc import Mapping, Sequence

import jax
import numpy as np

from h2scale import elements, units
from h2scale.physics import exact

EXACT_NUCLEUS_EV = {
    1: -exact.HYDROGEN_ATOM_HARTREE * units.HARTREE_EV,
    2: -exact.HELIUM_ATOM_HARTREE * units.HARTREE_EV,
}
"""Exact energy of an isolated nucleus on the zero, eV, by atomic number: the cost of taking all electrons away."""


def nuclei_ev(atomic_energies_ev: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
    """Energy of each nucleus alone and without electrons, on the zero, in eV.

    Args:
        atomic_energies_ev: total energies of the neutral isolated atoms at the level of the labels, any shape.
    """
    return -atomic_energies_ev


def atomic_energies_ev(manifest: Mapping[str, Mapping[str, float]], atomic_numbers: Sequence[int]) -> tuple[float, ...]:
    """Total energies of isolated neutral atoms, eV, as a dataset's manifest holds them.

    Args:
        manifest: of the dataset.
        atomic_numbers: of the atoms.

    Raises:
        ValueError: the manifest lacks one of them.
    """
    known = manifest.get("isolated_atom_energies_ev", {})
    symbols = [elements.SYMBOLS[number] for number in atomic_numbers]
    missing = [symbol for symbol in symbols if symbol not in known]
    if missing:
        raise ValueError(
            f"data.dataset must hold the total energies of its isolated atoms, which bare nuclei are measured from; "
            f"its manifest lacks {', '.join(missing)}."
        )
    return tuple(float(known[symbol]) for symbol in symbols)
