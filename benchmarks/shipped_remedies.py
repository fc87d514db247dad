"""Errors of the shipped remedies and of the methods that they stand on, on the shipped library, in kcal/mol.

    python benchmarks/shipped_remedies.py

Held-out molecules chose nothing. Curves are relative to the system's own atoms, against full CI in the same basis.
"""

import runpy
from pathlib import Path

import numpy as np

from h2scale import elements, units
from h2scale.judge import curve_errors, systems
from h2scale.remedies import base_rows, library, library_files, parameters, potentials, remedy
from h2scale.stages import remedies

EXPERIMENT = Path(__file__).resolve().parents[1] / "experiments" / "remedies.py"
ROWS = Path("runs/shipped-remedies")
"""Folder of what does not ship and is solved."""
UNLEARNED = ("uhf", "ump2", "pbe0", "b3lyp", "wb97m-v", "uccsd", "ap-uccsd", "dcsd", "ap-dcsd", "uccsd(t)")


def totals_ev(geometries, method):
    """Total energies by an unlearned method, a remedy or `label`, eV, (n_geometries,)."""
    if isinstance(method, str):
        return units.HARTREE_EV * np.array([library.energy(one, method) for one in geometries])
    base = method.description.base
    return totals_ev(geometries, base) + np.array([method.correction(*one.rows[base]) for one in geometries])


def relative_kcal(data, side, method):
    """Energies relative to atoms of the molecules on a side, and how many atoms of each element they hold."""
    molecules = [data.molecules[place] for place in data.indices(side)]
    counts = library.composition(molecules, data.atoms)
    return (totals_ev(molecules, method) - counts @ totals_ev(data.atoms, method)) * curve_errors.KCAL, counts


def held_out(data, method):
    """Mean absolute error on the test side, as it is and with a constant for each element fitted to training labels."""
    (error, counts), (to_fit, of_fit) = (
        (relative_kcal(data, side, "label")[0] - own, counts)
        for side in ("test", "train")
        for own, counts in [relative_kcal(data, side, method)]
    )
    constants, *_ = np.linalg.lstsq(of_fit, to_fit, rcond=None)
    return float(np.mean(np.abs(error))), float(np.mean(np.abs(error - counts @ constants)))


def on_curve(curve, method):
    """Absolute errors along a curve, (n_points,); NaN where it holds an element that a remedy does not know."""
    if not isinstance(method, str):
        known = {elements.ATOMIC_NUMBERS[symbol] for symbol in method.description.elements}
        if not known.issuperset(curve.points[0].atomic_numbers):
            return np.full(len(curve.points), np.nan)
    own = totals_ev(curve.points, method) - totals_ev(curve.atoms, method).sum()
    return np.abs(own - curve.reference_ev) * curve_errors.KCAL


def outside(data, base):
    """Distance of inputs beyond all that training molecules and atoms show, in training's standard deviations.

    Returns the largest of the held-out molecules, and of each curve.
    """
    training = [*(data.molecules[place] for place in data.indices("train")), *data.atoms]
    known = np.concatenate([one.rows[base][0] for one in training])
    spread = known.std(axis=0)

    def largest(geometries):
        inputs = np.concatenate([one.rows[base][0] for one in geometries])
        beyond = np.maximum(known.min(axis=0) - inputs, inputs - known.max(axis=0)).clip(0)
        return float((beyond / np.where(spread > 1e-3, spread, 1.0)).max(initial=0.0))

    curves = {curve.system: largest(curve.points) for curve in data.curves if base in curve.points[0].rows}
    return largest([data.molecules[place] for place in data.indices("test")]), curves


def main():
    """Print a row for each method: molecules, each curve, all, and those with more than two correlated electrons."""
    data = base_rows.with_shipped_energies(library_files.load())
    config = runpy.run_path(str(EXPERIMENT))["get_config"]()
    data = data._replace(sides=tuple(potentials.divide(data, remedies.split_settings(config)).side.tolist()))
    methods = {name: name for name in UNLEARNED}
    methods |= {path.stem: remedy.load_remedy(path.stem) for path in parameters.shipped()}
    for model in list(methods.values())[len(UNLEARNED) :]:
        data = base_rows.complete(data, model.description.base, ROWS)
    print(f"{len(data.indices('train'))} training, {len(data.indices('test'))} held-out molecules, {data.basis}")
    print(
        "| method | held out, with constants |",
        " | ".join(curve.system for curve in data.curves),
        "| all | not exact |",
    )
    for name, method in methods.items():
        errors = [on_curve(curve, method) for curve in data.curves]
        cells = [
            " / ".join(f"{one:.2f}" for one in held_out(data, method)),
            *(f"{one.mean():.2f} / {one.max():.1f}" for one in errors),
        ]
        inexact = [
            one
            for one, curve in zip(errors, data.curves, strict=True)
            if systems.SYSTEMS[curve.system].correlated_electrons > 2
        ]
        for part in (errors, inexact):
            cells.append(f"{np.nanmean([one.mean() for one in part]):.2f} / {np.nanmax(np.concatenate(part)):.1f}")
        print(f"| {name} |", " | ".join(cells), "|")
    for base in dict.fromkeys(method.description.base for method in methods.values() if not isinstance(method, str)):
        held, curves = outside(data, base)
        told = ", ".join(f"{system} {distance:.2g}" for system, distance in curves.items())
        print(f"Inputs of {base} beyond training, in standard deviations: held out {held:.2g}; {told}")


if __name__ == "__main__":
    main()
