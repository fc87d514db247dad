"""All parameters drawn at once follow the distributions that the networks' own initialisers have."""

import jax
import jax.numpy as jnp
import model_cases
import numpy as np
import pytest

from h2scale.models import initial, nequip, potential, schnet

NETWORKS = {"nequip": nequip.NequIP, "schnet": schnet.SchNet}


def settings(name, conditioning):
    l_max = 2 if name == "nequip" else 0
    return model_cases.make_settings(
        name=name, l_max=l_max, num_features=32, radial_hidden=(64, 64), conditioning=conditioning
    )


def own_initialisers(chosen):
    graph = potential._smallest_graph()
    vectors = graph.positions[graph.receivers] - graph.positions[graph.senders]
    return NETWORKS[chosen.name](chosen).init(jax.random.key(1), vectors, graph)["params"]


@pytest.mark.parametrize("conditioning", ["none", "charge_spin"])
@pytest.mark.parametrize("name", ["nequip", "schnet"])
def test_every_array_has_the_shape_and_distribution_of_its_own_initialiser(name, conditioning):
    chosen = settings(name, conditioning)
    expected = jax.tree.leaves_with_path(own_initialisers(chosen))
    drawn = dict(jax.tree.leaves_with_path(potential.make_potential(chosen).init(jax.random.key(0))))
    assert set(drawn) == {path for path, _ in expected}
    for path, wanted in expected:
        found = drawn[path]
        assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
        if not jnp.any(wanted):
            assert not jnp.any(found), path
            continue
        # The standard deviation of n draws is good to about 1 / sqrt(2 n); five of those.
        tolerance = 5 * np.sqrt(1 / wanted.size)
        assert float(jnp.std(found) / jnp.std(wanted)) == pytest.approx(1, abs=tolerance), path
        assert abs(float(jnp.mean(found))) < tolerance * float(jnp.std(wanted)), path
        # Uniform draws end where they should, normal ones have tails.
        if wanted.size > 500:
            assert (jnp.abs(found).max() < 2 * jnp.std(found)) == (jnp.abs(wanted).max() < 2 * jnp.std(wanted)), path


def test_no_number_is_used_twice_and_the_key_decides():
    shapes = potential.param_shapes(settings("schnet", "charge_spin"))
    first, same, other = (initial.draw(shapes, jax.random.key(seed)) for seed in (0, 0, 1))
    numbers = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(first) if jnp.any(leaf)])
    assert len(np.unique(numbers)) > 0.99 * len(numbers)  # float32 has collisions of its own
    for one, again, another in zip(*map(jax.tree.leaves, (first, same, other)), strict=True):
        np.testing.assert_array_equal(one, again)
        assert not jnp.any(one) or jnp.any(one != another)
