"""Does scale teach a neural potential physics? Error against size and data, in distribution and on the H2 curve."""

from ml_collections import ConfigDict

from h2scale import config as config_lib


def get_config(size: str = "default") -> ConfigDict:
    """Settings of one size: smoke, default or full."""
    config = config_lib.default()
    config.experiment = "scaling"
    config.size = size
    config.arms = {
        "nequip": {"model": {}, "grid": {}},
        "schnet": {
            "model": {"name": "schnet", "l_max": 0, "num_radial": 32},
            "grid": {
                "num_features": (16, 64),
                "num_train": (60, 240),
                "rungs": ("equilibrium", "stretched"),
                "learning_rates": (0.003,),
            },
        },
    }
    if size == "smoke":
        config.grid.num_features = (4, 8)
        config.grid.num_train = (60, 240)
        config.grid.rungs = ("equilibrium", "stretched")
        config.arms.schnet.grid.num_features = (8,)
        config.train.steps = 100
        config.eval.every = 50
        config.checkpoint.every = 50
    return config
