"""Build the ladder's library: python -m h2scale.remedies.build FOLDER OUT.h5 [--most-heavy-atoms=3].

Every shipped PBE0 minimum of H, C, N, O, F with few heavy atoms, but for the molecules whose curves judge, is described
by every base and labelled by CCSD(T) on a spin-pure reference. Each is a file in FOLDER, and is not computed again; the
same command continues. Curves are taken from an earlier library (`--curves`).
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from h2scale import electronic_structure, elements, units
from h2scale.data import hashing, rungs, storage
from h2scale.electronic_structure import cluster_features, coupled_cluster, mean_fields, minimal_densities, search
from h2scale.remedies import descriptors, library_files
from h2scale.remedies.library import Geometry, Library

BASIS = "cc-pvdz"
GRID_LEVEL = 3
ATOMS = (1, 6, 7, 8, 9)
JUDGED = ("[H][H]", "F", "N#N", "FF", "[LiH]", "[BH]", "O", "C")
"""Molecules whose curves or cut bonds judge; never among the training molecules."""
_MINIMA = "pbe0_def2svp"


def describe(
    name: str, numbers: Sequence[int], positions: np.ndarray, charge: int, spin_multiplicity: int, basis: str = BASIS
) -> Geometry:
    """Energies, label and rows of one geometry.

    Raises:
        ValueError: a field or coupled cluster does not converge.
    """
    molecule = electronic_structure.make_molecule(
        [elements.SYMBOLS[number] for number in numbers],
        np.asarray(positions) / units.BOHR_ANGSTROM,
        basis,
        charge=charge,
        spin_multiplicity=spin_multiplicity,
        symmetry=sum(numbers) - charge == 1,
    )
    with electronic_structure.one_thread():
        field = search.lowest_field(molecule, "hf")
        cluster = cluster_features.describe(molecule, field)
        label = coupled_cluster.pure_spin(molecule).energy_hartree if molecule.nelectron > 2 else cluster.uccsd_hartree
        start = field.density if field.density.ndim == 3 else np.stack([field.density / 2] * 2)
        pbe0 = mean_fields.mean_field(
            molecule, "pbe0", restricted=False, density=start, grid_level=GRID_LEVEL, follow=False
        )
    return Geometry(
        name,
        tuple(int(number) for number in numbers),
        np.asarray(positions, float),
        charge,
        spin_multiplicity,
        {
            "uhf": cluster.uhf_hartree,
            "ump2": cluster.ump2_hartree,
            "uccsd": cluster.uccsd_hartree,
            "uccsd(t)": cluster.uccsd_t_hartree,
            "pbe0": pbe0.energy_hartree,
        },
        label,
        {
            "uccsd": descriptors.pair_rows(cluster.tables, cluster.atoms),
            "uhf": descriptors.bond_rows(minimal_densities.minimal_density(molecule, field), numbers),
            "pbe0": descriptors.bond_rows(minimal_densities.minimal_density(molecule, pbe0), numbers),
        },
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Describe what is missing and write the library of what is there."""
    parser = argparse.ArgumentParser(prog="python -m h2scale.remedies.build", description=__doc__)
    parser.add_argument("folder", type=Path, help="of the geometries' files")
    parser.add_argument("output", type=Path, help="the library to write")
    parser.add_argument("--most-heavy-atoms", type=int, default=3)
    parser.add_argument("--curves", type=Path, default=library_files.SHIPPED, help="a library whose curves are taken")
    parser.add_argument("--assemble", action="store_true", help="describe nothing more")
    arguments = parser.parse_args(argv)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, numbers, positions, charge, spin_multiplicity in _geometries(arguments.most_heavy_atoms):
        path = arguments.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.h5"
        if not path.exists() and not arguments.assemble:
            try:
                own = describe(name, numbers, positions, charge, spin_multiplicity)
            except ValueError as error:
                print(f"{name}: {error}", file=sys.stderr)
                continue
            library_files.save(path, Library((own,), ("",), (own,), (), BASIS, ""), {})
            print(f"{name}: CCSD(T) {own.label:.6f} hartree", flush=True)
        if path.exists():
            found.append(library_files.load(path).molecules[0])
    atoms = tuple(one for one in found if len(one.atomic_numbers) == 1)
    molecules = tuple(one for one in found if len(one.atomic_numbers) > 1)
    curves = library_files.load(arguments.curves).curves
    whole = Library(molecules, ("",) * len(molecules), atoms, curves, BASIS, "")
    library_files.save(
        arguments.output,
        whole,
        {
            "level": f"CCSD(T)/{BASIS}, frozen core, restricted references",
            "geometries": f"minima of {_MINIMA}",
            "format_of_features": cluster_features.FORMAT,
            "pyscf": electronic_structure.version(),
        },
    )
    print(f"{len(molecules)} molecules, {len(atoms)} atoms, {len(curves)} curves: {arguments.output}")


def _geometries(most_heavy: int) -> Iterator[tuple[str, list[int], np.ndarray, int, int]]:
    """Atoms, then one minimum of each molecule, by a hash of its name: any beginning is a fair sample."""
    for number in ATOMS:
        yield f"[{elements.SYMBOLS[number]}]", [number], np.zeros((1, 3)), 0, elements.GROUND_MULTIPLICITIES[number]
    dataset = storage.load_dataset(_MINIMA)
    first: dict[str, int] = {}
    for place in np.flatnonzero(dataset.rung == rungs.RUNGS[0]):
        first.setdefault(str(dataset.molecule[place]), int(place))
    for name in sorted(set(first) - set(JUDGED), key=hashing.text_hash):
        own = dataset[first[name]]
        numbers = own.atomic_numbers.tolist()
        if set(numbers) <= set(ATOMS) and sum(number > 1 for number in numbers) <= most_heavy:
            yield name, numbers, own.positions, own.charge, own.spin_multiplicity


if __name__ == "__main__":
    main()
