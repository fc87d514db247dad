"""launch.py without what follows the tables: fits, figures and page take longer than training these tiny studies.

Run by `launching.start` for the tests that compare tables.
"""

import sys

from h2scale import command_line
from h2scale.stages import scaling

if __name__ == "__main__":
    scaling._report = lambda path, num_bootstrap: path / "report.html"
    sys.exit(command_line.run_experiment(sys.argv))
