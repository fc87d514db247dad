"""Remedies with random parameters in a small basis: what holds for them holds by structure, not by training."""

import functools

import jax
import numpy as np

from h2scale import elements, units
from h2scale.remedies import bases, corrections, parameters, rungs
from h2scale.remedies.remedy import Remedy

BASIS = "6-31g"
SYMBOLS = ("H", "C", "N", "O", "F")


@functools.cache
def stored(name: str, basis: str = BASIS) -> parameters.Stored:
    """Parameters of one rung, large enough that every factor is far from zero."""
    rung = rungs.LEARNED[name]
    answers = {symbol: atom(rung.base, symbol, basis) for symbol in SYMBOLS}
    num_inputs = answers["O"].inputs.shape[1]
    form = corrections.Form(4, num_inputs, len(rung.channels), rung.limit)
    keys = iter(jax.random.split(jax.random.key(3), 20))
    params = jax.tree.map(
        lambda leaf: np.asarray(0.6 * jax.random.normal(next(keys), leaf.shape)),
        corrections.initial(form, jax.random.key(0)),
    )
    described = parameters.Description(
        name=name,
        title=rung.title,
        base=rung.base,
        basis=basis,
        exact_for=rung.exact_for,
        channels=rung.channels,
        form=form,
        elements=SYMBOLS,
        max_heavy_atoms=3,
        tested_elements=("H", "C", "N"),
        tested_heavy_atoms=2,
        num_train=0,
        dataset_sha256="",
        held_out_mae_ev=0.0,
        curves_mae_ev=0.0,
        curves_largest_ev=0.0,
    )
    start = parameters.Stored(described, params, np.zeros(num_inputs), np.ones(num_inputs), {})
    half_made = Remedy(start)
    totals = {}
    for symbol, answer in answers.items():
        learned = half_made.correction(answer.inputs, answer.amounts) / units.HARTREE_EV
        totals[symbol] = answer.energy_hartree + learned
        totals[f"{symbol} base"] = answer.energy_hartree
    return parameters.Stored(described, params, start.centre, start.spread, totals)


@functools.cache
def remedy(name: str) -> Remedy:
    return Remedy(stored(name))


@functools.cache
def atom(base: str, symbol: str, basis: str) -> bases.Solved:
    number = elements.ATOMIC_NUMBERS[symbol]
    return bases.solve(base, (number,), np.zeros((1, 3)), 0, elements.GROUND_MULTIPLICITIES[number], basis)
