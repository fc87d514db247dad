"""Rows of bases that a library has no features of: those that ship, others solved once, each kept in a file."""

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from h2scale.errors import InputError
from h2scale.remedies import bases, row_archive
from h2scale.remedies.library import Geometry, Library
from h2scale.runtime import files, progress, workdir

WITHOUT_FEATURES = ("gfn2", "local-hybrid", "ap-uccsd", "dcsd", "ap-dcsd")
"""Bases that are solved here; what a library lacks of another one is not made up by another search than its own."""
OWN_BASIS = ("gfn2",)
"""Bases with orbitals of their own, whatever basis the library stands in."""
_VERSION = 2
"""To be raised when what a base answers changes."""


def complete(data: Library, base: str, folder: Path) -> Library:
    """Return the library with rows and energies of a base: for molecules, atoms, and the curves in the library's basis.

    A curve's point whose field does not converge is told and stays without, so that its curve has no number.

    Args:
        data: molecules, atoms and curves.
        base: one of `WITHOUT_FEATURES`; of any other the library stays as it is.
        folder: where answers are kept, and read from if they are there.

    Raises:
        InputError: the field of a molecule or an atom does not converge, or tblite is not there.
    """
    if base not in WITHOUT_FEATURES:
        return data
    if base == "gfn2" and workdir.installed_version("tblite") is None:
        raise InputError("remedies.rungs: delta-gfn2 needs tblite; install by pip install 'h2scale[labels]'.")
    curves = [curve for curve in data.curves if base in OWN_BASIS or curve.basis == data.basis]
    every = [*data.molecules, *data.atoms, *(one for curve in curves for one in (*curve.points, *curve.atoms))]
    missing = sum(base not in one.rows for one in every)
    if not missing:
        return data
    with progress.Progress(missing, missing, things="geometries", rate="geometries") as bar:

        def watch(name: str, failure: str) -> None:
            if failure:
                bar.say(failure)
            bar.note(base=f"{base} of {name}")
            bar.finish_replicas(1)
            bar.advance(1, 1)

        answers = functools.partial(_answers, base, data.basis, folder, watch)
        molecules, atoms = tuple(answers(data.molecules)), tuple(answers(data.atoms))
        inputs, amounts = molecules[0].rows[base]
        nothing = inputs[:0], amounts[:0]
        made = {
            curve.system: tuple(
                tuple(_bare_with(one, base, nothing) for one in answers(own, along=along))
                for own, along in ((curve.points, True), (curve.atoms, False))
            )
            for curve in curves
        }
    curves_made = tuple(
        curve._replace(points=made[curve.system][0], atoms=made[curve.system][1]) if curve.system in made else curve
        for curve in data.curves
    )
    return data._replace(molecules=molecules, atoms=atoms, curves=curves_made)


def with_shipped_energies(data: Library) -> Library:
    """Return the library with energies of all bases whose answers ship; nothing is solved for those that do not."""

    def known(own: Geometry) -> Geometry:
        answers = {base: row_archive.shipped().get(_key(own, base, data.basis)) for base in WITHOUT_FEATURES}
        found = {base: answer.energy_hartree for base, answer in answers.items() if answer}
        return own._replace(energies={**own.energies, **found})

    return data._replace(
        molecules=tuple(map(known, data.molecules)),
        atoms=tuple(map(known, data.atoms)),
        curves=tuple(
            curve._replace(points=tuple(map(known, curve.points)), atoms=tuple(map(known, curve.atoms)))
            for curve in data.curves
        ),
    )


def archive(data: Library) -> dict[str, dict[str, row_archive.Entry]]:
    """Answers that `complete` gave, by base and key, for `row_archive.save`; bare nuclei have none."""
    every = [*data.molecules, *data.atoms, *(one for curve in data.curves for one in (*curve.points, *curve.atoms))]
    return {
        base: {
            _key(one, base, data.basis): row_archive.Entry(one.energies[base], *one.rows[base])
            for one in every
            if base in one.rows and one.charge < sum(one.atomic_numbers)
        }
        for base in WITHOUT_FEATURES
    }


def _bare_with(own: Geometry, base: str, nothing: tuple[np.ndarray, np.ndarray]) -> Geometry:
    """The geometry, where it has no electrons with rows of the same width as those of others."""
    bare = own.charge == sum(own.atomic_numbers)
    return own._replace(rows={**own.rows, base: nothing}) if bare else own


def _answers(
    base: str,
    basis: str,
    folder: Path,
    watch: Callable[[str, str], None],
    geometries: Sequence[Geometry],
    *,
    along: bool = False,
) -> Iterator[Geometry]:
    """Geometries with rows and energy of a base; along a curve each starts from the density of the one before too."""
    before: list[np.ndarray] = []
    for own in geometries:
        if base in own.rows:
            yield own
            continue
        try:
            found = _answer(own, base, basis, folder, before if along else [])
        except InputError as error:
            if not along:
                raise
            watch(own.name, str(error))
            yield own
            continue
        before = [found["density"]] if "density" in found else []
        watch(own.name, "")
        yield own._replace(
            energies={**own.energies, base: float(found["energy"])},
            rows={**own.rows, base: (found["inputs"], found["amounts"])},
        )


def _answer(
    own: Geometry, base: str, basis: str, folder: Path, densities: Sequence[np.ndarray]
) -> dict[str, np.ndarray]:
    """A base's answer for one geometry, from its file or solved and written there."""
    key = _key(own, base, basis)
    path = folder / f"{key}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    if key in row_archive.shipped():
        known = row_archive.shipped()[key]
        return {"energy": np.array(known.energy_hartree), "inputs": known.inputs, "amounts": known.amounts}
    try:
        solved = bases.solve(
            base, own.atomic_numbers, own.positions, own.charge, own.spin_multiplicity, basis, densities
        )
    except ValueError as error:
        raise InputError(f"remedies.rungs: {base} of {own.name}: {error}") from error
    found = {"energy": np.array(solved.energy_hartree), "inputs": solved.inputs, "amounts": solved.amounts}
    if solved.density is not None:
        found["density"] = solved.density
    folder.mkdir(parents=True, exist_ok=True)
    files.write_bytes(path, files.npz_bytes(found))
    return found


def _key(own: Geometry, base: str, basis: str) -> str:
    """Hash of the question: all that decides an answer but the code and, along a curve, the density it started from."""
    about = {
        "version": _VERSION,
        "base": base,
        "basis": "" if base in OWN_BASIS else basis,
        "atomic_numbers": list(own.atomic_numbers),
        "positions": np.asarray(own.positions, float).round(10).tolist(),
        "charge": own.charge,
        "spin_multiplicity": own.spin_multiplicity,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
