"""Convert foreign files into an h2scale dataset with its manifest.

    h2scale convert --level=pbe0/def2-svp --dry-run mine.extxyz
    h2scale convert --level=pbe0/def2-svp --output=mine.h5 mine.extxyz
    h2scale convert --output=qm9.h5 dsgdb9nsd.xyz.tar.bz2
    h2scale convert --level=wb97m-v/def2-tzvpd --zero=fit --elements=H,C,N,O --output=omol.shards train_4M

The format is told from the files. Before anything is written, one line each says what was taken for energy, forces,
charge, spin and molecule, in which units, the zero of energy and the level; --dry-run reads and checks everything and
writes nothing. An output that ends in .h5 is one file, made and read whole (`data.load_dataset`); one that ends in
.shards is a folder for data larger than memory (`streaming.ShardedDataset`), and the same command continues it after an
interruption.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from h2scale import errors, setting_checks
from h2scale.data import dataset as dataset_lib
from h2scale.data import many_files, readers, rungs, shards, storage, validation
from h2scale.data.account import Counts, account
from h2scale.data.readers import entries, label_units, zero
from h2scale.runtime import cluster

EXIT_BAD_INPUT = 2


def check_output(output: Path) -> None:
    """Raise InputError unless `output` is a new .h5 file, or a .shards folder, in a folder that exists."""
    if output.suffix not in (".h5", ".shards"):
        raise errors.InputError(f"output must end in .h5 (one file) or .shards (a folder); got {output}.")
    if not output.parent.is_dir():
        raise errors.InputError(f"{output}: there is no folder {output.parent}.")
    if output.suffix == ".h5" and output.exists():
        raise errors.InputError(f"{output} exists already; remove it or write to another file.")


def convert(reading: readers.Reading, output: str | Path) -> None:
    """Write one HDF5 file (.h5), or a folder of shards (.shards) without holding the dataset in memory.

    Raises:
        InputError: `check_output` refuses the name; reading or writing fails. Nothing half-written stays.
    """
    output = Path(output)
    check_output(output)
    if output.suffix == ".shards":
        shards.write_shards(output, reading.structures, reading.manifest)
        return
    dataset = dataset_lib.from_structures(list(reading.structures), reading.manifest)
    try:
        storage.save_dataset(output, dataset)
    except OSError as error:
        raise errors.InputError(
            f"{output} cannot be written: {error.strerror or error}; nothing half-written was left."
        ) from error
    except ValueError as error:
        raise errors.InputError(f"{output} was not written: {error}") from error


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"h2scale: {message}; --help says what may be given.", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, or folders where the format is one")
    parser.add_argument("--format", help=f"one of {', '.join(readers.FORMATS)}; told from the files if not given")
    parser.add_argument("--output", type=Path, help="a new .h5 file, or a .shards folder")
    parser.add_argument("--dry-run", action="store_true", help="read, check and say, but write nothing")
    parser.add_argument("--level", help="level of theory, where files do not say it: extxyz, ase, paper")
    parser.add_argument(
        "--zero",
        "--atomic-energies-ev",
        metavar="ENERGIES",
        help="isolated atoms at that level in eV, as H=-13.6,C=-1029.1; or 'file', of the one-atom structures in the "
        "files; or 'fit', least squares over the files, by which the asymptote of H2 means nothing",
    )
    parser.add_argument("--elements", help="keep structures of these elements only, as H,C,N,O,F")
    parser.add_argument(
        "--rung",
        help=f"instead of the format's own: {', '.join(rungs.RUNGS)}, or auto: equilibrium if the largest force is "
        f"below {rungs.EQUILIBRIUM_MAX_FORCE_EV_PER_ANGSTROM} eV/angstrom, else thermal",
    )
    parser.add_argument(
        "--keep-first", action="store_true", help="of one geometry with several energies, instead of refusing the files"
    )
    parser.add_argument("--bound-sign", type=int, help="of a bound molecule's stored energy in paper, vqm24: 1 or -1")
    parser.add_argument("--no-unit-check", action="store_true", help="accept what no molecule at rest has")
    many = parser.add_argument_group("many files at once, into shards; the same command continues")
    many.add_argument(
        "--workers", type=int, default=0, help="processes or jobs, one file a task; 0 reads in this process"
    )
    many.add_argument("--launcher", default="here", help="here (processes of this machine), local or slurm (jobs)")
    many.add_argument("--partition", default="", help="of Slurm")
    many.add_argument("--minutes", type=int, default=240, help="wall time of a job, which is requeued at its end")
    named = parser.add_argument_group("extxyz and ase, whose names and units differ from file to file")
    named.add_argument("--energy-key", metavar="NAME", help="key of the total energy")
    named.add_argument("--forces-key", metavar="NAME", help="column of the forces")
    named.add_argument("--molecule-key", metavar="NAME", help="key that names the molecule; else perceived bonds do")
    named.add_argument("--energy-unit", default="eV", help=f"{', '.join(label_units.ENERGY_EV)}; eV if not given")
    named.add_argument(
        "--length-unit", default="angstrom", help=f"{', '.join(label_units.LENGTH_ANGSTROM)}; angstrom if not given"
    )
    named.add_argument("--forces-unit", help="as hartree/bohr; that of the energy over angstrom if not given")
    named.add_argument("--charge", type=int, help="of frames that carry none, units of e")
    named.add_argument("--spin-multiplicity", type=int, help="of frames that carry none, 2S + 1")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Convert as the command line says and return the exit code, 2 for wrong input."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.output is None and not arguments.dry_run:
        parser.error("--output=NAME.h5 or NAME.shards is missing, or --dry-run, which writes nothing")
    try:
        if arguments.output is not None:
            check_output(arguments.output)
        if arguments.workers:
            return _many(arguments)
        reading = _read(arguments)
        print("\n".join(account(reading.manifest)), flush=True)
        counted = Counts()
        reading = reading._replace(structures=counted.watch(reading.structures))
        if arguments.dry_run:
            _check_alone(reading)
        else:
            convert(reading, arguments.output)
    except errors.InputError as error:
        print(f"h2scale: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    print("\n".join(counted.lines(reading.manifest["dropped"])))
    print("nothing was written" if arguments.dry_run else f"written: {arguments.output}")
    return 0


def _read(arguments: argparse.Namespace) -> readers.Reading:
    return readers.read(
        arguments.paths,
        arguments.format,
        atomic_energies_ev=None if arguments.zero is None else zero.parse(arguments.zero),
        elements=None if arguments.elements is None else arguments.elements.split(","),
        rung=arguments.rung,
        keep_first=arguments.keep_first,
        check_units=not arguments.no_unit_check,
        **{field.name: getattr(arguments, field.name) for field in dataclasses.fields(entries.Options)},
    )


def _many(arguments: argparse.Namespace) -> int:
    """Convert each file in a task of its own."""
    if arguments.dry_run or arguments.output.suffix != ".shards":
        raise errors.InputError("--workers writes a folder of shards: it goes with --output=NAME.shards alone.")
    if arguments.launcher not in setting_checks.LAUNCHERS or arguments.workers < 1:
        raise errors.InputError(
            f"--launcher must be one of {', '.join(setting_checks.LAUNCHERS)} and --workers 1 or more; got "
            f"{arguments.launcher!r} and {arguments.workers}."
        )
    elements = None if arguments.elements is None else arguments.elements.split(",")
    declared = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(entries.Options)}
    name = readers.asked_for(arguments.paths, arguments.format, elements, arguments.rung, declared).name
    options = {
        "format": name,
        "atomic_energies_ev": None if arguments.zero is None else zero.parse(arguments.zero),
        "elements": elements,
        "rung": arguments.rung,
        "keep_first": arguments.keep_first,
        "check_units": not arguments.no_unit_check,
        "declared": declared,
    }
    settings = cluster.ClusterSettings(
        launcher=arguments.launcher,
        partition=arguments.partition,
        minutes=arguments.minutes,
        cpus=1,
        jobs_at_once=arguments.workers,
    )
    files = many_files.expanded(arguments.paths, name)
    manifest = many_files.convert_files(files, arguments.output, options, settings, arguments.workers, print)
    print("\n".join(account(manifest)))
    print(f"written: {arguments.output}")
    return 0


def _check_alone(reading: readers.Reading) -> None:
    """Check every structure as writing it would."""
    for number, structure in enumerate(reading.structures):
        try:
            validation.validate(dataset_lib.from_structures([structure], reading.manifest))
        except ValueError as error:
            raise errors.InputError(f"structure {number}, counted from 0 without those left out: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
