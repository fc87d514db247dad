"""Command line: flags to settings, exit codes, and one line on stderr for a mistake of the user's.

`launch.py` is `run_experiment`; the console command `h2scale` is `main`, whose `run` is the same function.
"""

import contextlib
import random
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags, logging
from ml_collections import ConfigDict, config_flags

from h2scale import config as config_lib

EXIT_BAD_INPUT = 2
EXIT_INCOMPLETE = 3
EXIT_INTERRUPTED = 130

_HELP_FLAGS = {"--help", "-help", "-h", "--helpfull", "--helpshort"}
_AN_EXPERIMENT = "an experiment file such as experiments/scaling.py"

_EXIT_CODES = """\
Exit codes: 0 finished; 2 a mistake in the command or the settings, one line says which; 3 finished, but a model left
questions unanswered or a job failed; 130 interrupted. The same command continues an interrupted run."""

_HELP = f"""\
usage: h2scale COMMAND ...

  h2scale run --config=experiments/scaling.py:smoke   run an experiment: settings in, tables and a report out
  h2scale exam pbe0                                   examine any potential against exact physics
  h2scale convert --level=LEVEL --output=mine.h5 FILE turn your own or a public dataset into one of h2scale's
  h2scale curve N#N --bond=0,1                        the dissociation curve of a bond by a shipped remedy

`h2scale COMMAND --help` says more.

{_EXIT_CODES}"""

_RUN_HELP = f"""\
usage: {{program}} --config=FILE[:SIZE] [--workdir=DIR] [--config.SECTION.KEY=VALUE ...]

  --config             experiment file with its size, e.g. experiments/scaling.py:smoke; default and full are sizes too
  --workdir            where results are written; runs/<experiment>-<size> if not given
  --config.KEY=VALUE   any setting, e.g. --config.model.cutoff=8 or --config.grid.seeds=0,1,2; docs/settings.md
                       lists all of them with their units

{_EXIT_CODES}"""

_EXAM_HELP = f"""\
usage: h2scale exam NAME [NAME ...] [--sections=A,B] [--workdir=DIR] [--python=PATH] [--config.SECTION.KEY=VALUE ...]
       h2scale exam --verify=EXAM.JSON [--python=PATH]

  NAME                 a name of the registry (below); MODULE:FACTORY or FILE.py:FACTORY of an ASE calculator;
                       the folder of a run, or one of its replicas as WORKDIR#REPLICA_ID
  --sections           some of {", ".join(config_lib.default().exam.sections)}; all of them if not given
  --workdir            where results are written; runs/exam-default if not given
  --python             interpreter with ASE and NumPy that the calculators run in; this one if not given
  --verify             check a submission: its form, its verdicts and limits, and twenty of its numbers asked again
                       if its calculator can be loaded; the exit code is 2 if anything is wrong
  --config.KEY=VALUE   any other setting, e.g. --config.exam.workers=4

Registry: {{names}}

{_EXIT_CODES}"""

