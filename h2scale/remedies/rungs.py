"""The rungs of the ladder, by the physics that is built in: what each multiplies, and what it is exact for."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Rung(NamedTuple):
    """One model family of the ladder."""

    name: str
    title: str
    base: str  # one of `library.METHODS`; empty for networks on positions
    channels: tuple[int, ...]  # of the base's amounts that are multiplied
    limit: float  # largest factor on the amounts
    knows_elements: bool  # its inputs hold a table of elements, so that others are outside
    exact_for: str  # by construction, as tests prove it


_FEW = "no, one and two electrons"

LEARNED: Mapping[str, Rung] = MappingProxyType(
    {
        rung.name: rung
        for rung in (
            Rung("plain", "NequIP on the labels", "", (), 0.0, True, "isolated atoms"),
            Rung("priors", "NequIP with cheap priors", "", (), 0.0, True, "isolated atoms, bare nuclei"),
            Rung("delta-gfn2", "correction of GFN2-xTB", "gfn2", (0,), 4.0, True, "no electron, neutral sums"),
            Rung("delta-uhf", "correction of UHF", "uhf", (0,), 4.0, True, "no and one electron, neutral sums"),
            Rung("delta-pbe0", "correction of PBE0", "pbe0", (0,), 4.0, True, "no electron, neutral sums"),
            Rung("practical", "small gated PBE0 correction", "pbe0", (1,), 0.5, True, "no electron, neutral sums"),
            Rung("functional", "learned functional", "local-hybrid", (0, 1), 1.0, False, "no electron, neutral sums"),
            Rung("pairs", "factor on CCSD pairs", "uccsd", (0, 1), 0.5, False, "no, one and two electrons, sums"),
            Rung("pairs-dc", "factor on DCSD pairs", "dcsd", (0, 1), 0.5, False, _FEW),
            Rung("pairs-dc-ap", "factor on projected DCSD pairs", "ap-dcsd", (0, 1), 0.5, False, _FEW),
        )
    }
)


def corrections() -> list[Rung]:
    """Rungs that correct a base, in the order of the ladder."""
    return [rung for rung in LEARNED.values() if rung.base]
