"""Replicas have stable, unique names; a bucket is finished as a whole."""

import population_case as case_lib

from h2scale import study


def test_replica_ids_are_unique_and_say_what_they_are():
    bucket = case_lib.make_bucket()
    ids = [spec.replica_id for spec in bucket.replicas]
    assert len(set(ids)) == len(ids) == 8
    assert "nequip-f2-stretched-n20-lr0.01-s1" in ids


def test_adding_replicas_renames_none():
    small, large = case_lib.make_bucket(), case_lib.make_bucket(seeds=(0, 1, 2), learning_rates=(0.01, 0.02))
    assert set(small.replicas) <= set(large.replicas)


def test_bucket_is_unfinished_until_every_replica_is():
    bucket = case_lib.make_bucket()
    ids = [spec.replica_id for spec in bucket.replicas]
    assert study.unfinished(bucket, [])
    assert study.unfinished(bucket, ids[1:])
    assert not study.unfinished(bucket, [*ids, "another"])
