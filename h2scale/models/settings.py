"""The settings that decide a model's shape and physics: one frozen record, checked when it is made."""

import dataclasses
import math
from collections.abc import Sequence

from h2scale.models import families

PRIORS = ("none", "zbl", "coulomb")
CONDITIONINGS = ("none", "charge_spin", "spin")
ELECTROSTATICS = ("none", "equilibrated")
CONVOLUTIONS = ("fast", "e3nn")
MAX_DEGREE = 3


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """Static settings of a potential. Hashable, so that it may close over jitted functions.

    Raises:
        ValueError: one line that names the setting, what arrived and what would be right.
    """

    name: str  # of a family in `families.MODULES`
    num_features: int  # channels C: per degree in NequIP, per atom in SchNet
    num_layers: int  # message passings, at least 1
    l_max: int  # highest degree of NequIP's features and harmonics, 0 to 3; SchNet has only 0
    cutoff: float  # angstrom
    num_radial: int  # Bessel functions (NequIP) or Gaussians (SchNet)
    radial_hidden: tuple[int, ...]  # hidden widths of the network that turns a distance into weights
    species: tuple[int, ...]  # atomic numbers, in the order of the species table
    avg_num_neighbors: float  # messages are divided by its square root (NequIP)
    energy_scale: float  # eV, multiplies the raw output of each atom
    isolated_atom_exact: bool  # an atom without neighbours has energy exactly 0
    envelope_power: int  # p of the polynomial envelope (NequIP), at least 2
    prior: str  # none, zbl or coulomb
    conditioning: str  # none, charge_spin or spin
    convolution: str  # fast or e3nn, the same numbers
    electrostatics: str = "none"  # none or equilibrated (partial charges that add up to the total charge)
    atomic_energies_ev: tuple[float, ...] = ()  # total, of the isolated atoms, by species; for prior coulomb alone

    def __post_init__(self) -> None:
        family = families.get(self.name)
        _check_choice("prior", self.prior, PRIORS)
        _check_choice("conditioning", self.conditioning, CONDITIONINGS)
        _check_choice("electrostatics", self.electrostatics, ELECTROSTATICS)
        _check_choice("convolution", self.convolution, CONVOLUTIONS)
        _check_integer("num_features", self.num_features, 1)
        _check_integer("num_layers", self.num_layers, 1)
        _check_integer("num_radial", self.num_radial, 1)
        _check_integer("envelope_power", self.envelope_power, 2)
        _check_integer("l_max", self.l_max, 0, MAX_DEGREE)
        _check_positive("cutoff", self.cutoff, "in angstrom")
        _check_positive("avg_num_neighbors", self.avg_num_neighbors, "edges per atom")
        _check_positive("energy_scale", self.energy_scale, "in eV")
        _check_tuple("radial_hidden", self.radial_hidden, "hidden widths, e.g. (64, 64)")
        _check_tuple("species", self.species, "distinct atomic numbers, e.g. (1, 6, 7, 8)")
        if len(set(self.species)) != len(self.species) or not self.species:
            raise ValueError(f"model.species must list at least one atomic number, each once; got {self.species!r}.")
        if self.l_max and not family.equivariant:
            raise ValueError(f"model.l_max must be 0 for {self.name}, which has only scalars; got {self.l_max!r}.")
        if self.electrostatics != "none" and not family.predicts_electronegativity:
            raise ValueError(
                f"model.electrostatics must be none for {self.name}, whose network has no output for it; "
                f"got {self.electrostatics!r}."
            )
        wanted = len(self.species) if self.prior == "coulomb" else 0
        if len(self.atomic_energies_ev) != wanted:
            raise ValueError(
                f"model.atomic_energies_ev must hold {wanted} energies, one per species for prior coulomb and none "
                f"for others; got {self.atomic_energies_ev!r}."
            )
        if self.num_radial < family.min_num_radial:
            raise ValueError(
                f"model.num_radial must be at least {family.min_num_radial} for {self.name}; got {self.num_radial!r}."
            )

    @property
    def takes_charge(self) -> bool:
        """True if the total charge decides anything about a structure with electrons."""
        return self.conditioning == "charge_spin" or self.electrostatics != "none"

    @property
    def takes_spin(self) -> bool:
        """True if the spin multiplicity decides anything."""
        return self.conditioning in ("charge_spin", "spin")


def _check_choice(setting: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"model.{setting} must be one of {', '.join(allowed)}; got {value!r}.")


def _check_integer(setting: str, value: int, low: int, high: int | None = None) -> None:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if not is_integer or value < low or (high is not None and value > high):
        span = f"an integer of at least {low}" if high is None else f"an integer from {low} to {high}"
        raise ValueError(f"model.{setting} must be {span}; got {value!r}.")


def _check_positive(setting: str, value: float, unit: str) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value <= 0:
        raise ValueError(f"model.{setting} must be positive, {unit}; got {value!r}.")


def _check_tuple(setting: str, value: tuple[int, ...], what: str) -> None:
    if not isinstance(value, tuple) or not all(isinstance(v, int) and v > 0 for v in value):
        raise ValueError(f"model.{setting} must be a tuple of positive integers ({what}); got {value!r}.")
