"""Convert foreign files into an h2scale dataset with its manifest.

    python -m h2scale.data.convert --format=qm9 --output=qm9.h5 dsgdb9nsd.xyz.tar.bz2
    python -m h2scale.data.convert --format=ase --level=wb97m-v/def2-tzvpd --atomic-energies-ev=H=-13.4,C=-1029.8 \\
        --elements=H,C --output=omol.shards train/*.aselmdb

An output that ends in .h5 is one file, made and read whole (`data.load_dataset`); one that ends in .shards is a folder
for data larger than memory (`streaming.ShardedDataset`), and the same command continues it after an interruption.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from h2scale import errors
from h2scale.data import dataset as dataset_lib
from h2scale.data import readers, rungs, shards, storage
from h2scale.data.readers import zero

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
    parser.add_argument("--format", required=True, help=f"one of {', '.join(readers.FORMATS)}")
    parser.add_argument("--output", required=True, type=Path, help="a .h5 file or a .shards folder")
    parser.add_argument("--level", help="level of theory, where files do not say it: paper, ase, extxyz")
    parser.add_argument(
        "--atomic-energies-ev",
        help="isolated atoms at that level, as H=-13.6,C=-1029.1; or 'file', of the one-atom structures in the files; "
        "or 'fit', least squares over the files",
    )
    parser.add_argument("--elements", help="keep structures of these elements only, as H,C,N,O,F")
    parser.add_argument("--rung", help=f"instead of the format's own: {', '.join(rungs.RUNGS)}")
    parser.add_argument("--charge", type=int, help="of ase rows that carry none, units of e")
    parser.add_argument("--spin-multiplicity", type=int, help="of ase rows that carry none, 2S + 1")
    parser.add_argument(
        "--bound-sign", type=int, help="sign of a bound molecule's stored energy in paper and vqm24: 1 or -1"
    )
    parser.add_argument(
        "--no-unit-check", action="store_true", help="accept lengths and energies that no molecule at rest has"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Convert as the command line says and return the exit code, 2 for wrong input."""
    arguments = _parser().parse_args(argv)
    energies = arguments.atomic_energies_ev
    try:
        check_output(arguments.output)
        reading = readers.read(
            arguments.paths,
            arguments.format,
            level=arguments.level,
            atomic_energies_ev=None if energies is None else zero.parse(energies),
            elements=None if arguments.elements is None else arguments.elements.split(","),
            rung=arguments.rung,
            charge=arguments.charge,
            spin_multiplicity=arguments.spin_multiplicity,
            bound_sign=arguments.bound_sign,
            check_units=not arguments.no_unit_check,
        )
        convert(reading, arguments.output)
    except errors.InputError as error:
        print(f"h2scale: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    print(f"{arguments.output}: {reading.manifest['level']}, zero of energy: {reading.manifest['energy_zero']}")
    for reason, count in reading.manifest["dropped"].items():
        print(f"left out: {count}, {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
