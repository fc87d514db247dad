"""Random clusters of H, C, N and O by a rule that gives the same clusters for any library that is timed."""

import numpy as np

from h2scale.data import dataset as dataset_lib
from h2scale.types import Structure

SPECIES = (1, 6, 7, 8)
HALF_WIDTH_ANGSTROM = 2.2
SHORTEST_DISTANCE_ANGSTROM = 0.9


def random_clusters(count: int, seed: int = 0) -> dataset_lib.Dataset:
    """Make `count` clusters of 5 to 12 atoms with random labels; the first n of them are those of `random_clusters(n)`.

    Atoms are placed uniformly in a cube of 4.4 angstrom, one after another, each at least 0.9 angstrom from those
    before it; elements, energies (eV) and forces (eV/angstrom) are drawn after the positions of a cluster.
    """
    random = np.random.default_rng(seed)
    structures = []
    for _ in range(count):
        num_atoms = int(random.integers(5, 13))
        positions: list[np.ndarray] = []
        while len(positions) < num_atoms:
            position = random.uniform(-HALF_WIDTH_ANGSTROM, HALF_WIDTH_ANGSTROM, 3)
            if all(np.linalg.norm(position - other) > SHORTEST_DISTANCE_ANGSTROM for other in positions):
                positions.append(position)
        structures.append(
            Structure(
                atomic_numbers=random.choice(SPECIES, num_atoms).astype(np.int32),
                positions=np.array(positions),
                energy=float(random.normal()),
                forces=random.normal(size=(num_atoms, 3)),
                charge=0,
                spin_multiplicity=1,
                rung="equilibrium",
                regime="random",
                molecule="cluster",
                teacher="random numbers",
                spin_squared=0.0,
            )
        )
    return dataset_lib.from_structures(structures, {"level": "random numbers"})
