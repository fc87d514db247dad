"""Benchmark: the time and memory of a training step, and their growth with edges and replicas.

Command: python launch.py --config=experiments/benchmark.py[:smoke|default|full]
Cases: random H/C/N/O clusters of 5 to 12 atoms (h2scale/benchmark/clusters.py), energy and forces, Adam, three layers,
cutoff 5 angstrom, radial network 64-64; 16 channels of degree 1 and 32 of degree 2, each alone at growing numbers of
clusters, and populations of the first at 32 clusters.
Hardware and wall time: see the measured table in BUILD.md; run it on an idle machine, for nothing else may be timed.
`full` is sized for one GPU and was not run.
"""

from ml_collections import ConfigDict

from h2scale import config as config_lib


def get_config(size: str = "default") -> ConfigDict:
    """Settings of one size: smoke, default or full."""
    config = config_lib.default()
    config.experiment = "benchmark"
    config.size = size
    config.stage = "benchmark"
    config.model.num_layers = 3
    # Compilation is timed too, which a cache would hide.
    config.devices.compile_cache = False
    if size == "smoke":
        config.model.num_layers = 1
        config.benchmark.models = ((8, 1),)
        config.benchmark.num_molecules = (8, 32)
        config.benchmark.population_molecules = 8
        config.benchmark.replicas = (1, 2)
        config.benchmark.steps = 5
    if size == "full":
        config.benchmark.models = ((16, 1), (32, 2), (64, 2), (128, 3))
        config.benchmark.max_molecules = 4352
        config.benchmark.replicas = (1, 2, 4, 8, 16, 32, 64, 128)
        config.benchmark.steps = 100
    return config
