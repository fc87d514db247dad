"""Replicas have stable, unique names; a population is finished as a whole."""

import population_case as case_lib

from h2scale.models import sizes
from h2scale.study import replicas


def test_replica_ids_are_unique_and_say_what_they_are():
    population = case_lib.make_population()
    ids = [spec.replica_id for spec in population.replicas]
    assert len(set(ids)) == len(ids) == 8
    assert "nequip-f2-stretched-n20-lr0.01-s1" in ids


def test_adding_replicas_renames_none():
    small, large = case_lib.make_population(), case_lib.make_population(seeds=(0, 1, 2), learning_rates=(0.01, 0.02))
    assert set(small.replicas) <= set(large.replicas)


def test_population_is_unfinished_until_every_replica_is():
    population = case_lib.make_population()
    ids = [spec.replica_id for spec in population.replicas]
    assert replicas.unfinished(population, [])
    assert replicas.unfinished(population, ids[1:])
    assert not replicas.unfinished(population, [*ids, "another"])


def test_weight_decay_and_steps_are_named_where_the_grid_lists_them():
    population = case_lib.make_population(weight_decays=(0.0, 0.1), steps=(10, 20))
    ids = [spec.replica_id for spec in population.replicas]
    assert len(set(ids)) == len(ids) == 32
    assert "nequip-f2-stretched-n20-lr0.01-wd0.1-t20-s1" in ids


def test_widths_of_one_program_are_near_and_none_is_lost():
    assert replicas.group_widths((4, 8, 16), 1.0) == [(4,), (8,), (16,)]
    assert replicas.group_widths((4, 5, 6, 8, 10, 12), 1.5) == [(4, 5, 6), (8, 10, 12)]
    assert replicas.group_widths((12, 4), 3.0) == [(12, 4)]


def test_replica_is_named_alike_alone_and_among_other_widths():
    models = [sizes.with_features(case_lib.SETTINGS, width) for width in (2, 3)]
    together = case_lib.make_population(models)
    assert together.name == "nequip-f2-3"
    assert together.settings == models[1]
    assert set(case_lib.make_population(models[:1]).replicas) < set(together.replicas)
