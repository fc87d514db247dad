"""Side of a molecule: training, validation or test, by a hash of its id.

A molecule's side depends on nothing but its id and the split seed, so adding molecules to a dataset never moves an old
one from one side to another.

H2 is always on the training side: what of it may be used is decided by the rung and by `include_h2_equilibrium`, and
its exam is the curve against exact physics, not a held-out label.
"""

import dataclasses

from h2scale import elements as elements_lib
from h2scale.data import hashing, rungs
from h2scale.errors import require

SIDES = ("train", "validation", "test")

ORGANIC = ("H", "C", "N", "O", "F")
"""Elements that every rung of the shipped datasets covers."""


@dataclasses.dataclass(frozen=True)
class SplitSettings:
    """Settings of section `data` that decide on which side a structure is; fractions are of molecules."""

    elements: tuple[str, ...] = ORGANIC  # structures that hold others are on no side; empty admits all
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    split_seed: int = 0
    max_held_out: int = 0  # most structures of a rung and side to evaluate; 0 for all
    ions: bool = False  # structures of one electron less, or one more at a level that can bind it, are in every rung
    spin_states: bool = False  # so are neutral structures in another than their ground state's spin

    def __post_init__(self) -> None:
        for name in ("validation_fraction", "test_fraction"):
            require(0 < getattr(self, name) < 0.5, f"data.{name}", getattr(self, name), "between 0 and 0.5")
        right = "0, for all, or a number of structures"
        require(self.max_held_out >= 0, "data.max_held_out", self.max_held_out, right)
        symbols = all(symbol in elements_lib.ATOMIC_NUMBERS for symbol in self.elements)
        require(symbols, "data.elements", self.elements, "symbols such as H or C, or () for all elements")
        hydrogen = not self.elements or "H" in self.elements
        require(hydrogen, "data.elements", self.elements, "a list with H, whose curve judges every model")


def side_of_molecule(molecule: str, settings: SplitSettings) -> str:
    """`train`, `validation` or `test`; a function of nothing but the molecule id and the settings."""
    if molecule == rungs.H2_MOLECULE:
        return "train"
    position = hashing.text_hash(f"{settings.split_seed}:{molecule}") / 2**64
    if position < settings.test_fraction:
        return "test"
    return "validation" if position < settings.test_fraction + settings.validation_fraction else "train"
