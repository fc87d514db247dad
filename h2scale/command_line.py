"""What stands between the shell and the runner: flags in, exit code out, one line for a user's mistake."""

import re
import sys
from typing import Any

from absl import flags, logging
from ml_collections import ConfigDict, config_flags

from h2scale import config as config_lib

EXIT_BAD_INPUT = 2
EXIT_INCOMPLETE = 3
EXIT_INTERRUPTED = 130


def parse_flags(argv: list[str]) -> list[str]:
    """Parses absl and config flags; a mistake ends the process with one line on stderr and exit code 2."""
    try:
        return flags.FLAGS(argv)
    except AttributeError as error:
        _fail(_unknown_key(str(error), argv))
    except (flags.Error, ValueError, TypeError, KeyError, OSError) as error:
        _fail(f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error))


def run(argv: list[str], config: ConfigDict, workdir: str | None) -> int:
    """Runs the experiment of `config`; returns the process's exit code."""
    logging.set_verbosity(logging.WARNING)
    if len(argv) > 1:
        _fail(f"unexpected arguments {' '.join(argv[1:])}; settings are given as --config.SECTION.KEY=VALUE.")
    try:
        resolved = config_lib.resolve(config)
    except (ValueError, TypeError) as error:
        _fail(str(error))
    except OSError:
        # Raised by the config flag on first use; its own message speaks of Python modules.
        name = config_flags.get_config_filename(flags.FLAGS["config"])
        _fail(f"--config must name an experiment file such as experiments/scaling.py; {name} cannot be read.")
    # Imported late: a mistake in the settings is answered before JAX has started.
    from h2scale import runner

    try:
        runner.run(resolved, workdir)
    except runner.InputError as error:
        _fail(str(error))
    except runner.IncompleteError as error:
        print(f"h2scale: {error}", file=sys.stderr)
        return EXIT_INCOMPLETE
    except KeyboardInterrupt:
        print("\nInterrupted. The same command continues where this run stopped.", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _fail(message: str) -> Any:
    print(f"h2scale: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(EXIT_BAD_INPUT)


def _unknown_key(message: str, argv: list[str]) -> str:
    """A sentence about the first override whose key does not exist."""
    known = config_lib.default()
    names = config_lib.flatten(known)
    for argument in argv[1:]:
        found = re.match(r"--config\.([^=]+)", argument)
        if found and found.group(1) not in names and not found.group(1).startswith("arms."):
            key = found.group(1)
            near = config_lib.closest_key(known, key)
            hint = f"; did you mean --config.{near}?" if near else "."
            return f"there is no setting config.{key}{hint}"
    return f"a setting is unknown: {message}"
