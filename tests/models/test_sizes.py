"""Parameter counts and settings that grow together."""

import jax
import model_cases

from h2scale.models import potential, sizes


def test_count_of_a_scalar_nequip_matches_a_count_by_hand():
    settings = model_cases.make_settings(l_max=0, num_layers=1, num_features=3, radial_hidden=(6,), num_radial=4)
    params = potential.make_potential(settings).init(jax.random.key(0))
    embedding, linear_up, radial, linear_down, readout = 3 * 3, 3 * 3, 4 * 6 + 6 * 3, 3 * 3, 3
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == embedding + linear_up + radial + linear_down + readout


def test_with_features_scales_the_radial_network_too():
    wider = sizes.with_features(model_cases.make_settings(radial_hidden=(6, 6)), 16)
    assert (wider.num_features, wider.radial_hidden) == (16, (32, 32))
    assert sizes.with_features(wider, 5, hidden_per_feature=0.5).radial_hidden == (2, 2)
