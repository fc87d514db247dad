"""A family of models in one new file and one line of the registry is trained, tabled and loaded like any other."""

import jax
import jax.numpy as jnp
import model_cases
import numpy as np
import pytest
import symmetry

import h2scale
from h2scale import config as config_lib
from h2scale import runner
from h2scale.models import families, potential
from h2scale.runtime import tables


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(families.MODULES, "toy", "toy_family")


def smoke():
    """The smoke study with the new family as its only arm, and a few steps."""
    config = config_lib.default()
    config.experiment, config.size = "scaling", "smoke"
    config.arms = {"toy": {"model": {"name": "toy", "l_max": 0}}}
    config.grid.update({"num_features": (4,), "num_train": (60,), "rungs": ("equilibrium",)})
    config.train.update({"steps": 20, "steps_per_call": 10})
    config.eval.every = config.checkpoint.every = 20
    config.report.num_bootstrap = 100
    config.devices.compile_cache = False
    return config_lib.resolve(config)


def test_a_new_family_trains_in_the_smoke_study(toy, tmp_path):
    runner.run(smoke(), str(tmp_path))
    replicas = tables.read_table(tmp_path / "replicas.csv")
    assert replicas["model"].tolist() == ["toy", "toy"]
    assert replicas["finite"].all()
    # Gaussians to channels and channels to a weight, with biases, and a factor for each of five species.
    assert replicas["num_params"].tolist() == [(8 + 1) * 4 + (4 + 1) + 5] * 2
    assert np.isfinite(tables.read_table(tmp_path / "curves.csv")["energy_ev"]).all()
    assert "</html>" in (tmp_path / "report.html").read_text()
    replica = h2scale.load_replica(tmp_path, replicas["replica_id"][0])
    energy = replica.energy([1, 1], np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]]))
    assert np.isfinite(energy)
    assert energy != 0


def test_its_own_initialisers_draw_its_parameters(toy):
    settings = model_cases.make_settings(name="toy", l_max=0)
    params = jax.jit(potential.make_potential(settings).init)(jax.random.key(0))
    np.testing.assert_array_equal(params["factor"], 1.0)
    for drawn, own in zip(
        jax.tree.leaves(params),
        jax.tree.leaves(jax.jit(potential.own_initial, static_argnums=0)(settings, jax.random.key(0))),
        strict=True,
    ):
        np.testing.assert_allclose(drawn, own, rtol=1e-6)


def test_it_gets_forces_padding_and_isolated_atoms_from_the_interface(toy):
    model = potential.make_potential(model_cases.make_settings(name="toy", l_max=0))
    params = model_cases.random_params(model)
    graph = model_cases.make_graph([model_cases.cluster(0, 4), ([8], np.zeros((1, 3)))], size=(7, 16, 3))
    compute = jax.jit(model.energy_and_forces)
    symmetry.assert_invariant(lambda r: compute(params, graph._replace(positions=r)), graph.positions)
    energy, forces = compute(params, graph)
    assert jnp.abs(energy[0]) > 1e-3
    np.testing.assert_array_equal(energy[1:], 0.0)
    np.testing.assert_array_equal(forces[4:], 0.0)


def test_a_family_states_what_it_requires(toy):
    with pytest.raises(ValueError, match=r"model.l_max must be 0 for toy, which has only scalars; got 1"):
        model_cases.make_settings(name="toy", l_max=1)
    with pytest.raises(ValueError, match=r"model.num_radial must be at least 2 for toy; got 1"):
        model_cases.make_settings(name="toy", l_max=0, num_radial=1)
