"""Lines that tell a user how a conversion reads the files, and what it found."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from h2scale.data import rungs
from h2scale.types import Structure


def account(manifest: Mapping[str, Any]) -> list[str]:
    """Lines that say how the files are read, before anything is written.

    Args:
        manifest: of a `readers.Reading`.
    """
    read_as = dict(manifest.get("read_as", {}))
    said = {
        "format": manifest["format_read"],
        "level": manifest["level"],
        "units in the files": manifest["units_in_the_source"],
        **read_as,
        "rung": manifest["rung_chosen"],
        "zero of energy": manifest["energy_zero"],
    }
    energies = manifest.get("isolated_atom_energies_ev", {})
    if energies:
        said["zero of energy"] += ": " + ", ".join(f"{symbol} {value:.6g} eV" for symbol, value in energies.items())
    if not manifest["has_forces"]:
        said.setdefault("forces", "none")
    return [f"{name}: {words}" for name, words in said.items()]


class Counts:
    """Structures, molecules and rungs of a stream, counted as it passes."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._rungs: Counter[str] = Counter()
        self._molecules: set[int] = set()  # hashes, since names may be long and many
        self._atoms = 0

    def watch(self, structures: Iterator[Structure]) -> Iterator[Structure]:
        """The same structures, counted."""
        for structure in structures:
            self._rungs[structure.rung] += 1
            self._molecules.add(hash(structure.molecule))
            self._atoms += len(structure.atomic_numbers)
            yield structure

    def lines(self, left_out: Mapping[str, int]) -> list[str]:
        """Lines on what passed and what was left out."""
        ladder = [rung for rung in rungs.RUNGS if rung in self._rungs]
        beside = sorted(set(self._rungs) - set(ladder))
        of_rung = ", ".join(f"{rung} {self._rungs[rung]}" for rung in (*ladder, *beside))
        total = self._rungs.total()
        return [
            f"found: {total} structures of {len(self._molecules)} molecules, {self._atoms} atoms; {of_rung}",
            *(f"left out: {count}, {reason}" for reason, count in left_out.items()),
        ]
