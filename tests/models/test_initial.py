"""All parameters drawn at once are those that the networks' own initialisers draw one by one."""

import jax
import model_cases
import numpy as np
import pytest

from h2scale.models import potential

own_initial = jax.jit(potential.own_initial, static_argnums=0)


def settings(name, conditioning, electrostatics="none"):
    l_max = 1 if name == "nequip" else 0
    return model_cases.make_settings(
        name=name,
        l_max=l_max,
        num_features=32,
        radial_hidden=(64, 64),
        conditioning=conditioning,
        electrostatics=electrostatics,
    )


@pytest.mark.parametrize(
    ("conditioning", "electrostatics"), [("none", "none"), ("charge_spin", "none"), ("spin", "equilibrated")]
)
@pytest.mark.parametrize("name", ["nequip", "schnet"])
def test_every_number_is_that_of_the_networks_own_initialisers(name, conditioning, electrostatics):
    chosen = settings(name, conditioning, electrostatics)
    key = jax.random.key(1)
    expected = jax.tree.leaves_with_path(own_initial(chosen, key))
    drawn = dict(jax.tree.leaves_with_path(jax.jit(potential.make_potential(chosen).init)(key)))
    assert set(drawn) == {path for path, _ in expected}
    for path, wanted in expected:
        assert drawn[path].dtype == wanted.dtype
        np.testing.assert_array_equal(drawn[path], wanted, err_msg=str(path))


def test_a_mapped_key_draws_what_it_draws_alone():
    init = jax.jit(potential.make_potential(settings("nequip", "none")).init)
    keys = jax.random.split(jax.random.key(5), 3)
    together = jax.jit(jax.vmap(init))(keys)
    for place, key in enumerate(keys):
        jax.tree.map(np.testing.assert_array_equal, jax.tree.map(lambda leaf, p=place: leaf[p], together), init(key))
