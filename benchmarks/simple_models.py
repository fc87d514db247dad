"""Measures what ridge regression on two-body histograms and the zero model reach on a study's splits.

    python benchmarks/simple_models.py [--dataset pbe0_def2svp] [--elements H C N O F] [--seeds 0 1]

One line for each rung, number of training structures and seed: errors of test energies, means over molecules, beside
the settings that validation chose.
"""

import argparse
import time

import numpy as np

from h2scale.data import partition, splits, storage
from h2scale.evaluation import simple_models

SIZES = {"equilibrium": (30, 60, 120, 240, 480), "stretched": (480, 2000, 7500)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="pbe0_def2svp")
    parser.add_argument("--elements", nargs="+", default=["H", "C", "N", "O", "F"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    arguments = parser.parse_args()
    dataset, settings = storage.load_dataset(arguments.dataset), splits.SplitSettings()
    divided = partition.divide(dataset, arguments.elements, settings)
    for rung, sizes in SIZES.items():
        validation, test = (divided.indices(rung, side) for side in ("validation", "test"))
        energies, molecules, n_atoms = dataset.energy[test], divided.molecule[test], dataset.n_atoms[test]
        zero = simple_models.molecule_mean(np.abs(simple_models.zero_energies(test) - energies), molecules)
        for seed in arguments.seeds:
            order = splits.training_order(dataset, rung, seed, settings)
            order = order[divided.side[order] == "train"]
            for size in sizes:
                start = time.process_time()
                result = simple_models.ridge_energies(dataset, order[:size], validation, test)
                errors = np.abs(result.test_energies - energies)
                print(
                    f"{rung}, {min(size, len(order))} structures, seed {seed}: "
                    f"{simple_models.molecule_mean(errors, molecules):.3f} eV a molecule, "
                    f"{1e3 * simple_models.molecule_mean(errors / n_atoms, molecules):.1f} meV an atom, median "
                    f"{np.median(errors):.3f} eV, validation {result.validation_error_ev:.3f} eV, zero {zero:.1f} eV; "
                    f"{result.settings}, {time.process_time() - start:.1f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
