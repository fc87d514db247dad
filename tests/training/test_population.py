"""A population is its replicas: mapping, company, devices and divergence change no replica's numbers."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import population_case as case_lib
import population_devices
import pytest

from h2scale.evaluation import held_out
from h2scale.models import sizes, widths
from h2scale.training import population as population_lib
from h2scale.training import step


@pytest.fixture(scope="module")
def trained_population():
    population = case_lib.make_population()
    case = case_lib.assemble(population)
    return population, case, case_lib.trained(case, calls=3)


def assert_same(one, other, **tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), one, other)


def test_replica_equals_the_same_replica_trained_alone(trained_population):
    population, _, state = trained_population
    place = next(i for i, spec in enumerate(population.replicas) if spec.num_train == 20 and spec.rung == "stretched")
    spec = population.replicas[place]
    alone = case_lib.make_population(num_train=(spec.num_train,), rungs=(spec.rung,), seeds=(spec.seed,))
    assert alone.replicas == (spec,)
    state_alone = case_lib.trained(case_lib.assemble(alone), calls=3)
    # One after another on one device is the same arithmetic: no tolerance.
    assert_same(case_lib.one(state, place), case_lib.one(state_alone, 0), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["nequip", "schnet"])
def test_replica_of_any_width_trains_as_it_does_alone_and_unpadded(name):
    settings = dataclasses.replace(
        case_lib.SETTINGS, name=name, l_max=1 if name == "nequip" else 0, num_layers=2, radial_hidden=(4, 4)
    )
    narrow, wide = models = [sizes.with_features(settings, width) for width in (2, 5)]
    study = case_lib.study(steps_per_call=1, every=100, steps=100, weight_decay=0.1)

    def losses(models):
        population = case_lib.make_population(models, study.arms[0].training, num_train=(20,), seeds=(1,))
        case = case_lib.assemble(population, study=study)
        state, trace = case.programs.init(case.inputs), []
        for _ in range(100):
            state = state.replace(train_loss_sum=jnp.zeros_like(state.train_loss_sum))
            state = case.programs.advance(state, case.inputs, case.materials.table)
            trace.append(np.asarray(state.train_loss_sum))
        return population.replicas, np.array(trace), np.asarray(state.params)

    replicas, together, params = losses(models)
    assert (together[:20].mean(axis=0) > 1.1 * together[-20:].mean(axis=0)).all(), (
        "nothing was learned: this test checks nothing"
    )
    own, alone, params_alone = losses([narrow])  # the widest has no padding
    assert {spec.rung for spec in own} == {"equilibrium", "stretched"}
    stands = widths.places(narrow, wide)
    for number, spec in enumerate(own):
        place = replicas.index(spec)
        # Absolutely too: a loss near zero is what float32 leaves of energies of about 1 eV.
        np.testing.assert_allclose(together[:, place], alone[:, number], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(params[place][stands], params_alone[number], atol=1e-5)
        assert not np.delete(params[place], stands).any()


@pytest.fixture(scope="module")
def two_lengths():
    """Two weight decays and two lengths of training in one program."""
    axes = {"num_train": (20,), "rungs": ("stretched",), "seeds": (0,)}
    population = case_lib.make_population(**axes, weight_decays=(0.0, 0.5), steps=(10, 20))
    return axes, population, case_lib.assemble(population)


def test_weight_decay_and_number_of_steps_are_data(two_lengths):
    axes, population, case = two_lengths
    after_two, after_four = case_lib.trained(case, calls=2), case_lib.trained(case, calls=4)
    for place, spec in enumerate(population.replicas):
        if (spec.weight_decay, spec.steps) in ((0.0, 20), (0.5, 10)):
            fixed = dataclasses.replace(case_lib.TRAINING, weight_decay=spec.weight_decay, steps=spec.steps)
            alone = case_lib.assemble(case_lib.make_population(training=fixed, **axes))
            expected = case_lib.trained(alone, calls=spec.steps // 5)
            assert_same(case_lib.one(after_four, place).params, case_lib.one(expected, 0).params, rtol=0, atol=0)
        assert after_four.step[place] == spec.steps
        if spec.steps == 10:  # finished: nothing of it changes any more
            assert_same(case_lib.one(after_two, place), case_lib.one(after_four, place), rtol=0, atol=0)
    assert len(set(np.linalg.norm(after_four.params, axis=1).tolist())) == len(population.replicas)


def test_last_row_of_a_finished_replica_stands_while_others_go_on(two_lengths):
    _, population, case = two_lengths
    state, rows = case.programs.init(case.inputs), []
    for _ in range(2):
        for _ in range(2):
            state = case.programs.advance(state, case.inputs, case.materials.table)
        evaluation = case.programs.evaluate(
            state.averaged_params,
            case.inputs.rung,
            case.materials.table,
            case.materials.validation,
            case.materials.references,
        )
        state = case.programs.record(state, evaluation)
        rows.append(np.array(state.history))
    for place, spec in enumerate(population.replicas):
        assert np.isfinite(rows[1][place, : spec.steps // 10, 0]).all()
        if spec.steps == 10:
            np.testing.assert_array_equal(rows[0][place], rows[1][place])
            assert np.isnan(rows[1][place, 1]).all()


def test_vectorised_replicas_equal_replicas_one_after_another(trained_population):
    population, _, state = trained_population
    together = case_lib.trained(case_lib.assemble(population, study=case_lib.study(replicas_at_once=4)), calls=3)
    # Batched products add in another order: float32 rounding grows over 15 steps of Adam.
    assert_same(state.params, together.params, rtol=2e-3, atol=2e-4)
    np.testing.assert_array_equal(state.cursor, together.cursor)


def test_one_step_takes_the_step_that_plain_functions_take(trained_population):
    _population, case, _ = trained_population
    inputs = case_lib.one(jax.tree.map(np.asarray, case.inputs), 1)
    state = case_lib.first_state(case, inputs)
    train_step = jax.jit(step.make_train_step(case.potential, case.settings.training, case.settings.capacity))
    for _ in range(case.settings.training.steps_per_call):
        state = train_step(state, inputs, case.materials.table)
    mapped = case_lib.trained(case, calls=1)
    assert_same(state.params, case_lib.one(mapped.params, 1), rtol=1e-4, atol=1e-6)


def test_same_seed_gives_same_numbers_and_other_seed_others(trained_population):
    population, case, state = trained_population
    again = case_lib.trained(case, calls=3)
    assert_same(state, again, rtol=0, atol=0)
    seeds = [spec.seed for spec in population.replicas]
    first, second = seeds.index(0), seeds.index(1)
    difference = jax.tree.map(lambda leaf: np.abs(leaf[first] - leaf[second]).max(), state.params)
    assert max(jax.tree.leaves(difference)) > 0.1


def test_diverging_replica_is_frozen_and_leaves_the_others_alone(trained_population):
    population, _, state = trained_population
    wild = case_lib.make_population(learning_rates=(0.01, 1e30))
    case = case_lib.assemble(wild)
    mixed = case_lib.trained(case, calls=3)
    for place, spec in enumerate(wild.replicas):
        finite = bool(mixed.finite[place])
        assert finite == (spec.learning_rate == 0.01)
        assert all(np.isfinite(leaf[place]).all() for leaf in jax.tree.leaves(mixed.params))
        if finite:
            twin = population.replicas.index(spec)
            assert_same(case_lib.one(state.params, twin), case_lib.one(mixed.params, place), rtol=0, atol=0)
        else:
            assert mixed.step[place] < 15


def test_inactive_replica_does_nothing(trained_population):
    _, case, _ = trained_population
    inputs = case.inputs._replace(active=case.inputs.active.at[0].set(False))
    state = case.programs.advance(case.programs.init(case.inputs), inputs, case.materials.table)
    assert int(state.step[0]) == 0
    assert int(state.step[1]) == case.settings.training.steps_per_call


def test_eight_devices_equal_one(trained_population, tmp_path):
    _, case, _ = trained_population
    script, file = Path(__file__).parent / "population_devices.py", tmp_path / "eight.npz"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    eight_devices = subprocess.Popen([sys.executable, str(script), "8", str(file)], env=environment)
    one = population_devices.results(case)
    assert eight_devices.wait() == 0
    eight = np.load(file)
    assert (one["devices"], eight["devices"]) == (1, 8)
    assert len(one["params"]) == 8
    for name in set(one) - {"devices"}:
        # XLA compiles the loop over a device's replicas for its length, and rounds as it has fused.
        np.testing.assert_allclose(eight[name], one[name], rtol=1e-5, atol=2e-6, err_msg=name)
    assert np.abs(one["params"][0] - one["params"][1]).max() > 0.1, "replicas are alike: their order is not checked"


def test_population_size_is_rounded_up_to_the_devices():
    assert population_lib.padded_size(5, 2) == 6
    assert population_lib.padded_size(6, 2) == 6


@pytest.fixture(scope="module")
def validated(trained_population):
    """Evaluation on the validation set after three calls."""
    _, case, state = trained_population
    return case.programs.evaluate(
        state.params, case.inputs.rung, case.materials.table, case.materials.validation, case.materials.references
    )


def structures_of(plans, rung):
    """Structures of a rung in the order of the plans' slots."""
    return np.concatenate([np.asarray(plan.indices[rung])[np.asarray(plan.take[rung])] for plan in plans])


