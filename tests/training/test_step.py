"""The stream of batches, and one golden training step."""

import jax
import jax.numpy as jnp
import numpy as np
import population_case as case_lib

from h2scale.training import step


def inputs(num_train=5, seed=0):
    order = jnp.array([40, 10, 30, 20, 50, 7, 8, 9], jnp.int32)
    return step.ReplicaInputs(
        seed=jnp.asarray(seed, jnp.int32),
        learning_rate=jnp.asarray(0.01, jnp.float32),
        weight_decay=jnp.asarray(0.0, jnp.float32),
        steps=jnp.asarray(20, jnp.int32),
        order=order,
        num_train=jnp.asarray(num_train, jnp.int32),
        rung=jnp.asarray(0, jnp.int32),
        active=jnp.asarray(True),
        width=jnp.asarray(0, jnp.int32),
        weight_scale=None,
    )


def test_stream_draws_from_the_prefix_and_nothing_else():
    drawn = np.asarray(step.draw_indices(inputs(), jnp.asarray(0), 2000))
    assert set(drawn.tolist()) == {40, 10, 30, 20, 50}
    counts = np.array([np.sum(drawn == index) for index in (40, 10, 30, 20, 50)])
    # 400 expected each, standard deviation 18.
    assert np.abs(counts - 400).max() < 5 * 18


def test_stream_does_not_depend_on_where_batches_end():
    whole = np.asarray(step.draw_indices(inputs(), jnp.asarray(0), 12))
    parts = [np.asarray(step.draw_indices(inputs(), jnp.asarray(start), 4)) for start in (0, 4, 8)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_stream_depends_on_the_seed():
    one, other = (np.asarray(step.draw_indices(inputs(seed=seed), jnp.asarray(0), 50)) for seed in (0, 1))
    assert (one != other).any()


def test_golden_step():
    case = case_lib.assemble(case_lib.make_population(num_train=(20,), rungs=("stretched",), seeds=(0,)))
    replica = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)[0]), case.inputs)
    first = case_lib.first_state(case, replica)
    train_step = step.make_train_step(case.potential, case.settings.training, case.settings.capacity)
    state = jax.jit(train_step)(first, replica, case.materials.table)
    found = {
        "loss": float(state.train_loss_sum),
        "norm of the parameters": float(jnp.linalg.norm(state.params)),
        "length of the step": float(jnp.linalg.norm(state.params - first.params)),
        "structures taken": int(state.cursor),
    }
    expected = {
        "loss": 9.669308,
        "norm of the parameters": 7.136064,
        "length of the step": 0.03162277,
        "structures taken": 4,
    }
    for name, value in expected.items():
        # Float32 sums differ in their last digits from one XLA to the next.
        assert abs(found[name] - value) <= 2e-4 * abs(value), (
            f"{name} of the first training step is {found[name]!r}, it was {value!r}. Every published number moves "
            "with it: update the value only with a change that is meant to alter training, and say so in CHANGELOG.md."
        )
