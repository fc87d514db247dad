"""Nuclei without electrons, at their analytic energy: made when a study asks for them, in no dataset on disk.

Isolated nuclei stand for the zero of energy (`physics.energy_zero`). Pairs of He2+ with a proton are a control: a model
that was shown them, and neither two protons nor two He2+, shows whether it lacked the sight of bare nuclei or 1/R.
"""

import numpy as np

from h2scale import elements, units
from h2scale.data import catalog, leaks, rungs
from h2scale.data import dataset as dataset_lib
from h2scale.physics import energy_zero

ISOLATED_NUCLEI = (1, 2)
"""Atomic numbers of those that pairs are made of."""

PAIR = (2, 1)
PAIR_DISTANCES_ANGSTROM = np.geomspace(0.25, 16.0, 64)


def with_bare_nuclei(dataset: dataset_lib.Dataset) -> dataset_lib.Dataset:
    """Return the dataset followed by isolated nuclei and pairs of He2+ with a proton, where its atoms have energies.

    Raises:
        ValueError: the manifest lacks the total energies of the dataset's isolated atoms.
    """
    known = dataset.manifest.get("isolated_atom_energies_ev", {})
    held = set(dataset.atomic_numbers[dataset.atom_offset[chosen(dataset, isolated=True, pairs=False)]].tolist())
    numbers: list[tuple[int, ...]] = [
        (number,) for number in ISOLATED_NUCLEI if elements.SYMBOLS[number] in known and number not in held
    ]
    distances = [0.0] * len(numbers)
    if all(elements.SYMBOLS[number] in known for number in PAIR):
        numbers += [PAIR] * len(PAIR_DISTANCES_ANGSTROM)
        distances += PAIR_DISTANCES_ANGSTROM.tolist()
    energies = energy_zero.atomic_energies_ev(dataset.manifest, [z for own in numbers for z in own])
    return dataset_lib.join(dataset, _structures(dataset, numbers, np.array(distances), np.array(energies)))


def chosen(dataset: catalog.Facts, *, isolated: bool, pairs: bool) -> np.ndarray:
    """Return which structures are isolated nuclei, if those are wanted, or pairs, likewise, (n_structures,), bool."""
    bare = leaks.num_electrons(dataset) == 0
    # The proton ships among the ions.
    return bare & (((dataset.n_atoms == 1) & isolated) | (dataset.regimes.isin(["bare_pair"]) & pairs))


def _structures(
    dataset: dataset_lib.Dataset, numbers: list[tuple[int, ...]], distances: np.ndarray, atoms_ev: np.ndarray
) -> dataset_lib.Dataset:
    """Bare nuclei on the z axis, `distances` (angstrom) apart where there are two."""
    n_atoms = np.array([len(own) for own in numbers], np.int32)
    owner = np.repeat(np.arange(len(numbers)), n_atoms)
    flat = np.array([number for own in numbers for number in own], np.int32)
    start = np.cumsum(n_atoms) - n_atoms
    sign = np.where(np.arange(len(flat)) == start[owner], -0.5, 0.5)
    positions = np.zeros((len(flat), 3))
    positions[:, 2] = sign * distances[owner]
    products = np.array([float(np.prod(own)) if len(own) > 1 else 0.0 for own in numbers])
    safe = np.where(distances > 0, distances, 1.0)
    repulsion = units.COULOMB_EV_ANGSTROM * products / safe
    forces = np.zeros((len(flat), 3))
    forces[:, 2] = 2 * sign * (repulsion / safe)[owner]
    count = len(numbers)
    names = [".".join(f"[{elements.SYMBOLS[z]}+{z}]" for z in own).replace("+1]", "+]") for own in numbers]
    return dataset_lib.Dataset(
        atomic_numbers=flat,
        positions=positions,
        forces=forces,
        n_atoms=n_atoms,
        energy=repulsion + np.add.reduceat(np.asarray(energy_zero.nuclei_ev(atoms_ev)), start),
        charge=np.add.reduceat(flat, start).astype(np.int32),
        spin_multiplicity=np.ones(count, np.int32),
        spin_squared=np.zeros(count),
        rung=np.full(count, rungs.BARE_NUCLEI),
        regime=np.where(n_atoms > 1, "bare_pair", "bare_nucleus"),
        molecule=np.array(names),
        teacher=np.full(count, str(dataset.manifest["level"])),
        convergence=np.full(count, "no electrons"),
        manifest=dataset.manifest,
    )
