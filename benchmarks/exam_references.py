"""Second route to the exam's measured references: python benchmarks/exam_references.py.

Computes every bond energy of bonds.csv and every ionization energy and electron affinity of ions.csv with PySCF alone,
by none of h2scale's own code, and writes h2scale/exam/references/shipped/second_route.csv: energies in eV at fixed
nuclei, CCSD(T) with frozen cores. Bonds in cc-pVDZ with the change of MP2 to cc-pVTZ added. Ions with diffuse
functions and extrapolated from triple and quadruple zeta, correlation as the inverse cube of the zeta: atoms and H2 by
CCSD(T) itself, molecules by MP2 with fitted integrals and the difference of CCSD(T) and MP2 in aug-cc-pVDZ.
Rows of other levels are computed again; the shipped table still has some at smaller bases, named at each row.
`python -m h2scale.exam.references.agreement` compares both routes.
"""

import csv
import functools
import sys
from pathlib import Path

import numpy as np
from pyscf import cc, gto, mp, scf
from pyscf.mp import dfump2

from h2scale import elements, units
from h2scale.runtime import files

SHIPPED = Path(__file__).parents[1] / "h2scale" / "exam" / "references" / "shipped"
TARGET = SHIPPED / "second_route.csv"
BOND_LEVEL = "CCSD(T)/cc-pVDZ + MP2/cc-pVTZ - MP2/cc-pVDZ"
ATOM_LEVEL = "CCSD(T)/aug-cc-pV[TQ]Z"
MOLECULE_LEVEL = "MP2/aug-cc-pV[TQ]Z + CCSD(T)/aug-cc-pVDZ - MP2/aug-cc-pVDZ"
ELECTRONS_OF_CORE = ((4, 0), (10, 2), (11, 0), (18, 10))  # up to this atomic number, this many


