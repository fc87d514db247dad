"""Does a potential know physics? Any of them against exact curves, with checks that charge and spin reach it.

Command: python launch.py --config=experiments/exam.py --config.calculator=NAME[,NAME...] [--config.python=PATH]
NAME is a name of h2scale/exam/registry.yaml, MODULE:FACTORY or FILE.py:FACTORY of an ASE calculator, the
folder of a run (all its replicas), or WORKDIR#REPLICA_ID. Calculators run in processes of their own, in the
interpreter --config.python if one is given, which needs ASE and NumPy. Smoke examines the exact calculator.
Expected: the exact calculator passes all that it does not refuse; of two protons GFN2-xTB makes half of Coulomb's
repulsion at 0.6 angstrom; CHGNet takes no charge and is not conditioned on them, and its H2 at 0.2 angstrom lies below
two atoms.
Exit code: 0 if every query has a prediction or a refusal, 3 if a model could not be loaded, crashed, hung or gave NaN.
"""

from ml_collections import ConfigDict

from h2scale import config as config_lib


def get_config(size: str = "default") -> ConfigDict:
    """Settings of one size: smoke, default or full."""
    config = config_lib.default()
    config.experiment = "exam"
    config.size = size
    config.stage = "exam"
    if size == "smoke":
        config.calculator = "exact"
        config.exam.sections = ("nuclei", "hydrogen")
    return config
