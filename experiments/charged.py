"""Can a model be told the charge, and does it then get two bare protons right? Trained on ions and spin states.

Command: python launch.py --config=experiments/charged.py[:smoke|default|large]
Arms, three ways to be told: `embedding`, charge and spin in the embedding of every atom; `charges`, learned partial
charges that add up to the total charge, with their Coulomb energy (the spin in the embedding); `bare`, the embedding
with the nuclear repulsion put in where there are no electrons. Each with and without isolated nuclei (H+, He2+) in
training, over two widths, two training-set sizes and three seeds.
Controls at the largest size and most data: a cutoff of 16 angstrom; pairs of He2+ with a proton in training, and both;
isolated atoms and ions pinned to zero by construction; anions in training, labelled in a basis with diffuse functions.
Held-out molecules are asked charges +1, -1 and +2, which is trained on nowhere.
Two bare nuclei, and H2+ away from its minimum, are in no training set but that of the control that is named for it.
Learning rates are those of experiments/results/tuning/chosen.csv for the plain model; no curve chose anything.
Result: `experiments/results/charged/`.
"""

import runpy
from pathlib import Path

from ml_collections import ConfigDict

from h2scale import config as config_lib

ELEMENTS = ("H", "He", "Li", "C", "N", "O", "F")
WIDTHS = (8, 16)
EMBEDDING = {"conditioning": "charge_spin", "isolated_atom_exact": False}
CHARGES = {"conditioning": "spin", "electrostatics": "equilibrated"}
BARE = {**EMBEDDING, "prior": "coulomb"}
FAR_SIGHTED = {**EMBEDDING, "cutoff": 16.0, "num_radial": 24}  # functions as dense as those of the default cutoff
ISOLATED_NUCLEI = {"include_bare_nuclei": True}
PAIRS = {**ISOLATED_NUCLEI, "include_helium_with_proton": True}


def get_config(size: str = "default") -> ConfigDict:
    """Settings of one size: smoke, default or large."""
    scaling = runpy.run_path(str(Path(__file__).with_name("scaling.py")))
    config = config_lib.default()
    config.experiment, config.size = "charged", size
    config.data.elements = ELEMENTS
    config.data.update({"anions": "pbe0_631ppgss_anions", "dications": "pbe0_def2svp_dications"})
    config.data.update({"ions": True, "spin_states": True, "include_isolated_atoms": True, "pinned_share": 0.05})
    config.grid.rungs = ("stretched",)
    config.grid.seeds = (0, 1, 2)
    config.grid.num_features, config.grid.num_train = WIDTHS, (500, 2000)
    config.grid.learning_rates, config.grid.tuned = (), scaling["tuned"]("nequip", scaling["WIDTHS"])
    config.report.num_bootstrap, config.report.reference_arm = 500, "embedding"
    most = {"num_features": (WIDTHS[-1],), "num_train": (2000,)}
    if size == "smoke":
        config.grid.update({"num_features": (4,), "num_train": (80,), "seeds": (0,), "learning_rates": (0.02,)})
        config.train.steps = 100
        config.eval.every = config.checkpoint.every = 50
    elif size == "large":
        config.train.steps, config.eval.every, config.checkpoint.every = 16_000, 800, 1600
        config.grid.num_features, config.grid.num_train = (8, 16, 32), (500, 2000, 8000)
        config.grid.seeds = (0, 1, 2, 3, 4)
        most = {"num_features": (32,), "num_train": (8000,)}
    config.arms = {
        "embedding": {"model": EMBEDDING},
        "embedding_nuclei": {"model": EMBEDDING, "data": ISOLATED_NUCLEI},
        "charges": {"model": CHARGES},
        "charges_nuclei": {"model": CHARGES, "data": ISOLATED_NUCLEI},
        "bare": {"model": BARE},
        "bare_nuclei": {"model": BARE, "data": ISOLATED_NUCLEI},
        "embedding_cutoff16": {"model": FAR_SIGHTED, "data": ISOLATED_NUCLEI, "grid": most},
        "embedding_sees_pairs": {"model": EMBEDDING, "data": PAIRS, "grid": most},
        "embedding_sees_pairs_cutoff16": {"model": FAR_SIGHTED, "data": PAIRS, "grid": most},
        "embedding_anions": {"model": EMBEDDING, "data": {**ISOLATED_NUCLEI, "include_anions": True}, "grid": most},
        "embedding_pinned": {
            "model": {**EMBEDDING, "isolated_atom_exact": True},
            "data": ISOLATED_NUCLEI,
            "grid": most,
        },
    }
    if size == "smoke":  # one arm for each way of being told
        config.arms = {name: config.arms[name].to_dict() for name in ("embedding", "charges_nuclei", "bare")}
    return config
