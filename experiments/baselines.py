"""How well does physics without learning do on the H2 curve? The bar for every learned model.

Command: python launch.py --config=experiments/baselines.py[:smoke|default|full]
Expected: FCI errs by its basis alone and least; UHF has the right limit and misses 1 eV of correlation in the well;
restricted methods miss the limit by several eV; one constant on CAS(2,2) leaves about 0.1 eV.
Wall time: see the README's table; smoke stays below a minute, default below three on two cores.
"""

from ml_collections import ConfigDict

from h2scale import config as config_lib

_NUM_DISTANCES = {"smoke": 10, "default": 64, "full": 128}


def get_config(size: str = "default") -> ConfigDict:
    """Settings of one size: smoke, default or full."""
    config = config_lib.default()
    config.experiment = "baselines"
    config.size = size
    config.stage = "baselines"
    config.baselines = {
        "num_distances": _NUM_DISTANCES[size],  # geometric, 0.2 to 8 angstrom
        "basis": "cc-pvtz",  # of all methods but full CI
        "fci_bases": ("cc-pvdz", "cc-pvtz", "aug-cc-pvtz", "cc-pvqz"),
        "workers": 0,  # single-threaded processes; 0 means one per core
    }
    if size == "smoke":
        config.baselines.basis = "6-31g"
        config.baselines.fci_bases = ("sto-3g", "6-31g", "cc-pvdz", "cc-pvtz")
    return config
