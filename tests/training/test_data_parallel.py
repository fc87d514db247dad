"""A step over several batches is the mean of them, however many devices share it."""

import jax
import jax.numpy as jnp
import numpy as np
import population_case as case_lib
import pytest

from h2scale.training import data_parallel
from h2scale.training import population as population_lib


def next_batch(cursor):
    """Batch k holds the number k + 1; the cursor moves by one."""
    return cursor + 1, (cursor + 1).astype(jnp.float32)


def square(batch):
    return batch**2, {"w": 2 * batch}


@pytest.mark.parametrize("batches", [1, 4])
def test_step_takes_the_mean_of_consecutive_batches(batches):
    split = data_parallel.Split(batches, 1)
    cursor, (loss, gradient) = data_parallel.mean_over_batches(square, next_batch, jnp.int32(2), split)
    values = np.arange(3, 3 + batches)
    assert cursor == 2 + batches
    np.testing.assert_allclose(loss, np.mean(values**2.0), rtol=1e-7)
    np.testing.assert_allclose(gradient["w"], np.mean(2.0 * values), rtol=1e-7)


def test_devices_share_the_batches_and_agree_on_the_mean():
    if jax.device_count() < 2:
        pytest.skip(
            "needs two devices: JAX_NUM_CPU_DEVICES=2; tests/runtime/test_distributed.py runs it over two processes"
        )
    mesh = population_lib.make_mesh(jax.devices()[:2], data_parallel_devices=2)
    split = data_parallel.Split(4, 2)

    def step(cursor):
        return data_parallel.mean_over_batches(square, next_batch, cursor, split)

    everywhere = jax.sharding.PartitionSpec()
    shared = jax.shard_map(step, mesh=mesh, in_specs=everywhere, out_specs=everywhere, check_vma=False)
    cursor, (loss, gradient) = jax.jit(shared)(jnp.int32(2))
    values = np.arange(3.0, 7.0)
    assert cursor == 6
    np.testing.assert_allclose(loss, np.mean(values**2), rtol=1e-7)
    np.testing.assert_allclose(gradient["w"], np.mean(2 * values), rtol=1e-7)


def test_two_batches_a_step_differ_from_one_and_consume_twice_the_stream():
    population = case_lib.make_population(num_train=(20,), rungs=("stretched",), seeds=(0,))
    one, two = (
        case_lib.trained(
            case_lib.assemble(population, study=case_lib.study(batches_per_step=batches)),
            calls=1,
        )
        for batches in (1, 2)
    )
    assert two.step == one.step
    assert two.cursor[0] > 1.5 * one.cursor[0]
    assert two.finite.all()
    assert not np.array_equal(one.params, two.params)


def test_devices_that_cannot_be_divided_are_refused():
    with pytest.raises(ValueError, match=r"devices.data_parallel must divide the number of devices \(1\); got 2"):
        population_lib.make_mesh(jax.devices()[:1], data_parallel_devices=2)
