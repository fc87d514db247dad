"""Files in the exact layout in which QM9 and OMol25 are distributed, written from structures that are known.

QM9: one `dsgdb9nsd_NNNNNN.xyz` a molecule in a .tar.bz2, as the first of them (methane, 000001) is laid out: number of
atoms; `gdb`, index and fifteen properties between tabs; symbol, coordinates and Mulliken charge an atom; frequencies;
two SMILES; two InChI; numbers below 1e-4 in Mathematica's notation.

OMol25: LMDB with the numbers of the rows as keys and zlib-compressed JSON of ASE's rows as values, arrays in ASE's
envelope, charge, spin and the other 21 facts of the set in `data`.
"""

import io
import json
import tarfile
import zlib

import lmdb
import numpy as np

SYMBOLS = {1: "H", 5: "B", 6: "C", 7: "N", 8: "O", 9: "F", 16: "S", 17: "Cl", 35: "Br"}
HARTREE_EV = 27.211386245988
QM9_ATOMS_HARTREE = {"H": -0.500273, "C": -37.846772, "N": -54.583861, "O": -75.064579, "F": -99.718730}
QM9_ZPVE = 0.034358


def mathematica(value, digits=10):
    """A number as QM9 has it: `1.2*^-5` where it is small."""
    if value and abs(value) < 1e-4:
        mantissa, exponent = f"{value:.{digits - 4}e}".split("e")
        return f"{mantissa.rstrip('0')}*^{int(exponent)}"
    return f"{value:.{digits}f}"


def qm9_text(index, structure):
    """One file of QM9 whose electronic energy relative to the authors' atoms is that of the structure."""
    symbols = [SYMBOLS[number] for number in structure.atomic_numbers.tolist()]
    electronic = structure.energy / HARTREE_EV + sum(QM9_ATOMS_HARTREE[symbol] for symbol in symbols)
    properties = ["157.7118", "157.70997", "157.70699", "0.", "13.21", "-0.3877", "0.1171", "0.5048", "35.3641"]
    totals = [electronic + QM9_ZPVE + shift for shift in (0.0, 0.003, 0.004, -0.02)]
    line = [f"gdb {index}", *properties, f"{QM9_ZPVE:.6f}", *(f"{value:.9f}" for value in totals), "6.469", ""]
    rows = [
        "\t".join([symbol, *(mathematica(value) for value in position), "-0.535689"])
        for symbol, position in zip(symbols, structure.positions.tolist(), strict=True)
    ]
    end = ["1341.307\t1341.3284\t1341.365", f"{structure.molecule}\t{structure.molecule}\t", "InChI=1S/x\tInChI=1S/x"]
    return "\n".join([str(len(symbols)), "\t".join(line), *rows, *end]) + "\n"


def write_qm9(path, structures):
    """Write structures of H, C, N, O and F as QM9's archive."""
    with tarfile.open(path, "w:bz2") as archive:
        for index, structure in enumerate(structures, start=1):
            content = qm9_text(index, structure).encode()
            member = tarfile.TarInfo(f"dsgdb9nsd_{index:06d}.xyz")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def envelope(values):
    """ASE's JSON of an array."""
    array = np.asarray(values)
    return {"__ndarray__": [list(array.shape), array.dtype.name, array.reshape(-1).tolist()]}


def omol_row(structure, total_ev):
    """A row of OMol25."""
    numbers = structure.atomic_numbers.astype(np.int64)
    electrons = int(numbers.sum()) - structure.charge
    facts = {
        "source": "spice/SPICE_test/orca.tar.zst",
        "reference_source": None,
        "data_id": "spice",
        "charge": structure.charge,
        "spin": structure.spin_multiplicity,
        "num_atoms": len(numbers),
        "num_electrons": electrons,
        "num_ecp_electrons": 0,
        "n_scf_steps": 14,
        "n_basis": 20 * len(numbers),
        "core_hours": 0.1,
        "unrestricted": structure.spin_multiplicity > 1,
        "nl_energy": 0.03,
        "integrated_densities": envelope([electrons / 2, electrons / 2, float(electrons)]),
        "homo_energy": envelope([-9.1]),
        "homo_lumo_gap": envelope([10.2]),
        "s_squared": structure.spin_squared,
        "s_squared_dev": 0.0,
        "warnings": [],
        "fmax": float(np.abs(structure.forces).max()),
        "mulliken_charges": envelope(np.zeros(len(numbers))),
        "lowdin_charges": envelope(np.zeros(len(numbers))),
        "composition": "".join(f"{SYMBOLS[z]}{np.sum(numbers == z)}" for z in sorted(set(numbers.tolist()))),
    }
    return {
        "numbers": envelope(numbers),
        "positions": envelope(structure.positions),
        "unique_id": "0123456789abcdef0123456789abcdef",
        "calculator": "unknown",
        "calculator_parameters": {},
        "energy": total_ev,
        "forces": envelope(structure.forces),
        "cell": envelope(np.zeros((3, 3))),
        "pbc": envelope(np.zeros(3, bool)),
        "ctime": 25.2,
        "user": "someone",
        "mtime": 25.2,
        "data": facts,
    }


def write_omol(path, structures, atomic_energies_ev, next_id=True):
    """Write structures as one .aselmdb of OMol25, with total energies.

    Args:
        path: of the file.
        structures: with energies relative to isolated atoms, eV.
        atomic_energies_ev: of the isolated atoms, by symbol.
        next_id: whether the file holds the number that ends the rows.
    """
    with lmdb.open(str(path), subdir=False, map_size=2**26) as environment, environment.begin(write=True) as writing:
        rows = 0
        for rows, structure in enumerate(structures, start=1):
            atoms = sum(atomic_energies_ev[SYMBOLS[number]] for number in structure.atomic_numbers.tolist())
            content = json.dumps(omol_row(structure, structure.energy + atoms))
            writing.put(str(rows).encode(), zlib.compress(content.encode()))
        if next_id:
            writing.put(b"nextid", zlib.compress(json.dumps(rows + 1).encode()))
    return path
