"""Energy of another spin beside the one that a judging curve asks for: python benchmarks/judge_spins.py [SYSTEM ...]

Full CI/cc-pVDZ of the curve's spin and of the next higher one at every distance. Where the other lies lower, a method
on an unrestricted field may follow it below the energy that judges. H4 on a square takes three and a half minutes.
"""

import dataclasses
import sys

import numpy as np

from h2scale import units
from h2scale.judge import curve_errors, single_points, systems


def main(names: list[str]) -> None:
    """Print a line for every distance of every system."""
    for name in names:
        system = systems.SYSTEMS[name]
        for point, distance in zip(single_points.of_system(system), system.distances_angstrom, strict=True):
            higher = dataclasses.replace(point, spin_multiplicity=point.spin_multiplicity + 2, irreps=())
            own, other = (
                single_points.reference(one, systems.BASIS, "fci", np.zeros(0)) * units.HARTREE_EV * curve_errors.KCAL
                for one in (point, higher)
            )
            print(
                f"{name:10s} {distance:6.3f} angstrom: spin multiplicity {higher.spin_multiplicity} lies "
                f"{other - own:8.2f} kcal/mol above {point.spin_multiplicity}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:] or ["H4 square"])
