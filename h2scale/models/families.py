"""The families of models, and the facts about a family that the rest of the package needs.

A new family is a module beside this one that ends with `FAMILY = families.Family(...)`, and its line in `MODULES`.
`schnet.py` is the shorter example.
"""

import importlib
from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn

MODULES = {
    "nequip": "h2scale.models.nequip",
    "schnet": "h2scale.models.schnet",
}
"""Module of each name in the settings; imported on demand, because the families themselves import the settings."""


class Family(NamedTuple):
    """Facts about a family of networks that other modules use in place of its name."""

    network: Callable[..., nn.Module]
    """(settings) -> linen module that maps edge vectors, (n_edge, 3) in angstrom, and a graph to the dimensionless
    energy of each atom, (n_node,). Padded edges and vectors of length zero must not contribute."""

    equivariant: bool = False
    """Has features of every degree up to `l_max`; a family of scalars alone requires an `l_max` of 0."""

    min_num_radial: int = 1
    """Smallest number of radial functions."""

    divides_by_fan_in: bool = False
    """Divides its weights by the square root of their fan-in where they act, which `widths` must make up for."""

    predicts_electronegativity: bool = False
    """Returns, where the settings ask for electrostatics, (n_node, 2): energies and electronegativities of an atom in
    its surroundings, both dimensionless and zero, with `isolated_atom_exact`, for an atom without neighbours."""

    follows_name_rule: bool = False
    """Parameters are distributed as their names say in `initial`, which draws them all at once; otherwise Flax draws
    them one by one, which is right for any network and takes longer to compile."""


def get(name: str) -> Family:
    """Return the family of that name.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in MODULES:
        raise ValueError(f"model.name must be one of {', '.join(MODULES)}; got {name!r}.")
    family: Family = importlib.import_module(MODULES[name]).FAMILY
    return family
