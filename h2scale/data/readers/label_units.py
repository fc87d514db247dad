"""Units that a file's labels may be in, and their value in h2scale's."""

from collections.abc import Mapping
from types import MappingProxyType

from h2scale import errors, units

ENERGY_EV: Mapping[str, float] = MappingProxyType(
    {
        "eV": 1.0,
        "hartree": units.HARTREE_EV,
        "kcal/mol": units.KCAL_PER_MOL_EV,
        "kJ/mol": units.KCAL_PER_MOL_EV / 4.184,
    }
)
LENGTH_ANGSTROM: Mapping[str, float] = MappingProxyType({"angstrom": 1.0, "bohr": units.BOHR_ANGSTROM, "nm": 10.0})


def energy(name: str) -> float:
    """Value of an energy unit in eV.

    Raises:
        InputError: another name than those of `ENERGY_EV`.
    """
    return _value(name, ENERGY_EV, "energy_unit")


def length(name: str) -> float:
    """Value of a length unit in angstrom.

    Raises:
        InputError: another name than those of `LENGTH_ANGSTROM`.
    """
    return _value(name, LENGTH_ANGSTROM, "length_unit")


def force(name: str) -> float:
    """Value of a unit of force, such as hartree/bohr or kcal/mol/angstrom, in eV/angstrom.

    Raises:
        InputError: it is no energy divided by a length of those above.
    """
    of_energy, _, of_length = name.rpartition("/")
    if of_energy not in ENERGY_EV or of_length not in LENGTH_ANGSTROM:
        raise errors.InputError(
            f"forces_unit must be an energy of {', '.join(ENERGY_EV)} over a length of {', '.join(LENGTH_ANGSTROM)}, "
            f"as hartree/bohr; got {name!r}."
        )
    return ENERGY_EV[of_energy] / LENGTH_ANGSTROM[of_length]


def _value(name: str, known: Mapping[str, float], setting: str) -> float:
    if name not in known:
        raise errors.InputError(f"{setting} must be one of {', '.join(known)}; got {name!r}.")
    return known[name]
