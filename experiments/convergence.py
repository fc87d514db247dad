"""Have the smallest and the largest cell of the large study converged: what does twice the training change?

Command: python launch.py --config=experiments/convergence.py[:smoke|default]
Grid (default): the narrowest model of the study on the fewest minima and its widest but one on all stretched
structures, each trained for half, once and twice as long as in experiments/scaling.py:large, three seeds.
Result: `experiments/results/convergence/`. Converged means that twice the steps change the error on held-out molecules
by at most 5 %, with the whole 95 % interval over seeds.
"""

import runpy
from pathlib import Path

from ml_collections import ConfigDict


def get_config(size: str = "default") -> ConfigDict:
    """Settings of one size: smoke or default."""
    study = "large" if size == "default" else "smoke"
    config = runpy.run_path(str(Path(__file__).with_name("scaling.py")))["get_config"](study)
    config.experiment = "convergence"
    config.stage = "convergence"
    config.size = size
    if size == "default":
        sizes = config.grid.num_train_of
        smallest, largest, wide = sizes.equilibrium[0], sizes.stretched[-1], 64
        config.grid.steps = (config.train.steps // 2, config.train.steps, 2 * config.train.steps)
    else:
        smallest, largest, wide = 60, 240, 8
        config.grid.steps = (50, 100)
        config.grid.seeds = (0,)
    cells = {
        "smallest": ("equilibrium", smallest, config.grid.num_features[0]),
        "largest": ("stretched", largest, wide),
    }
    config.arms = {
        name: {"grid": {"rungs": (rung,), "num_train": (count,), "num_features": (width,)}}
        for name, (rung, count, width) in cells.items()
    }
    return config
