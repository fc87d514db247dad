"""Run one experiment: python launch.py --config=experiments/scaling.py[:SIZE] [--config.SECTION.KEY=VALUE ...]."""

import sys

from h2scale import command_line

if __name__ == "__main__":
    sys.exit(command_line.run_experiment(sys.argv))
