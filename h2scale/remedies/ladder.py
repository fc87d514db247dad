"""Rungs that correct a base, trained over widths, data and seeds, tuned on left-out molecules, asked about curves."""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from h2scale import units
from h2scale.remedies import corrections, descriptors, fitting, library
from h2scale.remedies.corrections import Form, Params, Rows
from h2scale.remedies.library import Curve, Geometry, Library
from h2scale.remedies.rungs import Rung

_COMPARABLE = ("uccsd", "ap-uccsd", "dcsd", "ap-dcsd")
"""Bases whose atoms are fitted too; those of a functional or a field are off by energies that no bond changes."""


class Grid(NamedTuple):
    """Members to be trained: the product of widths, sizes and seeds; rates and decays are tuned."""

    widths: tuple[int, ...]  # of the hidden layers; 0 for one constant per channel
    num_train: tuple[int, ...]  # molecules; a number beyond what there is stands for all
    seeds: tuple[int, ...]
    learning_rates: tuple[float, ...]
    weight_decays: tuple[float, ...]
    schedule: fitting.Schedule


class Member(NamedTuple):
    """One trained correction, at the rate and decay that left-out molecules chose for its width and size."""

    rung: Rung
    form: Form
    width: int
    num_train: int
    seed: int
    learning_rate: float
    weight_decay: float
    params: Params
    scale: "Scale"
    num_params: int
    validation_mae_ev: float


class Scale(NamedTuple):
    """Centre and spread of the inputs, from the training molecules."""

    centre: np.ndarray  # (n_inputs,)
    spread: np.ndarray  # (n_inputs,)


def train(rung: Rung, data: Library, grid: Grid, orders: Mapping[int, np.ndarray]) -> list[Member]:
    """Train a rung's members; the curves of `data` are not looked at.

    Args:
        rung: one that corrects a base.
        data: molecules with rows of that base.
        grid: what is trained.
        orders: by seed, training molecules in the order in which growing training sets take them up.
    """
    train_side = data.indices("train")
    scale = _scale_of(rung, data)
    task = task_of(rung, data)
    sizes = sorted({min(size, len(train_side)) for size in grid.num_train})
    members = []
    for width in grid.widths:
        form = Form(width, len(scale.centre), len(rung.channels), rung.limit)
        members += _of_width(rung, grid, form, task, scale, sizes, orders)
    return members


def molecule_errors_ev(member: Member, data: Library) -> np.ndarray:
    """Signed errors of the energies relative to atoms, eV, (n_molecules,)."""
    return (predicted(member, data.molecules) - composed(member, data)) - _labels(data)


def composed(member: Member, data: Library) -> np.ndarray:
    """Predicted totals of each molecule's isolated atoms, eV, (n_molecules,)."""
    return data.composition() @ predicted(member, data.atoms)


def curve_errors_ev(member: Member, curve: Curve, data: Library) -> np.ndarray:
    """Signed errors along a curve, eV, (n_points,): relative to the member's own atoms, against the reference's.

    NaN where the curve holds an element that the rung has no input for, or lacks the base.
    """
    known = {number for atom in data.atoms for number in atom.atomic_numbers}
    outside = member.rung.knows_elements and not set(curve.points[0].atomic_numbers) <= known
    if outside or any(member.rung.base not in one.rows for one in (*curve.points, *curve.atoms)):
        return np.full(len(curve.points), np.nan)
    own = predicted(member, curve.points) - predicted(member, curve.atoms).sum()
    return own - curve.reference_ev


def base_errors_ev(method: str, curve: Curve) -> np.ndarray:
    """Signed errors of a method without learning along a curve, eV, (n_points,)."""
    own = [library.energy(point, method) for point in curve.points]
    atoms = [library.energy(atom, method) for atom in curve.atoms]
    return (np.array(own) - sum(atoms)) * units.HARTREE_EV - curve.reference_ev


