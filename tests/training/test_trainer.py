"""The work of a step is counted for one replica, however many are computed together."""

import concurrent.futures

import population_case as case_lib
import pytest

from h2scale.training import trainer


class Idle(concurrent.futures.Executor):
    """Takes programs to compile and compiles none."""

    def submit(self, *_, **__):
        return concurrent.futures.Future()


def counts(replicas_at_once, **axes):
    """Operations of a step as a study's rows take them, and as counted for a program that is not compiled."""
    study = case_lib.study(replicas_at_once)
    case = case_lib.assemble(case_lib.make_population(rungs=("stretched",), **axes), study=study)
    compiled = trainer.compile_programs(case.programs, case.inputs, case.materials, case.settings, Idle())
    return compiled.flops_per_step, trainer.flops_per_step(case.programs, case.inputs, case.materials)


@pytest.fixture(scope="module")
def alone():
    first, second = counts(1, num_train=(20,), seeds=(0,))
    assert first == second > 1e5
    return first


def test_operations_do_not_grow_with_the_population(alone):
    assert counts(1) == (alone, alone)


@pytest.mark.parametrize("replicas_at_once", [2, 3, 4])  # of four replicas: three leave a group of one
def test_operations_do_not_grow_with_the_replicas_computed_together(replicas_at_once, alone):
    first, second = counts(replicas_at_once)
    assert first == second
    # Vectorised, whether a replica goes on is a choice between two states, which is work, instead of a branch.
    assert alone <= first < 1.005 * alone
