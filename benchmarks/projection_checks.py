"""Spin projection on curves that chose nothing about it: python benchmarks/projection_checks.py [SYSTEM ...]

Full CI/6-31G judges, each method relative to its own atoms, along chains and bonds that are no judging curves: six
hydrogens, both bonds of water at once, and a doublet, OH; where they are named, C2, CN and CO, whose full CI takes
minutes a point. Errors in kcal/mol. The first three take three minutes of one core.
"""

import sys

import numpy as np

from h2scale import electronic_structure, elements, units
from h2scale.electronic_structure import coupled_cluster
from h2scale.judge import curve_errors, single_points
from h2scale.remedies import bases

BASIS = "6-31g"
METHODS = ("uccsd", "uccsd(t)", "ap-uccsd", "dcsd", "ap-dcsd")
FACTORS = np.geomspace(0.8, 2.8, 9)
ANGLE = np.deg2rad(104.48) / 2
CHAIN = np.outer(np.arange(6) - 2.5, [0.0, 0.0, 0.9])
WATER = 0.9578 * np.array([[0, 0, 0], [0, np.sin(ANGLE), np.cos(ANGLE)], [0, -np.sin(ANGLE), np.cos(ANGLE)]])


def bond(length):
    """Two atoms on the z axis, angstrom."""
    return np.array([[0.0, 0, 0], [0, 0, length]])


# Elements, positions at the minimum (angstrom), spin multiplicity, symmetry for full CI, irreps of the ground state.
SYSTEMS = {
    "H6 line": (("H",) * 6, CHAIN, 1, "D2h", ("Ag",)),
    "H2O both bonds": (("O", "H", "H"), WATER, 1, "C2v", ("A1",)),
    "OH": (("O", "H"), bond(0.97), 2, "C2v", ("B1",)),
    "C2": (("C", "C"), bond(1.2425), 1, "D2h", ("Ag",)),
    "CN": (("C", "N"), bond(1.1718), 2, "C2v", ("A1",)),
    "CO": (("C", "O"), bond(1.1283), 1, "C2v", ("A1",)),
}

QUICK = ("H6 line", "H2O both bonds", "OH")


def answers(point):
    """Total energies of full CI and of the methods, hartree."""
    numbers = [elements.ATOMIC_NUMBERS[symbol] for symbol in point.symbols]
    found = {}
    for base in ("uccsd", "ap-uccsd", "dcsd", "ap-dcsd"):
        solved = bases.solve(base, numbers, point.positions, point.charge, point.spin_multiplicity, BASIS)
        found[base] = solved.energy_hartree
    molecule = point.molecule(BASIS)
    with electronic_structure.one_thread():
        field = electronic_structure.lowest_field(molecule, "hf")
        core = coupled_cluster.num_core_orbitals(molecule)
        triples = coupled_cluster.solve(molecule, field.field, core, False).triples
        found["exact"] = single_points.reference(point, BASIS, "fci", np.zeros(0))
    return found | {"uccsd(t)": found["uccsd"] + triples}


def main(names):
    """Print the errors along each curve, then mean and largest of each method."""
    print("| curve |", " | ".join(METHODS), "|")
    for name in names:
        symbols, positions, spin_multiplicity, symmetry, irreps = SYSTEMS[name]
        zero = {method: 0.0 for method in ("exact", *METHODS)}
        for symbol in symbols:
            multiplicity = elements.GROUND_MULTIPLICITIES[elements.ATOMIC_NUMBERS[symbol]]
            for method, energy in answers(single_points.of_atom(symbol, 0, multiplicity)).items():
                zero[method] += energy
        errors = []
        for factor in FACTORS:
            point = single_points.Point(symbols, factor * positions, 0, spin_multiplicity, symmetry, irreps)
            found = {method: energy - zero[method] for method, energy in answers(point).items()}
            errors.append([(found[m] - found["exact"]) * units.HARTREE_EV * curve_errors.KCAL for m in METHODS])
            print(f"    {name} {factor:.2f}:", " ".join(f"{error:+.2f}" for error in errors[-1]), file=sys.stderr)
        size = np.abs(errors)
        print(f"| {name} |", " | ".join(f"{own.mean():.2f} / {own.max():.1f}" for own in size.T), "|", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or QUICK)
