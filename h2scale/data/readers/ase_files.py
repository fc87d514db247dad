"""Files that ASE reads frame by frame, trajectories (`.traj`) among them, with the results of their calculator.

ASE gives energies in eV, forces in eV/angstrom and positions in angstrom, whatever the program that wrote the file; of
its `info` and `arrays`, and of databases, it knows no units.
"""

from collections.abc import Generator
from pathlib import Path

from h2scale import errors
from h2scale.data.readers import entries, frames


def read_frames(path: Path) -> Generator[frames.Frame, None, None]:
    """Frames of one file.

    Raises:
        InputError: ASE knows no such format or cannot read it.
    """
    import ase.io

    reading = ase.io.iread(path, index=":")
    index = 0
    while True:
        try:
            atoms = next(reading, None)
        except Exception as error:  # ASE's formats raise errors of any type
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise errors.InputError(f"{path}, frame {index}: ASE cannot read it: {reason}.") from error
        if atoms is None:
            return
        where = f"{path}, frame {index}"
        results = {} if atoms.calc is None else atoms.calc.results
        facts = {**atoms.info, **{key: results[key] for key in ("energy",) if key in results}}
        columns = {key: value for key, value in atoms.arrays.items() if key not in ("numbers", "positions")}
        columns |= {key: results[key] for key in ("forces",) if key in results}
        numbers = entries.atomic_numbers(atoms.numbers, where)
        yield frames.Frame(numbers, atoms.positions, atoms.pbc, facts, columns, where)
        index += 1


def knows(path: Path) -> bool:
    """Return whether ASE takes the file for one of its formats."""
    import ase.io.formats

    try:
        return ase.io.formats.filetype(str(path), guess=False) in ase.io.formats.ioformats
    except Exception:  # as above
        return False
