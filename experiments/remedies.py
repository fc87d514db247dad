"""How much physics must be built in? A ladder of models that see equilibrium molecules only, asked about broken bonds.

Command: python launch.py --config=experiments/remedies.py[:smoke|default]
Rungs: a network on positions; the same with cheap priors; corrections of GFN2-xTB, UHF and PBE0, gated by paired
electrons; a small one; a learned density functional; factors on pair energies of coupled cluster and of the
distinguishable cluster. Beside them what is not learned, from GFN2-xTB to UCCSD(T).
Needs: pip install 'h2scale[labels]' for delta-gfn2.
Rates, decays and widths are chosen by left-out equilibrium molecules; the curves choose nothing.
Result: `experiments/results/remedies/`, without `functional`, whose training has not been timed.
"""

from ml_collections import ConfigDict

from h2scale import config as config_lib


def get_config(size: str = "default") -> ConfigDict:
    """Settings of one size: smoke or default."""
    config = config_lib.default()
    config.experiment = config.stage = "remedies"
    config.size = size
    config.data.update({"include_h2_equilibrium": False, "validation_fraction": 0.15, "test_fraction": 0.2})
    config.data.max_held_out = 0
    config.grid.update({"num_features": (8, 16, 32), "learning_rates": (0.01, 0.03, 0.1), "width_spread": 4.0})
    config.train.steps = 3000
    config.model.conditioning = "charge_spin"
    if size == "smoke":
        config.grid.update({"num_features": (4,), "learning_rates": (0.02,)})
        config.train.update({"steps": 50, "steps_per_call": 25})
        config.eval.every = config.checkpoint.every = 50
        config.remedies.update(
            {
                "rungs": ("plain", "priors", "delta-gfn2", "delta-uhf", "delta-pbe0", "practical", "pairs"),
                "widths": (0, 4),
                "num_train": (10, 20, 40),
                "seeds": (0, 1),
                "learning_rates": (0.02,),
                "weight_decays": (0.01,),
                "steps": 100,
                "cost_molecules": 1,
            }
        )
    return config