def assert_every_structure_once(plans, rung, expected):
    np.testing.assert_array_equal(structures_of(plans, rung), expected)
    for plan in plans:
        # What compiles for one plan evaluates all.
        assert jax.tree.map(np.shape, plan) == jax.tree.map(np.shape, plans[0])


@pytest.mark.parametrize("rung", case_lib.ARM.grid.rungs)
def test_evaluation_plans_hold_every_held_out_structure_once(trained_population, rung):
    _, case, _ = trained_population
    place, divided = case_lib.ARM.grid.rungs.index(rung), case_lib.sources().divided
    test = held_out.test_structures(divided, rung)
    assert set(divided.side[test].tolist()) == {"test", "unseen"}
    assert_every_structure_once([case.materials.validation], place, divided.held_out(rung, "validation"))
    assert_every_structure_once(case.materials.test, place, test)


def test_test_set_larger_than_the_validation_set_takes_several_plans(trained_population):
    _, case, _ = trained_population
    assert len(case.materials.test) == 2
    with pytest.raises(AssertionError):  # the first alone is not the test set
        assert_every_structure_once(case.materials.test[:1], 1, structures_of(case.materials.test, 1))


def test_unseen_structures_are_in_no_validation_plan(trained_population):
    """So that no molecule outside the distribution decides which parameters are kept, whatever its error."""
    _, case, _ = trained_population
    divided = case_lib.sources().divided
    assert divided.indices("stretched", "unseen").size
    for rung in range(len(case_lib.ARM.grid.rungs)):
        assert set(divided.side[structures_of([case.materials.validation], rung)].tolist()) == {"validation"}
        assert "unseen" in divided.side[structures_of(case.materials.test, rung)]  # where they are


