"""Repacking changes what is on the devices, and no replica's numbers."""

import functools

import jax
import numpy as np
import population_case as case_lib
import pytest

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


POPULATION = {"num_train": (20,), "rungs": ("stretched",), "seeds": (0, 1), "step_counts": (10, 20, 40)}


@functools.cache
def assembled():
    return case_lib.assemble(case_lib.make_population(**POPULATION))


def train(store, steps_per_checkpoint, seen=None):
    case, lanes = assembled(), []

    def advance(state, inputs, table):
        lanes.append(len(inputs.seed))
        return case.programs.advance(state, inputs, table)

    outcome = trainer.train_population(
        case.programs._replace(advance=advance),
        case.inputs,
        case.materials,
        steps_per_call=5,
        steps_per_evaluation=10,
        steps_per_checkpoint=steps_per_checkpoint,
        store=store,
        metadata={},
        on_progress=lambda steps, observation: seen.append((steps, observation)) if seen is not None else None,
    )
    return outcome, lanes


@pytest.fixture(scope="module")
def without_repacking():
    store = Store()
    outcome, lanes = train(store, steps_per_checkpoint=40)
    assert lanes == [6] * 8
    return outcome, store.saved[40][0]


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_finished_replicas_leave_the_devices_and_results_stay_bit_by_bit(without_repacking):
    expected, expected_state = without_repacking
    store, seen = Store(), []
    outcome, lanes = train(store, steps_per_checkpoint=10, seen=seen)
    # Two replicas end after 10 steps and two after 20; the remaining four and two fill powers of two.
    assert lanes == [6, 6, 4, 4, 2, 2, 2, 2]
    same(outcome._replace(seconds=0.0), expected._replace(seconds=0.0))
    same(store.saved[40][0], expected_state)
    assert [steps for steps, _ in seen] == [30, 30, 20, 20, 10, 10, 10, 10]
    assert all(np.isfinite(energies).all() for energies in seen[-1][1].energies.values())
    evaluations = np.isfinite(outcome.history[:, :, 0]).sum(axis=1)
    assert evaluations.tolist() == [1, 1, 2, 2, 4, 4]


def test_resumed_after_a_repack_is_the_same(without_repacking):
    expected, expected_state = without_repacking
    store = Store()
    train(store, steps_per_checkpoint=10)
    for later in (30, 40):
        del store.saved[later]
    outcome, lanes = train(store, steps_per_checkpoint=10)
    assert lanes == [2] * 4
    same(outcome._replace(seconds=0.0), expected._replace(seconds=0.0))
    same(store.saved[40][0], expected_state)


def test_pack_is_left_alone_until_half_of_it_can_go():
    case = assembled()
    pack = active_set.whole(case.programs.init(case.inputs), case.inputs)
    assert active_set.repack(pack, num_shards=1) is pack
    finished = pack._replace(state=pack.state.replace(finite=pack.state.finite.at[0].set(False)))
    assert active_set.repack(finished, num_shards=1) is finished  # five would need eight lanes
    nothing_left = pack._replace(state=pack.state.replace(finite=pack.state.finite & False))
    assert active_set.repack(nothing_left, num_shards=1) is nothing_left
