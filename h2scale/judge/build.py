"""Builds the curves that judge.

    python -m h2scale.judge.build FOLDER [--systems=HF,N2] [--parts=hf,cluster,pbe0] [--assemble=OUT]

Every piece is a file in FOLDER and is not computed again; the same command continues. With `--assemble` nothing is
computed: OUT gets what is there as `curves.csv`, `curves_features.hdf5` and `curves_errors.csv`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from h2scale.errors import InputError
from h2scale.judge import curve_errors, curves, feature_files, pieces
from h2scale.judge import systems as systems_lib
from h2scale.runtime import tables

_ERRORS = "curves_errors.csv"
_EXIT_BAD_INPUT = 2


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--systems", default=",".join(systems_lib.SYSTEMS), help="comma-separated names")
    parser.add_argument(
        "--parts", default=",".join(pieces.PARTS), help="comma-separated, of " + ", ".join(pieces.PARTS)
    )
    parser.add_argument("--assemble", type=Path, default=None, help="folder to write the table and the features to")
    arguments = parser.parse_args(argv)
    systems, parts = arguments.systems.split(","), arguments.parts.split(",")
    try:
        for given, known in ((systems, systems_lib.SYSTEMS), (parts, pieces.PARTS)):
            unknown = [name for name in given if name not in known]
            if unknown:
                raise InputError(f"{unknown[0]!r} is none of {', '.join(known)}.")
        if arguments.assemble is None:
            pieces.compute(arguments.folder, systems, parts)
        else:
            curves.write(arguments.folder, arguments.assemble)
            _report(arguments.assemble)
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(_EXIT_BAD_INPUT)


def _report(folder: Path) -> None:
    """Write the errors of every method, and say what the files hold."""
    errors = curve_errors.errors(curves.load_curves(folder / curves.CURVES))
    (folder / _ERRORS).unlink(missing_ok=True)
    tables.append_rows(folder / _ERRORS, curve_errors.Error._fields, [error._asdict() for error in errors])
    for error in errors:
        if error.region == curve_errors.WHOLE:
            print(
                f"{error.system:12s} {error.method:10s} {error.points:3d} points, mean "
                f"{error.mean_kcal_per_mol:7.2f}, largest {error.largest_kcal_per_mol:7.2f} kcal/mol"
            )
    print(f"features of {len(feature_files.load(folder / curves.FEATURES))} geometries in {folder}")


if __name__ == "__main__":
    main()
