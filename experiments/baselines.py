"""Baselines: how close physics without learning comes to the H2 curve, the bar for every learned model.

Command: python launch.py --config=experiments/baselines.py[:smoke|default|full]
Hardware: two CPU cores, 3 minutes of CPU time in all (about 100 s of wall time on idle cores); smoke 40 s at most.
Expected (mean absolute error, eV): FCI 0.018 in cc-pVQZ, 0.080 in cc-pVTZ, 0.50 in cc-pVDZ; one constant on CAS(2,2)
0.12 and on UHF 0.15; UPBE0 0.24, UHF 0.76; restricted methods miss the limit and err by 0.9 (B3LYP) to 2.9 (RHF).
No spread: nothing is random.
"""

from ml_collections import ConfigDict

from h2scale import config as config_lib

_NUM_DISTANCES = {"smoke": 10, "default": 64, "large": 128, "full": 128}


def get_config(size: str = "default") -> ConfigDict:
    """Settings of one size: smoke, default, large or full."""
    config = config_lib.default()
    config.experiment = "baselines"
    config.size = size
    config.stage = "baselines"
    config.baselines.num_distances = _NUM_DISTANCES[size]
    if size == "smoke":
        config.baselines.basis = "6-31g"
        config.baselines.fci_bases = ("sto-3g", "6-31g", "cc-pvdz", "cc-pvtz")
    return config
