"""A narrow model in the parameter vector of a wide one is the narrow model, and nothing else can get in."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import model_cases
import numpy as np
import pytest

from h2scale.models import flat, sizes, widths
from h2scale.models import potential as potential_lib

WIDTHS = (2, 3, 5)


def models(name):
    """Models of several widths; `charged` is NequIP with partial charges."""
    family = "schnet" if name == "schnet" else "nequip"
    settings = model_cases.make_settings(name=family, l_max=1 if name == "nequip" else 0, num_radial=4)
    settings = dataclasses.replace(settings, conditioning="charge_spin", isolated_atom_exact=False)
    if name == "charged":
        settings = dataclasses.replace(settings, electrostatics="equilibrated")
    return [sizes.with_features(settings, width) for width in WIDTHS]


def flat_potential(settings):
    return flat.flat_potential(potential_lib.make_potential(settings))


@functools.cache
def gradient_and_values(settings):
    """A compiled program for (params, scale, graph), which two tests of one wide model share."""
    potential = flat_potential(settings)

    def value(params, scale, graph):
        energy, forces = potential.energy_and_forces(params * scale, graph)
        return jnp.sum(energy**2) + jnp.sum(forces**2), (energy, forces)

    return jax.jit(jax.grad(value, has_aux=True))


@pytest.mark.parametrize("name", ["nequip", "schnet"])
def test_initial_weights_are_the_narrow_models_own_bit_by_bit(name):
    family = models(name)[::2]
    keys = jax.random.split(jax.random.key(3), len(family))
    mapped = jax.jit(jax.vmap(lambda key, width: widths.initial(family, key, width)))(keys, jnp.arange(len(family)))
    for place, settings in enumerate(family):
        stands = widths.places(settings, family[-1])
        alone = jax.jit(flat_potential(settings).init)(keys[place])
        assert len(set(stands.tolist())) == len(alone) == widths.num_params(settings)
        np.testing.assert_array_equal(mapped[place][stands], alone)
        assert not np.delete(np.asarray(mapped[place]), stands).any()


@pytest.mark.parametrize(("name", "place"), [*itertools.product(["nequip", "schnet"], [0, 1]), ("charged", 0)])
def test_scaled_vector_gives_the_narrow_models_energies_forces_and_gradients(name, place):
    family = models(name)
    narrow, wide = family[place], family[-1]
    structures = [model_cases.cluster(seed, num_atoms) for seed, num_atoms in ((0, 5), (1, 3))]
    graph = model_cases.make_graph(structures, charge=[1.0, 0.0], spin_multiplicity=[2.0, 1.0])
    own = jax.random.normal(jax.random.key(1), (widths.num_params(narrow),), jnp.float64)
    stands, scale = widths.places(narrow, wide), jnp.asarray(widths.scales(narrow, wide), jnp.float64)
    # What stands in the other places has no effect; in a run it is zero.
    vector = jax.random.normal(jax.random.key(2), scale.shape, jnp.float64).at[stands].set(own)

    own_gradient, own_values = gradient_and_values(narrow)(own, jnp.ones_like(own), graph)
    gradient, values = gradient_and_values(wide)(vector, scale, graph)
    # Scales are stored in float32.
    for one, other in zip(values, own_values, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6 * float(jnp.abs(other).max()))
    np.testing.assert_allclose(
        gradient[stands], own_gradient, rtol=1e-5, atol=1e-5 * float(jnp.abs(own_gradient).max())
    )
    assert not np.delete(np.asarray(gradient), stands).any()
    # The check can fail: without the mask the other places are heard.
    _, unmasked = gradient_and_values(wide)(vector, jnp.ones_like(scale), graph)
    assert float(jnp.abs(unmasked[0] - own_values[0]).max()) > 1e-2


def test_fan_in_is_the_narrow_models():
    narrow, wide = models("nequip")[0], models("nequip")[-1]
    scale = widths.scales(narrow, wide)
    # Species tables and first radial layers have no fan-in that widens; channels and hidden units widen 2.5 times.
    assert set(np.round(scale, 5).tolist()) == {0.0, 1.0, np.round(np.float32(2.5**0.5), 5)}
    assert set(widths.scales(*[models("schnet")[place] for place in (0, -1)]).tolist()) == {0.0, 1.0}


def test_models_of_one_program_differ_in_width_alone():
    narrow, middle, wide = models("nequip")
    assert widths.widest([wide, narrow, middle]) == wide
    with pytest.raises(ValueError, match="must be alike but for their width"):
        widths.widest([dataclasses.replace(narrow, cutoff=4.0), wide])
    with pytest.raises(ValueError, match=r"model.radial_hidden \(99,\) of 2 features must fit into"):
        widths.widest([dataclasses.replace(narrow, radial_hidden=(99,)), wide])
