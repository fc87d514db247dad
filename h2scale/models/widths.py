"""Models of several widths as parameter vectors of the widest, so that one program computes them all.

A narrower model is the widest one whose other channels do nothing: their parameters are zero and stay so, because
gradients pass `scales`, which is zero there. Zero channels are zero in every layer, and sums over channels gain
only zeros. What is left is the fan-in, by whose square root NequIP divides its weights where they act: the program
divides by the widest model's, and `scales` makes up for it.
"""

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from h2scale.models import families, flat
from h2scale.models import potential as potential_lib
from h2scale.models.settings import ModelSettings


def widest(models: Sequence[ModelSettings]) -> ModelSettings:
    """Return the model whose shapes hold all of them.

    Raises:
        ValueError: they differ in more than their width, or one is wider here and narrower there.
    """
    wide = max(models, key=lambda model: model.num_features)
    for model in models:
        if dataclasses.replace(model, num_features=wide.num_features, radial_hidden=wide.radial_hidden) != wide:
            raise ValueError(f"models of one program must be alike but for their width; got {model} and {wide}.")
        if any(own > most for own, most in zip(model.radial_hidden, wide.radial_hidden, strict=True)):
            raise ValueError(
                f"model.radial_hidden {model.radial_hidden} of {model.num_features} features must fit into "
                f"{wide.radial_hidden} of {wide.num_features}; let it grow with the width."
            )
    return wide


def places(model: ModelSettings, wide: ModelSettings) -> np.ndarray:
    """Index of each parameter of a model in the vector of a wider one; shape (num_params,), int32."""
    found, start = [], 0
    for own, most in _leaf_shapes(model, wide):
        index = np.array(0)
        for size, width in zip(own, most, strict=True):
            index = index[..., None] * width + _axis_places(size, width, model.num_features, wide.num_features)
        found.append(start + index.reshape(-1))
        start += math.prod(most)
    return np.concatenate(found).astype(np.int32)


def scales(model: ModelSettings, wide: ModelSettings) -> np.ndarray:
    """Factors by which a model's parameters are multiplied before a wider model computes with them.

    Zero where the model has no parameter; elsewhere the square root of the wide model's fan-in over its own for a
    family that divides by it, and 1 for any other.

    Returns:
        Shape (num_params of the wide model,), float32.
    """
    divides = families.get(wide.name).divides_by_fan_in
    ratios = [
        np.full(math.prod(own), np.sqrt(math.prod(most[:-1]) / math.prod(own[:-1])) if divides else 1.0)
        for own, most in _leaf_shapes(model, wide)
    ]
    values = np.zeros(num_params(wide), np.float32)
    values[places(model, wide)] = np.concatenate(ratios)
    return values


def num_params(model: ModelSettings) -> int:
    """Number of trainable scalars of a model, without any padding."""
    return sum(math.prod(own) for own, _ in _leaf_shapes(model, model))


def initial(models: Sequence[ModelSettings], key: jax.Array, width: jax.Array) -> jax.Array:
    """Initial parameters of `models[width]` in the vector of the widest: its own numbers, and zeros.

    Args:
        models: alike but for their width.
        key: as the model alone would be initialised with.
        width: int32 scalar; may be mapped.

    Returns:
        Shape (num_params of the widest,), float32.
    """
    wide = widest(models)
    size = num_params(wide)

    def start(model: ModelSettings) -> jax.Array:
        vector: jax.Array = flat.flat_potential(potential_lib.make_potential(model)).init(key)
        return vector if model == wide else jnp.zeros(size, vector.dtype).at[places(model, wide)].set(vector)

    if len(models) == 1:
        return start(wide)
    return jax.lax.switch(width, [lambda _, model=model: start(model) for model in models], None)


def _leaf_shapes(model: ModelSettings, wide: ModelSettings) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Shapes of every parameter array in a model and in a wider one, in the order of the vector."""
    own, most = (jax.tree.leaves(potential_lib.param_shapes(settings)) for settings in (model, wide))
    return [(leaf.shape, wider.shape) for leaf, wider in zip(own, most, strict=True)]


def _axis_places(size: int, width: int, channels: int, wide_channels: int) -> np.ndarray:
    """Index of each entry of an axis in the wider one; shape (size,).

    An axis that is several times the channels long (scalars, then the gates of each degree) is so many blocks, each
    padded at its end. Any other is one block. The choice rests on the sizes alone, so that an output axis and the
    input axis it feeds always agree.
    """
    blocks = size // channels if size % channels == 0 and size * wide_channels == width * channels else 1
    return (np.arange(blocks)[:, None] * (width // blocks) + np.arange(size // blocks)[None, :]).reshape(-1)