def test_validation_loss_is_the_mean_over_molecules_of_means_over_structures(trained_population, validated):
    population, case, _ = trained_population
    divided = case_lib.sources().divided
    for place, spec in enumerate(population.replicas):
        rung = int(case.inputs.rung[place])
        indices = structures_of([case.materials.validation], rung)
        take = np.asarray(case.materials.validation.take[rung])
        own = jax.tree.map(lambda values, place=place, take=take: np.float64(values[place])[take], validated.structures)
        names = [str(name) for name in divided.dataset.molecule[indices]]

        def by_hand(values, names=names):
            molecules = {name: [v for n, v in zip(names, values, strict=True) if n == name] for name in names}
            return np.mean([np.mean(of_one) for of_one in molecules.values()])

        # Sums of a few hundred float32 numbers in another order.
        np.testing.assert_allclose(validated.errors.loss[place], by_hand(own.loss), rtol=1e-5)
        energy = np.abs(own.energy)
        np.testing.assert_allclose(validated.errors.energy_mae_ev[place], by_hand(energy), rtol=1e-5)
        per_atom = energy / divided.dataset.n_atoms[indices]
        np.testing.assert_allclose(validated.errors.energy_mae_ev_per_atom[place], by_hand(per_atom), rtol=1e-5)
        np.testing.assert_allclose(validated.errors.force_mae_ev_per_angstrom[place], by_hand(own.force), rtol=1e-5)
        if spec.rung == "stretched":  # the control: a mean over structures is another number
            assert abs(np.mean(own.loss) / by_hand(own.loss) - 1) > 0.01


