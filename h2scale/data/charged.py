"""Charged structures and spin states: which of them a study may train on, and whose ions they are.

Of the ions of a dataset those with one electron less than neutral are admitted, and those with one more where the level
of theory has diffuse functions, without which an extra electron is not bound where it should be: PBE0/def2-SVP puts O-
0.39 and H- 0.55 eV above the neutral atom. Structures without electrons are never admitted as ions. Of H2+, whose exact
curve judges models, the minimum alone is.
"""

import re

import numpy as np

from h2scale.data import catalog, leaks, rungs

HIGHEST_CHARGE = 1
"""Of ions that are trained on; higher ones are asked."""

_BRACKET_CHARGE = re.compile(r"\[([A-Za-z0-9@]+?)([+-]+)(\d*)\]")


def admitted_ions(dataset: catalog.Facts) -> np.ndarray:
    """Return which structures `data.ions` admits, (n_structures,), bool."""
    one_less = (dataset.charge >= 1) & (dataset.charge <= HIGHEST_CHARGE)
    one_more = (dataset.charge == -1) & _diffuse(dataset)
    has_electrons = leaks.num_electrons(dataset) > 0
    ions = dataset.rungs.isin([rungs.ION]) & (one_less | one_more) & has_electrons
    return ions & ~leaks.h2_cations_off_minimum(dataset)


def admitted_spin_states(dataset: catalog.Facts) -> np.ndarray:
    """Return which structures `data.spin_states` admits, (n_structures,), bool."""
    return dataset.rungs.isin([rungs.SPIN_STATE])


def _diffuse(dataset: catalog.Facts) -> np.ndarray:
    """Return which structures are of a level with diffuse functions, (n_structures,), bool; shards are of one level."""
    if isinstance(dataset, catalog.Catalog):
        return np.full(len(dataset), has_diffuse_functions(str(dataset.manifest["level"])))
    levels, own = np.unique(dataset.teacher, return_inverse=True)
    return np.array([has_diffuse_functions(str(level)) for level in levels], bool)[own]


def has_diffuse_functions(level: str) -> bool:
    """Return whether the basis of a level, METHOD/BASIS, has diffuse functions, by the names that bases go by."""
    basis = level.lower().partition("/")[2]
    named = re.fullmatch(r"def2-\w*zvpp?d|def2-svpd", basis) is not None
    return named or "+" in basis or basis.startswith(("aug-", "ma-"))


def neutral_name(molecule: str) -> str:
    """Name of the molecule whose ion this is: a SMILES without its charges where they do not add up to zero.

    A neutral molecule with charges in its name, such as [C-]#[O+], keeps it, as its cation does.
    """
    total = 0
    for _, signs, number in _BRACKET_CHARGE.findall(molecule):
        total += (1 if signs[0] == "+" else -1) * (int(number) if number else len(signs))
    return _BRACKET_CHARGE.sub(r"[\1]", molecule) if total else molecule
