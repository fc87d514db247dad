"""The stream of batches, and one golden training step."""

import jax
import jax.numpy as jnp
import numpy as np
import population_case as case_lib
import pytest

from h2scale.training import step


def inputs(num_train=5, seed=0, num_pinned=0, pinned_share=0.0):
    order = jnp.array([40, 10, 30, 20, 50, 7, 8, 9], jnp.int32)
    return step.ReplicaInputs(
        seed=jnp.asarray(seed, jnp.int32),
        learning_rate=jnp.asarray(0.01, jnp.float32),
        weight_decay=jnp.asarray(0.0, jnp.float32),
        steps=jnp.asarray(20, jnp.int32),
        order=order,
        num_train=jnp.asarray(num_train, jnp.int32),
        num_pinned=jnp.asarray(num_pinned, jnp.int32),
        pinned_share=jnp.asarray(pinned_share, jnp.float32),
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


def shares(num_train, number=20_000, **pinned):
    """Share of the draws of each structure of the order."""
    own = inputs(num_train, **pinned)
    drawn = np.asarray(step.draw_indices(own, jnp.asarray(0), number))
    return np.array([np.mean(drawn == index) for index in np.asarray(own.order)])


def assert_pinned_take_their_share(found, num_train, num_pinned, share, number=20_000):
    """The pinned structures take `share` evenly, the others of the training set the rest evenly, nothing else any."""
    expected = np.zeros(len(found))
    expected[:num_pinned] = share / max(num_pinned, 1)
    expected[num_pinned:num_train] = (1 - share) / (num_train - num_pinned)
    # Five standard deviations of a binomial.
    far = np.abs(found - expected) > 5 * np.sqrt(expected * (1 - expected) / number)
    assert not far.any(), f"structures take {found} of the draws, not {expected}"


@pytest.mark.parametrize("num_train", [3, 5, 8])
def test_pinned_structures_take_their_share_at_every_size(num_train):
    found = shares(num_train, num_pinned=2, pinned_share=0.1)
    assert_pinned_take_their_share(found, num_train, 2, 0.1)


def test_without_pinned_structures_all_are_drawn_evenly():
    assert_pinned_take_their_share(shares(5), 5, 0, 0.0)


@pytest.mark.parametrize(
    ("num_train", "pinned"),
    [
        (8, {}),  # a draw from the whole prefix: the share of a pinned structure falls as the set grows
        (8, {"num_pinned": 2, "pinned_share": 0.13}),
        (8, {"num_pinned": 3, "pinned_share": 0.1}),
        (5, {"num_pinned": 2, "pinned_share": 0.1}),
    ],
    ids=["evenly", "another share", "one more", "another size"],
)
def test_another_share_of_the_draws_is_caught(num_train, pinned):
    with pytest.raises(AssertionError, match="of the draws"):
        assert_pinned_take_their_share(shares(num_train, **pinned), 8, 2, 0.1)


def test_stream_does_not_depend_on_where_batches_end():
    whole = np.asarray(step.draw_indices(inputs(), jnp.asarray(0), 12))
    parts = [np.asarray(step.draw_indices(inputs(), jnp.asarray(start), 4)) for start in (0, 4, 8)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_stream_depends_on_the_seed():
    one, other = (np.asarray(step.draw_indices(inputs(seed=seed), jnp.asarray(0), 50)) for seed in (0, 1))
    assert (one != other).any()


def test_growing_training_set_draws_the_same_pinned_structures_at_the_same_places():
    small, large = (
        np.asarray(step.draw_indices(inputs(size, num_pinned=2, pinned_share=0.1), jnp.asarray(0), 500))
        for size in (5, 8)
    )
    np.testing.assert_array_equal(small[np.isin(small, (40, 10))], large[np.isin(large, (40, 10))])
    np.testing.assert_array_equal(np.isin(small, (40, 10)), np.isin(large, (40, 10)))


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
        "loss": 9.170313,
        "norm of the parameters": 7.136276,
        "length of the step": 0.03162277,
        "structures taken": 3,
    }
    for name, value in expected.items():
        # Float32 sums differ in their last digits from one XLA to the next.
        assert abs(found[name] - value) <= 2e-4 * abs(value), (
            f"{name} of the first training step is {found[name]!r}, it was {value!r}. Every published number moves "
            "with it: update the value only with a change that is meant to alter training, and say so in CHANGELOG.md."
        )