def test_errors_of_single_structures_are_those_of_the_potential(trained_population, validated):
    _, case, state = trained_population
    place = 0
    rung = int(case.inputs.rung[place])
    take = np.asarray(case.materials.validation.take[rung])
    found = np.asarray(validated.structures.energy[place])[take]
    energy_of = jax.jit(case.potential.energy)
    expected = []
    for index in structures_of([case.materials.validation], rung):
        graph, targets = _single(case, index)
        energy = energy_of(case_lib.one(state.params, place), graph)
        expected.append(float(energy[0] - targets.energy[0]))
    assert len(expected) > 10
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)  # float32


def test_history_records_and_best_parameters_are_kept(trained_population):
    _, case, _ = trained_population
    state = case.programs.init(case.inputs)
    for _ in range(2):
        state = case.programs.advance(state, case.inputs, case.materials.table)
    evaluation = case.programs.evaluate(
        state.averaged_params,
        case.inputs.rung,
        case.materials.table,
        case.materials.validation,
        case.materials.references,
    )
    averaged = jax.tree.map(np.asarray, state.averaged_params)
    recorded = case.programs.record(state, evaluation)
    history = np.asarray(recorded.history)
    column = population_lib.HISTORY_METRICS.index("h2_mae_ev")
    np.testing.assert_allclose(history[:, 0, column], evaluation.physics["h2_mae_ev"], rtol=1e-6)
    assert np.isnan(history[:, 1]).all()
    assert_same(recorded.best_params, averaged, rtol=0, atol=0)
    assert set(np.asarray(recorded.best_step).tolist()) == {10}
    worse = evaluation._replace(errors=evaluation.errors._replace(loss=evaluation.errors.loss + 1.0))
    recorded = jax.tree.map(np.asarray, recorded)
    kept = case.programs.record(
        jax.device_put(recorded, case.inputs.seed.sharding).replace(
            averaged_params=jax.tree.map(lambda leaf: leaf + 1, recorded.averaged_params),
            step=recorded.step + 10,
        ),
        worse,
    )
    assert_same(kept.best_params, averaged, rtol=0, atol=0)
    assert set(np.asarray(kept.best_step).tolist()) == {10}
    better = evaluation._replace(errors=evaluation.errors._replace(loss=evaluation.errors.loss - 1.0))
    moved = case.programs.record(
        jax.device_put(recorded, case.inputs.seed.sharding).replace(step=jnp.asarray(recorded.step + 10)), better
    )
    assert set(np.asarray(moved.best_step).tolist()) == {20}


def _single(case, index):
    from h2scale.graphs import batching

    indices = np.zeros(case.settings.capacity.n_graph, np.int32)
    indices[0] = index
    take = np.arange(case.settings.capacity.n_graph) == 0
    return jax.jit(batching.pack, static_argnums=3)(case.materials.table, indices, take, case.settings.capacity)
