"""Experiment file of the tests: the smoke study without its second arm."""

from ml_collections import ConfigDict

from h2scale import config as config_lib


def get_config(size: str = "smoke") -> ConfigDict:
    """Settings of the one size there is."""
    config = config_lib.default()
    config.experiment, config.size = "one_arm", size
    config.grid.rungs = ("stretched",)
    return config
