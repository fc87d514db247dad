"""SPICE: drug-like molecules, dimers, peptides and ions off equilibrium, wB97M-D3(BJ)/def2-TZVPPD, as HDF5.

One group a molecule: `atomic_numbers` (n_atoms,), `smiles` (one, hydrogens explicit, atoms mapped), `conformations`
(n, n_atoms, 3) in bohr, `dft_total_energy` (n,) in hartree, `dft_total_gradient` (n, n_atoms, 3) in hartree/bohr, and
more. The arrays carry their unit in the attribute `units`, which is checked. Forces are minus the gradient. No charge
is stored: it is the sum of the formal charges in the SMILES. All molecules are closed-shell.

`formation_energy` is not read: the authors take it relative to ions where those lie lower, so that its zero changes
from molecule to molecule. Here every energy is relative to neutral atoms, which the authors publish for B, Br, C, Cl,
F, H, I, N, O, P, S and Si; molecules with Li, Na, Mg, K or Ca, of which only ions are given, need energies from the
caller.

References: Eastman, Behara, Dotson et al., Sci. Data 10, 11 (2023); `downloader.py` of github.com/openmm/spice-dataset
for names, units and atoms (Psi4 1.5).
"""

import re
from collections.abc import Generator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from h2scale import errors, units
from h2scale.data.readers import entries, hdf5_groups

LEVEL = "wb97m-d3(bj)/def2-tzvppd"
ATOMIC_ENERGIES_HARTREE = MappingProxyType(
    {
        "H": -0.4987605100487531,
        "B": -24.671520535482145,
        "C": -37.87264507233593,
        "N": -54.62327513368922,
        "O": -75.11317840410095,
        "F": -99.78611622985483,
        "Si": -289.4131352299586,
        "P": -341.3059197024934,
        "S": -398.1599636677874,
        "Cl": -460.1988762285739,
        "Br": -2574.1167240829964,
        "I": -297.76228914445625,
    }
)
ATOMIC_ENERGIES_SOURCE = "neutral atoms of the SPICE authors' downloader.py, Psi4 1.5, wB97M-D3(BJ)/def2-TZVPPD"
POSITIONS, ENERGY, GRADIENT = "conformations", "dft_total_energy", "dft_total_gradient"
UNITS = MappingProxyType({POSITIONS: "bohr", ENERGY: "hartree", GRADIENT: "hartree/bohr"})

_BRACKET_ATOM = re.compile(r"\[([^\]]*)\]")
_FORMAL_CHARGE = re.compile(r"(\+\d+|-\d+|\++|-+)(?::\d+)?$")


def formal_charge(smiles: str) -> int:
    """Sum of the formal charges of a SMILES, in units of e; only atoms in brackets can carry one."""
    total = 0
    for inside in _BRACKET_ATOM.findall(smiles):
        found = _FORMAL_CHARGE.search(inside)
        if found:
            text = found.group(1)
            total += int(text) if text[-1].isdigit() else len(text) * (1 if text[0] == "+" else -1)
    return total


def read(
    paths: Sequence[Path], options: entries.Options, facts: dict[str, Any]
) -> Generator[entries.Entry, None, None]:
    """Entries of .hdf5 files, with total energies (eV) and forces.

    Raises:
        InputError: a file is not HDF5 or is cut short; a group lacks an array; a shape or unit is another.
    """
    for path in paths:
        for name, group in hdf5_groups.groups(path, ("atomic_numbers", "smiles", *UNITS)):
            where = f"{path}, group {name}"
            for key, unit in UNITS.items():
                hdf5_groups.check_unit(group, key, unit, where)
            numbers = entries.atomic_numbers(hdf5_groups.values(group, "atomic_numbers", where), where)
            positions = hdf5_groups.array(group, POSITIONS, (None, len(numbers), 3), where)
            energies = hdf5_groups.array(group, ENERGY, (len(positions),), where)
            gradients = hdf5_groups.array(group, GRADIENT, positions.shape, where)
            smiles = hdf5_groups.values(group, "smiles", where).reshape(-1)
            if len(smiles) != 1:
                raise errors.InputError(f"{where}: smiles must be one string; got {len(smiles)}.")
            text = smiles[0].decode("utf-8") if isinstance(smiles[0], bytes) else str(smiles[0])
            for index in range(len(positions)):
                structure = entries.closed_shell(
                    numbers,
                    positions[index] * units.BOHR_ANGSTROM,
                    float(energies[index]) * units.HARTREE_EV,
                    -gradients[index] * units.HARTREE_PER_BOHR_EV_PER_ANGSTROM,
                    rung="thermal",
                    molecule=text,
                    teacher=LEVEL,
                    charge=formal_charge(text),
                )
                yield entries.Entry(structure, f"{where}, conformation {index}")
