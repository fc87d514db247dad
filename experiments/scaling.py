"""Does scale teach a neural potential physics? Error against size and data, in distribution and on the H2 curve.

Command: python launch.py --config=experiments/scaling.py[:smoke|default|large|full]
Grid (default): NequIP-style models of three widths, three training-set sizes of minima and three of stretched
structures, three seeds; the same models with a ZBL prior, and SchNet of two widths, where the data are most.
Grid (large): widths to 64, all stretched structures at PBE0 and all minima at GFN2-xTB, longer training; a ZBL prior at
every width, SchNet to 128 features. Not run yet.
Hardware and wall time: see the measured table in BUILD.md. `full` is sized for one GPU and was not run.
Learning rates are those of experiments/results/tuning/chosen.csv, by model, rung and width: the best of a sweep by
validation error alone. A width that the sweep lacks takes the rate of the nearest one, a rung that of the one below;
sets at GFN2-xTB take those of PBE0. The H2 curve chose nothing.
Result: the README's table, with intervals.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from ml_collections import ConfigDict

from h2scale import config as config_lib
from h2scale.data import rungs
from h2scale.scaling import tuning

CHOSEN = Path(__file__).parent / "results" / "tuning" / "chosen.csv"
WIDTHS = (8, 16, 32, 64, 128)
SCHNET = {"name": "schnet", "l_max": 0, "num_radial": 32}


def tuned(model: str, widths: Sequence[int]) -> tuple[tuple[str, int, float], ...]:
    """Rows for `grid.tuned`: for every rung and width the rate that the sweep chose, there or nearest to it."""
    chosen = {
        (row["rung"], int(row["num_features"])): float(row["learning_rate"])
        for row in tuning.read_chosen(CHOSEN)
        if row["model"] == model
    }

    def distance(known: tuple[str, int], rung: str, width: int) -> tuple[bool, int, float]:
        below = rungs.RUNGS.index(rung) - rungs.RUNGS.index(known[0])
        return below < 0, abs(below), abs(math.log(width / known[1]))

    return tuple(
        (rung, width, chosen[min(chosen, key=lambda known: distance(known, rung, width))])
        for rung in rungs.RUNGS
        for width in widths
    )


def get_config(size: str = "default") -> ConfigDict:
    """Settings of one size: smoke, default, large or full."""
    config = config_lib.default()
    config.experiment = "scaling"
    config.size = size
    config.grid.rungs = ("equilibrium", "stretched")
    config.grid.seeds = (0, 1, 2)
    {"smoke": _smoke, "default": _default, "large": _large, "full": _full}[size](config)
    return config


def _smoke(config: ConfigDict) -> None:
    config.grid.update({"num_features": (4, 8), "num_train": (60, 240), "seeds": (0, 1), "learning_rates": (0.02,)})
    config.arms = {
        "nequip": {},
        "schnet": {"model": SCHNET, "grid": {"num_features": (8,), "learning_rates": (0.003,)}},
    }
    config.train.steps = 100
    config.eval.every = 50
    config.checkpoint.every = 50
    config.report.num_bootstrap = 500


def _default(config: ConfigDict) -> None:
    config.grid.num_features = (8, 16, 32)
    config.grid.num_train, config.grid.learning_rates = (), ()
    config.grid.num_train_of.equilibrium = (30, 120, 480)
    config.grid.num_train_of.stretched = (120, 480, 2000)
    config.grid.tuned = tuned("nequip", WIDTHS)
    most = {"num_train_of": {"equilibrium": (480,), "stretched": (2000,)}}
    config.arms = {
        "nequip": {},
        "nequip_zbl": {"model": {"prior": "zbl"}, "grid": most},
        "schnet": {
            "model": SCHNET,
            "grid": {"num_features": (16, 32), "tuned": tuned("schnet", WIDTHS), **most},
        },
    }


def _large(config: ConfigDict) -> None:
    config.train.steps = 16_000
    config.eval.every = 800
    config.checkpoint.every = 1600
    config.report.num_bootstrap = 4000
    config.grid.num_features = WIDTHS
    config.grid.num_train, config.grid.learning_rates = (), ()
    config.grid.num_train_of.equilibrium = (30, 120, 480)
    config.grid.num_train_of.stretched = (120, 480, 2000, 9000)
    config.grid.tuned = tuned("nequip", WIDTHS)
    most = {"num_train_of": {"equilibrium": (480,), "stretched": (9000,)}}
    one_width = {"num_features": (32,), **most}
    config.arms = {
        "nequip": {},
        "nequip_zbl": {"model": {"prior": "zbl"}, "grid": most},
        "nequip_gfn2": {
            "data": {"dataset": "gfn2xtb"},
            "grid": {"rungs": ("equilibrium",), "num_train_of": {"equilibrium": (480, 2000, 7000)}},
        },
        "schnet": {
            "model": SCHNET,
            "grid": {"num_features": (16, 32, 64, 128), "tuned": tuned("schnet", WIDTHS), **most},
        },
        "atoms_not_pinned": {"model": {"isolated_atom_exact": False}, "grid": one_width},
        "without_h2": {"data": {"include_h2_equilibrium": False}, "grid": one_width},
        "energies_only": {"train": {"force_weight": 0.0}, "grid": one_width},
        "hydrogen_pairs": {
            "data": {"include_hydrogen_pairs": True},
            "grid": {**one_width, "rungs": ("stretched",)},
        },
        "sees_h2": {
            "data": {"pinned_share": 0.1},
            "grid": {"rungs": ("h2",), "num_features": (32,), "num_train_of": {"h2": (9000,)}},
        },
    }


def _full(config: ConfigDict) -> None:
    _large(config)
    config.model.num_layers = 3
    config.model.l_max = 2
    config.grid.num_features = (8, 16, 32, 64, 128)
    config.grid.rungs = ("equilibrium", "thermal", "stretched", "h2")
    config.grid.num_train_of.thermal = (120, 480, 2000)
    config.grid.num_train_of.h2 = (480, 2000, 9000)
    config.grid.seeds = (0, 1, 2, 3, 4)