def rows(name):
    """Rows of a shipped table."""
    with (SHIPPED / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def molecule(symbols, positions, charge, spin, basis):
    """PySCF's molecule; positions in angstrom, converted with h2scale's bohr."""
    atoms = [(symbol, np.array(place) / units.BOHR_ANGSTROM) for symbol, place in zip(symbols, positions, strict=True)]
    return gto.M(atom=atoms, unit="bohr", charge=charge, spin=spin - 1, basis=basis, verbose=0)


def num_frozen(mol):
    """Orbitals of the cores, the same for an atom and its ions."""
    return sum(next(n for top, n in ELECTRONS_OF_CORE if z <= top) for z in mol.atom_charges()) // 2


def field(mol):
    """Lowest unrestricted Hartree-Fock solution that following instabilities finds."""
    found = scf.UHF(mol)
    found.conv_tol, found.max_cycle = 1e-9, 200
    found.kernel()
    for _ in range(4 if mol.nelectron > 1 else 0):
        orbitals, _, stable, _ = found.stability(return_status=True)
        if stable:
            break
        found.kernel(found.make_rdm1(orbitals, found.mo_occ))
    if not found.converged:
        raise ValueError(f"Hartree-Fock of {mol.atom} did not converge")
    return found


def coupled_cluster(mol):
    """Field, and total energies in eV by MP2 and CCSD(T) on it."""
    reference = field(mol)
    if mol.nelectron < 2:
        return reference, reference.e_tot * units.HARTREE_EV, reference.e_tot * units.HARTREE_EV
    frozen = num_frozen(mol)
    solver = cc.CCSD(reference, frozen=frozen or None)
    solver.conv_tol, solver.max_cycle = 1e-7, 200
    solver.kernel()
    if not solver.converged:
        raise ValueError(f"CCSD of {mol.atom} did not converge")
    triples = solver.ccsd_t() if mol.nelectron - 2 * frozen > 2 else 0.0
    perturbed = reference.e_tot + solver.emp2  # the first step of the iteration
    return reference, perturbed * units.HARTREE_EV, (solver.e_tot + triples) * units.HARTREE_EV


def two_bases(symbols, positions, charge, spin, bases):
    """Energy in eV by CCSD(T) in the smaller of two bases, with the change of MP2 to the larger.

    The larger basis starts from the field of the smaller one, so that both are the same solution.
    """
    small, large = (molecule(symbols, positions, charge, spin, basis) for basis in bases)
    if small.nelectron == 0:
        return small.energy_nuc() * units.HARTREE_EV
    reference, perturbed, best = coupled_cluster(small)
    wide = scf.UHF(large)
    wide.conv_tol, wide.max_cycle = 1e-9, 200
    wide.kernel(scf.addons.project_dm_nr2nr(small, reference.make_rdm1(), large))
    if not wide.converged:
        raise ValueError(f"Hartree-Fock of {large.atom} did not converge")
    change = 0.0 if large.nelectron < 2 else mp.MP2(wide, frozen=num_frozen(large) or None).kernel()[0]
    return best + (wide.e_tot + change) * units.HARTREE_EV - perturbed


def extrapolated(fields, correlations):
    """Energy in eV without a limit of the basis, from energies in triple and quadruple zeta in hartree."""
    cubes = 3**3, 4**3
    limit = (cubes[1] * correlations[1] - cubes[0] * correlations[0]) / (cubes[1] - cubes[0])
    return (fields[1] + limit) * units.HARTREE_EV


def few_electrons(symbols, positions, charge, spin):
    """Energy in eV of an atom or of H2: CCSD(T) in triple and quadruple zeta, extrapolated."""
    fields, correlations = [], []
    for basis in ("aug-cc-pvtz", "aug-cc-pvqz"):
        alone = molecule(symbols, positions, charge, spin, basis)
        if alone.nelectron == 0:
            return alone.energy_nuc() * units.HARTREE_EV
        reference, _, best = coupled_cluster(alone)
        fields.append(reference.e_tot)
        correlations.append(best / units.HARTREE_EV - reference.e_tot)
    return extrapolated(fields, correlations)


def many_electrons(symbols, positions, charge, spin):
    """Energy in eV of a molecule: MP2 in triple and quadruple zeta, extrapolated, and what CCSD(T) adds in double.

    The larger bases start from the field of the smallest one, so that all are the same solution.
    """
    small = molecule(symbols, positions, charge, spin, "aug-cc-pvdz")
    reference, perturbed, best = coupled_cluster(small)
    fields, correlations = [], []
    for basis in ("aug-cc-pvtz", "aug-cc-pvqz"):
        large = molecule(symbols, positions, charge, spin, basis)
        wide = scf.UHF(large).density_fit()
        wide.conv_tol, wide.max_cycle = 1e-9, 200
        wide.kernel(scf.addons.project_dm_nr2nr(small, reference.make_rdm1(), large))
        if not wide.converged:
            raise ValueError(f"Hartree-Fock of {large.atom} did not converge")
        fields.append(wide.e_tot)
        correlations.append(dfump2.DFUMP2(wide, frozen=num_frozen(large) or None).kernel()[0])
    return extrapolated(fields, correlations) + best - perturbed


@functools.cache
def composite(name):
    """Energy in eV of a species of bonds.csv."""
    found = [row for row in rows("molecules.csv") if row["molecule"] == name]
    if found:
        symbols = [row["element"] for row in found]
        positions = [[float(row[f"{axis}_angstrom"]) for axis in "xyz"] for row in found]
        spin = int(found[0]["spin"])
    else:
        symbols, positions = [name], [[0.0, 0.0, 0.0]]
        spin = elements.GROUND_MULTIPLICITIES[elements.ATOMIC_NUMBERS[name]]
    return two_bases(symbols, positions, 0, spin, ("cc-pvdz", "cc-pvtz"))


def symbols_of(system):
    """Elements of an atom or a diatomic molecule by its formula."""
    for first in sorted(elements.ATOMIC_NUMBERS, key=len, reverse=True):
        if system == first:
            return [first]
        if system == first + "2":
            return [first, first]
        if system.startswith(first) and system[len(first) :] in elements.ATOMIC_NUMBERS:
            return [first, system[len(first) :]]
    raise ValueError(f"{system} is no atom and no diatomic molecule")


def diatomic(row, charge):
    """Energy in eV of the neutral or the ion of a row of ions.csv, each at its own bond length."""
    symbols = symbols_of(row["system"])
    length = row["ion_bond_angstrom" if charge else "bond_angstrom"]
    positions = [[0.0, 0.0, 0.0], [0.0, 0.0, float(length or 0)]][: len(symbols)]
    spin = int(row["ion_spin" if charge else "spin"])
    solve = few_electrons if is_small(row) else many_electrons
    return solve(symbols, positions, charge, spin)


def is_small(row):
    """Return whether a row of ions.csv is of an atom or of H2."""
    return not row["bond_angstrom"] or row["system"] == "H2"


def main():
    """Compute what the table does not hold yet at these levels, and write it after every row."""
    done = {(row["table"], row["name"]): row for row in rows(TARGET.name)} if TARGET.exists() else {}
    for row in rows("bonds.csv"):
        key = ("bonds", row["bond"])
        if done.get(key, {}).get("level") != BOND_LEVEL:
            value = composite(row["first"]) + composite(row["second"]) - composite(row["molecule"])
            keep(done, key, value, row["de_ev"], BOND_LEVEL)
    for row in sorted(rows("ions.csv"), key=is_small, reverse=True):
        key = ("ions", f"{row['change']} {row['system']}")
        level = ATOM_LEVEL if is_small(row) else MOLECULE_LEVEL
        if done.get(key, {}).get("level") != level:
            sign = 1 if row["change"] == "ionization" else -1
            value = sign * (diatomic(row, sign) - diatomic(row, 0))
            keep(done, key, value, row["reference_ev"], level)


def keep(done, key, value, reference, level):
    """Add a number and write all."""
    done[key] = {"table": key[0], "name": key[1], "computed_ev": f"{value:.4f}", "level": level}
    print(*key, f"{value:.3f}", reference, flush=True)
    lines = ["table,name,computed_ev,level", *(",".join(row.values()) for row in done.values())]
    files.write_text(TARGET, "\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
