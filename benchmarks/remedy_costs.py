"""Processor time of what every rung of the ladder stands on, in seconds a molecule, by number of heavy atoms.

    python benchmarks/remedy_costs.py [--molecules=3]

For each size a few of the shipped coupled-cluster labels' molecules, the same at every run, one thread.
"""

import argparse

from h2scale.remedies import bases, costs, library_files


def main():
    """Print a row for each size: mean time of each base."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--molecules", type=int, default=3, help="of each size")
    number = parser.parse_args().molecules
    data = library_files.load()
    print("| heavy atoms |", " | ".join(bases.BASES), "|")
    for size in (1, 2, 3):
        chosen = costs.examples(data.molecules, size, number)
        means = [costs.of_base(base, chosen, data.basis) for base in bases.BASES]
        print(f"| {size} |", " | ".join(f"{mean:.1f}" for mean in means), "|", flush=True)


if __name__ == "__main__":
    main()
