"""Which switch decides what a model knows of H2? One arm for each, beside the plain model in the very same cells.

Command: python launch.py --config=experiments/switches.py[:smoke|default]
Arms: a ZBL prior; isolated atoms not pinned by construction; H2's minimum left out; energies alone; two hydrogens of a
molecule pushed together, which shows the network the answer's neighbourhood; and a control that is trained on H2's own
curve, away from the test distances.
Grid (default): one width, 480 minima and 2,000 stretched structures, three seeds.
Result: `experiments/results/switches/`.
"""

import runpy
from pathlib import Path

from ml_collections import ConfigDict


def get_config(size: str = "default") -> ConfigDict:
    """Settings of one size: smoke or default."""
    config = runpy.run_path(str(Path(__file__).with_name("scaling.py")))["get_config"](size)
    config.experiment = "switches"
    if size == "default":
        config.grid.num_features = (32,)
        config.grid.num_train_of.equilibrium = (480,)
        config.grid.num_train_of.stretched = (2000,)
    else:
        config.grid.update({"num_features": (4,), "num_train": (80,), "seeds": (0,)})
    config.arms = {
        "nequip": {},
        "zbl": {"model": {"prior": "zbl"}},
        "atoms_not_pinned": {"model": {"isolated_atom_exact": False}},
        "without_h2": {"data": {"include_h2_equilibrium": False}},
        "energies_only": {"train": {"force_weight": 0.0}},
        "hydrogen_pairs": {"data": {"include_hydrogen_pairs": True}, "grid": {"rungs": ("stretched",)}},
        "sees_h2": {
            "data": {"pinned_share": 0.1},
            "grid": {"rungs": ("h2",), "num_train_of": {"h2": config.grid.num_train_of.stretched}},
        },
    }
    return config