_CURVE_HELP = f"""\
usage: h2scale curve SMILES|FILE.xyz --bond=I,J [--remedy=NAME] [--charge=Q] [--spin=M] [--points=N] [--workers=N]
                     [--output=PATH]

  SMILES, FILE.xyz     a molecule: the SMILES of a shipped minimum such as N#N or CC, any SMILES if RDKit is installed
                       (pip install 'h2scale[labels]'), or a geometry in angstrom
  --bond               the bond to break: two atoms, counted from 0 in the order of the file or of the SMILES, whose
                       hydrogens come last
  --remedy             {{names}}; the first is the best and taken if none is given
  --charge, --spin     total charge and spin multiplicity 2S + 1; 0 and the lowest that fits if not given
  --points             distances, from 0.7 to 3 lengths of the bond; 18 if not given
  --workers            processes of one thread; one per core if not given
  --output             path of the table and figure, without ending; curve-MOLECULE-I-J if not given

The table holds the remedy, its base and, for diatomic molecules, the best curve that ships, in eV relative to isolated
atoms. {_EXIT_CODES}"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the console command `h2scale` and return its exit code.

    Args:
        argv: the words after the program's name; those of this process if not given.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in _HELP_FLAGS:
        print(_HELP)
        return 0 if words else EXIT_BAD_INPUT
    command, *rest = words
    if command == "run":
        return run_experiment(["h2scale run", *rest])
    if command == "exam":
        return run_exam(["h2scale exam", *rest])
    if command == "convert":
        # Imported late: the readers take a second, which the other commands need not wait for.
        from h2scale.data import convert

        sys.argv[0] = "h2scale convert"  # argparse names the program by it
        return convert.main(rest)
    if command == "curve":
        return run_curve(["h2scale curve", *rest])
    _fail(f"there is no command {command}; the commands are run, exam, convert and curve.")


def run_experiment(argv: list[str]) -> int:
    """Run the experiment file that the flags name and return the exit code.

    Args:
        argv: the program's name and its flags.
    """
    if _HELP_FLAGS & set(argv[1:]):
        print(_RUN_HELP.format(program=argv[0] if " " in argv[0] else f"python {argv[0]}"))
        return 0
    values = flags.FlagValues()
    with _mistake_in_one_line(argv):
        config = config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=argv)
        workdir = flags.DEFINE_string("workdir", None, "", flag_values=values)
        unexpected = _parse(values, argv)
    if config.value is None:
        _fail(f"--config=FILE is missing; it names {_AN_EXPERIMENT}.")
    if unexpected:
        _fail(f"unexpected arguments {' '.join(unexpected)}; settings are given as --config.SECTION.KEY=VALUE.")
    try:
        _ = config.value.experiment  # the flag raises an earlier failure to read the file on first use
    except (OSError, AttributeError):
        name = config_flags.get_config_filename(values["config"])
        _fail(f"--config must name {_AN_EXPERIMENT}; {name} cannot be read.")
    return run(config.value, workdir.value)


def run_exam(argv: list[str]) -> int:
    """Run the exam experiment on the calculators that the arguments name and return the exit code.

    Args:
        argv: the program's name, its arguments and flags.
    """
    if _HELP_FLAGS & set(argv[1:]):
        print(_EXAM_HELP.format(names=_registered_names()))
        return 0
    values = flags.FlagValues()
    with _mistake_in_one_line(argv):
        config = config_flags.DEFINE_config_dict("config", exam_config(), flag_values=values, sys_argv=argv)
        sections = flags.DEFINE_list("sections", None, "", flag_values=values)
        workdir = flags.DEFINE_string("workdir", None, "", flag_values=values)
        python = flags.DEFINE_string("python", None, "", flag_values=values)
        submission = flags.DEFINE_string("verify", None, "", flag_values=values)
        names = _parse(values, argv)
    if submission.value is not None:
        if names:
            _fail(f"h2scale exam --verify={submission.value} takes no NAME beside it; got {' '.join(names)}.")
        return _verify(submission.value, config.value, python.value or "")
    if not names:
        _fail("h2scale exam NAME: name what is to be examined; h2scale exam --help lists the registry.")
    settings = config.value
    settings.calculator = ",".join(names)
    if sections.value is not None:
        settings.exam.sections = tuple(sections.value)
    if python.value is not None:
        settings.python = python.value
    return run(settings, workdir.value)


def run_curve(argv: list[str]) -> int:
    """Write the dissociation curve that the arguments ask for and return the exit code.

    Args:
        argv: the program's name, its arguments and flags.
    """
    # Imported late: JAX and PySCF take seconds, which the other commands need not wait for.
    from h2scale.errors import InputError
    from h2scale.remedies import remedy

    if _HELP_FLAGS & set(argv[1:]):
        print(_CURVE_HELP.format(names=", ".join(remedy.list_remedies())))
        return 0
    values = flags.FlagValues()
    with _mistake_in_one_line(argv):
        bond = flags.DEFINE_list("bond", None, "", flag_values=values)
        model = flags.DEFINE_string("remedy", "", "", flag_values=values)
        charge = flags.DEFINE_integer("charge", 0, "", flag_values=values)
        spin = flags.DEFINE_integer("spin", 0, "", flag_values=values)
        points = flags.DEFINE_integer("points", 18, "", flag_values=values)
        workers = flags.DEFINE_integer("workers", 0, "", flag_values=values)
        output = flags.DEFINE_string("output", "", "", flag_values=values)
        sources = _parse(values, argv)
    if len(sources) != 1:
        _fail(f"h2scale curve takes one SMILES or geometry file; got {' '.join(sources) or 'none'}.")
    if bond.value is None or len(bond.value) != 2 or not all(word.strip().isdigit() for word in bond.value):
        _fail(
            f"--bond must be two atoms counted from 0, such as --bond=0,1; got {','.join(bond.value or ()) or 'none'}."
        )
    from h2scale.stages import curve

    first, second = (int(word) for word in bond.value)
    request = curve.Request(
        sources[0], (first, second), model.value, charge.value, spin.value, points.value, workers.value, output.value
    )
    try:
        curve.run(request)
    except InputError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        print("\nInterrupted; nothing was written.", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _verify(path: str, config: ConfigDict, python: str) -> int:
    """Print what is wrong with an exam.json and what was asked again; return the exit code."""
    from h2scale.errors import InputError
    from h2scale.exam import verification, worker_model

    limits = worker_model.TimeLimits(
        config.exam.load_seconds, config.exam.prediction_seconds, config.exam.model_seconds
    )
    try:
        verdict = verification.verify(
            Path(path), verification.Reopening(config.exam.registry, python, limits, random.randrange(2**32))
        )
    except InputError as error:
        _fail(str(error))
    for problem in verdict.problems:
        print(f"h2scale: {path}: {problem}", file=sys.stderr)
    for note in verdict.notes:
        print(note)
    if verdict.problems:
        return EXIT_BAD_INPUT
    print(f"{path} is in order.")
    return 0


def exam_config() -> ConfigDict:
    """Settings of `experiments/exam.py`, which a wheel does not hold; that they are the same is tested."""
    config = config_lib.default()
    config.experiment = config.stage = "exam"
    return config


def run(config: ConfigDict, workdir: str | None) -> int:
    """Check the settings, run their experiment and return the exit code."""
    logging.use_absl_handler()
    logging.set_verbosity(logging.WARNING)
    try:
        resolved = config_lib.resolve(config)
    except (ValueError, TypeError) as error:
        _fail(str(error))
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


def _parse(values: flags.FlagValues, argv: list[str]) -> list[str]:
    """Arguments that are no flags, which may stand before flags."""
    values.set_gnu_getopt(True)
    return list(values(argv)[1:])


@contextlib.contextmanager
def _mistake_in_one_line(argv: list[str]) -> Iterator[None]:
    """Context of defining and parsing flags: a mistake ends the process with one line on stderr and exit code 2."""
    try:
        yield
    except SyntaxError as error:
        _fail(f"--config must name {_AN_EXPERIMENT}; {error.filename} is not Python (line {error.lineno}).")
    except AttributeError as error:
        if "get_config" in str(error):
            _fail(f"--config must name {_AN_EXPERIMENT}; this file has no function get_config.")
        _fail(_unknown_key(str(error), argv))
    except KeyError as error:
        _fail(f"{type(error).__name__}: {error}")
    except (flags.Error, ValueError, TypeError, OSError) as error:
        _fail(str(error))


def _registered_names() -> str:
    from h2scale.exam import registry

    return textwrap.fill(", ".join(registry.load()), 110, subsequent_indent="  ", break_on_hyphens=False)


def _fail(message: str) -> NoReturn:
    print(f"h2scale: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(EXIT_BAD_INPUT)


def _unknown_key(message: str, argv: Sequence[str]) -> str:
    """Sentence about the first override whose key does not exist."""
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
