"""Write every reference curve as a CSV file of its own: python -m h2scale.exam.references.curve_files.

The files in curves/ are for those who do not use this package: each begins with lines `# key: value` that name system,
level of theory, units, zero of energy, provenance and licence, then a line of column names and the numbers.
"""

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from h2scale import units
from h2scale.exam.references import tables
from h2scale.physics import curves, exact
from h2scale.runtime import files

FOLDER = Path(__file__).parent / "curves"
EXACT_DISTANCES = np.geomspace(0.05, 20.0, 200)
LICENCE = "Apache-2.0 (h2scale)"
_PHYSICS_CREDITS = {
    "H2": "Sims and Hagstrom, J. Chem. Phys. 124, 094101 (2006); Pachucki, Phys. Rev. A 82, 032509 (2010); splined",
    "H2+": "Fernandez and Garcia, ChemistrySelect 6, 9527 (2021), repository javierelpianista/h2p-benchmarks; splined",
}
_CATION_LICENCE = f"{LICENCE}; made from data under CC BY 4.0"


class CurveFile(NamedTuple):
    """One file: its name, the lines above the numbers, and the columns."""

    name: str
    facts: dict[str, str]
    columns: dict[str, np.ndarray]  # column name with its unit, to shape (n,)


def curve_files() -> Iterator[CurveFile]:
    """Yield the exact curves, full CI of H2, and every curve of shipped/references.json."""
    yield _exact("H2", 0, 1, tables.h2_ev, 2 * exact.HYDROGEN_ATOM_HARTREE, "two hydrogen atoms", LICENCE)
    yield _exact("H2+", 1, 2, tables.h2_cation_ev, exact.HYDROGEN_ATOM_HARTREE, "H and a proton", _CATION_LICENCE)
    with jax.enable_x64(True):
        references = curves.load_h2_references()
    yield CurveFile(
        "H2_FCI_cc-pVQZ.csv",
        _facts("H2", "FCI/cc-pVQZ", 0, 1, "two hydrogen atoms in the same basis", "PySCF 2.14.0, full CI", LICENCE),
        _columns(references.distances_angstrom, references.fci_ev),
    )
    for curve in tables.shipped_curves():
        made = {key: value for key, value in curve.provenance.items() if not isinstance(value, list)}
        yield CurveFile(
            f"{_spelled(curve.system)}_{_spelled(curve.label)}.csv",
            _facts(
                curve.system,
                curve.label,
                made["charge"],
                made["spin_multiplicity"],
                "the separated atoms of the same level, HeH+ a helium atom and a proton",
                f"PySCF, python -m h2scale.exam.references.build: {json.dumps(made)}",
                LICENCE,
            ),
            _columns(curve.distances, curve.energies),
        )


def write(folder: Path) -> list[Path]:
    """Write all files into a folder, which need not exist; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for one in curve_files():
        lines = [f"# {key}: {value}" for key, value in one.facts.items()]
        lines.append(",".join(one.columns))
        lines += [",".join(_number(value) for value in row) for row in zip(*one.columns.values(), strict=True)]
        files.write_text(folder / one.name, "\n".join(lines) + "\n")
        paths.append(folder / one.name)
    return paths


def _exact(system: str, charge: int, spin: int, curve: Any, zero_hartree: float, zero: str, licence: str) -> CurveFile:
    energies = curve(EXACT_DISTANCES)
    facts = _facts(
        system,
        "exact, nonrelativistic, nuclei fixed",
        charge,
        spin,
        zero,
        _PHYSICS_CREDITS[system],
        licence,
    )
    columns = _columns(EXACT_DISTANCES, energies)
    columns["total_energy_hartree"] = energies / units.HARTREE_EV + zero_hartree
    return CurveFile(f"{_spelled(system)}_exact.csv", facts, columns)


def _facts(system: str, level: str, charge: Any, spin: Any, zero: str, source: str, licence: str) -> dict[str, str]:
    return {
        "system": system,
        "level of theory": level,
        "charge": str(charge),
        "spin multiplicity": str(spin),
        "zero of energy": zero,
        "source": source,
        "units": f"angstrom, eV; CODATA 2018: hartree = {units.HARTREE_EV} eV, bohr = {units.BOHR_ANGSTROM} angstrom",
        "licence": licence,
    }


def _columns(distances: np.ndarray, energies: np.ndarray) -> dict[str, np.ndarray]:
    return {"distance_angstrom": np.asarray(distances), "energy_ev": np.asarray(energies)}


def _spelled(name: str) -> str:
    """A name of a system or level as a file may have it: H2+ becomes H2plus."""
    plain = name.replace("+", "plus").replace("ω", "w").split(", which")[0]
    return re.sub(r"[^A-Za-z0-9-]+", "_", plain).strip("_")


def _number(value: float) -> str:
    return f"{value:.9g}"


def main() -> None:
    """Write the files beside this module and print how many."""
    print(f"{len(write(FOLDER))} curves in {resources.files('h2scale.exam.references')}/curves")


if __name__ == "__main__":
    main()
