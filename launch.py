"""Runs one experiment: python launch.py --config=experiments/scaling.py[:SIZE] [--config.SECTION.KEY=VALUE ...]."""

import sys

from absl import app, flags
from ml_collections import config_flags

from h2scale import command_line

_CONFIG = config_flags.DEFINE_config_file("config", help_string="Experiment file, e.g. experiments/scaling.py:smoke")
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Where results are written; runs/<experiment>-<size> if not given.", short_name=None
)
flags.mark_flag_as_required("config")


def main(argv: list[str]) -> None:
    sys.exit(command_line.run(argv, _CONFIG.value, _WORKDIR.value))


if __name__ == "__main__":
    app.run(main, flags_parser=command_line.parse_flags)
