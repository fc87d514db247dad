"""Trains the tests' tiny population on so many CPU devices and saves the results: NUM_DEVICES FILE.npz."""

import sys
from pathlib import Path

import jax
import numpy as np


def main(num_devices: int, file: str) -> None:
    """Run in a process of its own, because the number of devices is fixed when JAX starts."""
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", num_devices)
    sys.path.insert(0, str(Path(__file__).parent.parent))
    import population_case as case_lib

    np.savez(file, **results(case_lib.assemble(case_lib.make_population(), num_devices=num_devices)))


def results(case):
    """State after four calls and its evaluation."""
    import population_case as case_lib

    state = case_lib.trained(case, calls=4)
    evaluation = case.programs.evaluate(
        state.params, case.inputs.rung, case.materials.table, case.materials.validation, case.materials.references
    )
    return {
        "devices": len(case.inputs.seed.sharding.device_set),
        "params": state.params,
        "averaged_params": state.averaged_params,
        "cursor": state.cursor,
        "train_loss_sum": state.train_loss_sum,
        "validation_loss": evaluation.errors.loss,
        "energy_errors": evaluation.structures.energy,
        "h2_energies": evaluation.energies["h2"],
    }


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
