"""Rungs: nested data distributions, of which only `h2` holds the H2 curve."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from h2scale.data import catalog
from h2scale.data import dataset as dataset_lib

RUNGS = ("equilibrium", "thermal", "stretched", "h2")
"""In order: a rung holds its own structures and those of every rung before it."""

ATOM = "atom"
"""Isolated atoms: outside the ladder, admitted by `include_isolated_atoms`."""

ION = "ion"
"""Charged structures: outside the ladder, since a model without a charge input cannot tell them from neutral ones;
admitted by `data.ions`."""

SPIN_STATE = "spin_state"
"""Neutral structures in another spin state than the molecule's ground state: outside the ladder for the same reason;
admitted by `data.spin_states`."""

BARE_NUCLEI = "bare_nuclei"
"""Isolated nuclei without electrons, and He2+ with a proton, at their analytic energy: in no shipped dataset, added by
`data.bare_nuclei` when a study asks for them."""

HYDROGEN_PAIR = "hydrogen_pair"
"""Two hydrogens of a molecule pushed together as near as those of H2: outside the ladder, since they show a network
what the exam on H2's curve asks for."""

TEST_CURVE = "test_curve"
"""The teacher's curve of H2 on the test distances: never trained on, at any rung."""

RUNG_OF_REGIME: Mapping[str, str] = MappingProxyType(
    {
        "equilibrium": "equilibrium",
        "thermal": "thermal",
        "stretched": "stretched",
        "compressed": "stretched",
        "scaled": "stretched",
        "curve": "stretched",
        "h2_curve": "h2",
        "ion": ION,
        "spin_state": SPIN_STATE,
        "atom": ATOM,
        "bare_nucleus": BARE_NUCLEI,
        "bare_pair": BARE_NUCLEI,
        "hydrogen_pair": HYDROGEN_PAIR,
        "h2_test_curve": TEST_CURVE,
    }
)

H2_MOLECULE = "[H][H]"

EQUILIBRIUM_MAX_FORCE_EV_PER_ANGSTROM = 0.05
"""A structure whose largest force is below this is taken for a minimum: the usual criterion of ASE's optimisers."""


def check_rung(rung: str) -> None:
    """Raise ValueError listing the rungs if `rung` is not one that can be trained on."""
    if rung not in RUNGS:
        raise ValueError(f"data.rung must be one of {', '.join(RUNGS)}; got {rung!r}.")


def rung_of_force(largest_force: float) -> str:
    """`equilibrium` or `thermal`, by the largest force on an atom of the structure, eV/angstrom."""
    return "equilibrium" if largest_force < EQUILIBRIUM_MAX_FORCE_EV_PER_ANGSTROM else "thermal"


def in_rung(dataset: catalog.Facts, rung: str) -> np.ndarray:
    """Mask of the structures of a rung, the rungs below it included; shape (n_structures,), bool.

    Neither isolated atoms nor the test curve belong to any rung.
    """
    check_rung(rung)
    return dataset.rungs.isin(RUNGS[: RUNGS.index(rung) + 1])


def teacher_h2_curve(dataset: dataset_lib.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The teacher's own H2 curve on the test distances.

    Returns:
        Distances in angstrom, increasing, and energies in eV relative to two isolated atoms, each (n_points,).

    Raises:
        ValueError: the dataset holds no such curve.
    """
    indices = np.flatnonzero(dataset.rungs.isin([TEST_CURVE]))
    if not indices.size:
        raise ValueError(f"the dataset has no structures of rung {TEST_CURVE!r}, so the teacher's H2 curve is unknown.")
    starts = dataset.atom_offset[indices]
    distances = np.linalg.norm(dataset.positions[starts + 1] - dataset.positions[starts], axis=1)
    order = np.argsort(distances)
    return distances[order], dataset.energy[indices][order]
