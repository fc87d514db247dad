"""Measures what ridge regression on two-body histograms and the zero model reach on a study's splits.

    python benchmarks/simple_models.py [--dataset pbe0_def2svp] [--elements H C N O F] [--rungs equilibrium] [--seeds 0]

One line for each rung, number of training structures and seed: errors of test energies, means over molecules, beside
the settings that validation chose.
"""

import argparse
import time

import numpy as np

from h2scale.data import partition, splits, storage, training_sets
from h2scale.evaluation import held_out, simple_models

SIZES = {"equilibrium": (30, 60, 120, 240, 480), "stretched": (480, 2000, 7500)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="pbe0_def2svp")
    parser.add_argument("--elements", nargs="+", default=["H", "C", "N", "O", "F"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--rungs", nargs="+", choices=list(SIZES), default=list(SIZES))
    arguments = parser.parse_args()
    dataset = storage.load_dataset(arguments.dataset)
    divided = partition.divide(dataset, splits.SplitSettings(elements=tuple(arguments.elements)))
    for rung in arguments.rungs:
        validation, test = (divided.indices(rung, side) for side in ("validation", "test"))
        weights = divided.molecule_weights(validation)
        zero = held_out.zero_errors(divided, test)
        for seed in arguments.seeds:
            order = training_sets.training_order(divided, rung, seed).indices
            for size in SIZES[rung]:
                start = time.process_time()
                result = simple_models.ridge_energies(dataset, order[:size], validation, test, weights=weights)
                # The regression predicts no forces.
                without_forces = np.full(len(test), np.nan)
                found = held_out.errors(divided, test, result.test_energies - dataset.energy[test], without_forces)
                print(
                    f"{rung}, {min(size, len(order))} structures, seed {seed}: "
                    f"{found.energy_mae_ev:.3f} eV a molecule, {1e3 * found.energy_mae_ev_per_atom:.1f} meV an atom, "
                    f"median {found.energy_median_ae_ev:.3f} eV, validation {result.validation_error_ev:.3f} eV, "
                    f"zero {zero.energy_mae_ev:.1f} eV; {result.settings}, {time.process_time() - start:.1f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