def own_rows(geometry: Geometry, rung: Rung) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and those amounts of a geometry that a rung multiplies."""
    inputs, amounts = geometry.rows[rung.base]
    return inputs, amounts[:, list(rung.channels)]


def predicted(member: Member, geometries: Sequence[Geometry]) -> np.ndarray:
    """Total energies, base and correction, eV, (n_geometries,)."""
    base = np.array([library.energy(one, member.rung.base) for one in geometries]) * units.HARTREE_EV
    # Rounded up to powers of two, so that curves and molecules share a few programs.
    own = [own_rows(one, member.rung) for one in geometries]
    nothing = np.zeros((1, own[0][0].shape[1])), np.zeros((1, own[0][1].shape[1]))
    own += [nothing] * (_power_of_two(len(own)) - len(own))
    rows = _rows(own, member.scale, _power_of_two(max(len(inputs) for inputs, _ in own)))
    return base + np.asarray(_compiled(member.form)(member.params, rows), float)[: len(geometries)]


def _of_width(
    rung: Rung,
    grid: Grid,
    form: Form,
    task: fitting.Task,
    scale: Scale,
    sizes: Sequence[int],
    orders: Mapping[int, np.ndarray],
) -> list[Member]:
    """Members of one width: all rates and decays of all sizes and seeds in one population, then the chosen ones."""
    decays = grid.weight_decays if form.width else (0.0,)
    cells = list(itertools.product(sizes, grid.learning_rates, decays, grid.seeds))
    population = fitting.replicas(
        np.array([seed for *_, seed in cells]),
        np.stack([orders[seed] for *_, seed in cells]),
        np.array([size for size, *_ in cells]),
        np.array([rate for _, rate, *_ in cells]),
        np.array([decay for *_, decay, _ in cells]),
    )
    fitted = fitting.fit(form, grid.schedule, task, population)
    error = np.where(np.isfinite(fitted.validation_mae_ev), fitted.validation_mae_ev, np.inf)
    members = []
    for size in sizes:
        mean = {
            (rate, decay): np.mean([e for e, c in zip(error, cells, strict=True) if c[:3] == (size, rate, decay)])
            for rate, decay in itertools.product(grid.learning_rates, decays)
        }
        best = min(mean, key=lambda key: mean[key])
        for place, (own, rate, decay, seed) in enumerate(cells):
            if (own, rate, decay) == (size, *best):
                params = jax.tree.map(lambda leaf, place=place: np.asarray(leaf[place]), fitted.params)
                count = corrections.num_params(form)
                members.append(
                    Member(rung, form, form.width, own, seed, rate, decay, params, scale, count, float(error[place]))
                )
    return members


def task_of(rung: Rung, data: Library) -> fitting.Task:
    """All that a rung is trained on and chosen by, as arrays."""
    scale = _scale_of(rung, data)
    base = library.relative(data.molecules, data.atoms, rung.base)
    comparable = rung.base in _COMPARABLE
    of_atoms = [
        (atom.label - library.energy(atom, rung.base)) * units.HARTREE_EV if comparable else float("nan")
        for atom in data.atoms
    ]
    return fitting.Task(
        rows=_rows([own_rows(one, rung) for one in data.molecules], scale),
        residual_ev=jnp.asarray(_labels(data) - base * units.HARTREE_EV, jnp.float32),
        composition=jnp.asarray(data.composition(), jnp.float32),
        atom_rows=_rows([own_rows(one, rung) for one in data.atoms], scale),
        atom_residual_ev=jnp.asarray(of_atoms, jnp.float32),
        validation=jnp.asarray(data.indices("validation"), jnp.int32),
    )


def _labels(data: Library) -> np.ndarray:
    return library.relative(data.molecules, data.atoms, "label") * units.HARTREE_EV


def _rows(own: Sequence[tuple[np.ndarray, np.ndarray]], scale: Scale, longest: int = 0) -> Rows:
    scaled = [((inputs - scale.centre) / scale.spread, amounts) for inputs, amounts in own]
    return Rows(*(jnp.asarray(array) for array in descriptors.padded(scaled, longest)))


def _power_of_two(number: int) -> int:
    return 1 << max(number - 1, 0).bit_length()


@functools.cache
def _compiled(form: Form) -> Callable[[Params, Rows], jax.Array]:
    return jax.jit(jax.vmap(corrections.make_correction(form), in_axes=(None, 0)))


def _scale_of(rung: Rung, data: Library) -> Scale:
    every = np.concatenate([own_rows(data.molecules[place], rung)[0] for place in data.indices("train")])
    spread = every.std(axis=0)
    return Scale(every.mean(axis=0), np.where(spread > 1e-3, spread, 1.0))
