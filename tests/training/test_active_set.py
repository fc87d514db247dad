"""Narrowing the active set changes what is on the devices, and no replica's numbers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import population_case as case_lib
import pytest

from h2scale.study import replicas
from h2scale.training import active_set, trainer


class Store:
    """Checkpoints in memory."""

    def __init__(self):
        self.saved = {}

    def latest_step(self):
        return max(self.saved, default=None)

    def save(self, training_step, state, metadata):
        self.saved[training_step] = jax.tree.map(np.asarray, state), metadata

    def restore(self, training_step, like):
        state, metadata = self.saved[training_step]
        return jax.device_put(state, jax.tree.map(lambda leaf: leaf.sharding, like)), metadata


POPULATION = case_lib.make_population(num_train=(20,), rungs=("stretched",), seeds=(0, 1), steps=(10, 20, 40))


@functools.cache
def assembled():
    return case_lib.assemble(POPULATION)


def train(store, steps_per_checkpoint, seen=None, evaluate=None):
    case, slots = assembled(), []

    def advance(state, inputs, table):
        slots.append(len(inputs.seed))
        return case.programs.advance(state, inputs, table)

    outcome = trainer.train_population(
        case.programs._replace(advance=advance, evaluate=evaluate or case.programs.evaluate),
        case.inputs,
        case.materials,
        case.settings,
        steps_per_checkpoint=steps_per_checkpoint,
        store=store,
        metadata=replicas.metadata(POPULATION),
        on_progress=lambda steps, observation: seen.append((steps, observation)) if seen is not None else None,
    )
    return outcome, slots


@pytest.fixture(scope="module")
def without_narrowing():
    store = Store()
    outcome, slots = train(store, steps_per_checkpoint=40)
    assert slots == [6] * 8
    return outcome, store.saved[40][0]


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_finished_replicas_leave_the_devices_and_results_stay_bit_by_bit(without_narrowing):
    expected, expected_state = without_narrowing
    store, seen = Store(), []
    outcome, slots = train(store, steps_per_checkpoint=10, seen=seen)
    # Two replicas end after 10 steps and two after 20; the remaining four and two fill powers of two.
    assert slots == [6, 6, 4, 4, 2, 2, 2, 2]
    same(outcome._replace(seconds=0.0), expected._replace(seconds=0.0))
    same(store.saved[40][0], expected_state)
    assert [steps for steps, _ in seen] == [30, 30, 20, 20, 10, 10, 10, 10]
    assert all(np.isfinite(energies).all() for energies in seen[-1][1].energies.values())
    evaluations = np.isfinite(outcome.history[:, :, 0]).sum(axis=1)
    assert evaluations.tolist() == [1, 1, 2, 2, 4, 4]


def test_resumed_after_narrowing_is_the_same(without_narrowing):
    expected, expected_state = without_narrowing
    store = Store()
    train(store, steps_per_checkpoint=10)
    for later in (30, 40):
        del store.saved[later]
    outcome, slots = train(store, steps_per_checkpoint=10)
    assert slots == [2] * 4
    same(outcome._replace(seconds=0.0), expected._replace(seconds=0.0))
    same(store.saved[40][0], expected_state)


def test_kept_step_is_that_of_the_lowest_validation_loss(without_narrowing):
    """With the losses as they are, and with others in which the second evaluation is the best."""
    losses = []

    def evaluate(*arguments, made_up=None):
        found = assembled().programs.evaluate(*arguments)
        validation = arguments[3] is assembled().materials.validation
        if made_up is not None and validation:
            value = jnp.full_like(found.errors.loss, made_up[len(losses)])
            found = found._replace(errors=found.errors._replace(loss=value))
        if validation:
            losses.append(np.asarray(found.errors.loss))
        return found

    outcome, _ = train(Store(), steps_per_checkpoint=40, evaluate=evaluate)
    same(outcome._replace(seconds=0.0), without_narrowing[0]._replace(seconds=0.0))
    of_own = [np.array(losses)[: spec.steps // 10, place] for place, spec in enumerate(POPULATION.replicas)]
    assert outcome.kept_step.tolist() == [10 * (int(np.argmin(own)) + 1) for own in of_own]

    losses.clear()
    store = Store()
    outcome, _ = train(store, 10, evaluate=functools.partial(evaluate, made_up=(3.0, 1.0, 2.0, 4.0)))
    assert outcome.kept_step.tolist() == [min(spec.steps, 20) for spec in POPULATION.replicas]
    longest = [place for place, spec in enumerate(POPULATION.replicas) if spec.steps == 40]
    at = {step: state for step, (state, _) in store.saved.items()}
    np.testing.assert_array_equal(at[40].best_params[longest], at[20].averaged_params[longest])
    assert (at[40].averaged_params[longest] != at[20].averaged_params[longest]).any()


def test_active_set_is_left_alone_until_half_of_it_can_go():
    case = assembled()
    active = active_set.whole(case.programs.init(case.inputs), case.inputs)
    assert active_set.narrow(active, num_shards=1) is active
    finished = active._replace(state=active.state.replace(finite=active.state.finite.at[0].set(False)))
    assert active_set.narrow(finished, num_shards=1) is finished  # five would need eight slots
    nothing_left = active._replace(state=active.state.replace(finite=active.state.finite & False))
    assert active_set.narrow(nothing_left, num_shards=1) is nothing_left
