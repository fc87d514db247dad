"""Plans: what is done, under which keys, in which order."""

import dataclasses
import hashlib
import json

import pytest

pytest.importorskip("rdkit")
from h2scale import config as config_lib
from h2scale.labels import recipe as recipe_lib
from h2scale.stages import labels as stage

RECIPE = recipe_lib.Recipe(
    teacher="dft",
    functional="pbe0",
    basis="def2-svp",
    grid_level=2,
    seed=0,
    smiles=(),
    max_heavy_atoms=2,
    conformers=(2, 1),
    thermal=(7, 3),
    scans=(2, 1),
    scaled=(1,),
    ions=(12,),
    frequencies_up_to=1,
    curve_points=40,
    sampled=(20,),
    batch_size=8,
    displaced_share=0.5,
    displacements=2,
)


def changed(**settings):
    return dataclasses.replace(RECIPE, **settings)


def keys(recipe):
    return [task.key for task in recipe_lib.plan(recipe)]


def test_every_key_is_unlike_every_other_and_parents_come_first():
    tasks = recipe_lib.plan(RECIPE)
    assert len(set(keys(RECIPE))) == len(tasks)
    seen = set()
    for task in tasks:
        assert task.parent is None or task.parent in seen
        seen.add(task.key)


@pytest.mark.parametrize("teacher", ["dft", "gfn2"])
def test_a_plan_is_the_same_every_time(teacher):
    assert keys(changed(teacher=teacher)) == keys(changed(teacher=teacher))


@pytest.mark.parametrize(
    ("teacher", "digest"),
    [
        ("dft", "76b560a488fecc19d76a725787c3d29d2c0f3efb3914e29298a77d6fd8b96e50"),
        ("gfn2", "3920ecb9f09044ba7a4e01bf34ebf95e5710cdbca80cf2e3925b214fc1b16a0a"),
    ],
)
def test_keys_and_streams_of_the_shipped_datasets_never_change(teacher, digest):
    # Finished results are found by their keys and geometries are drawn from the streams, whatever arguments are called.
    config = config_lib.default()
    config.experiment, config.stage, config.labels.teacher = "labels", "labels", teacher
    recipe = stage.make_recipe(config_lib.resolve(config))
    found = [[task.key, task.stream] for task in recipe_lib.plan(recipe)]
    assert hashlib.sha256(json.dumps(found).encode()).hexdigest() == digest


@pytest.mark.parametrize("change", [{"basis": "def2-tzvp"}, {"functional": "pbe"}, {"grid_level": 3}, {"seed": 1}])
def test_another_level_or_seed_shares_no_task(change):
    assert not set(keys(RECIPE)) & set(keys(changed(**change)))


def test_a_larger_campaign_keeps_the_tasks_of_a_smaller_one():
    larger = changed(scans=(4, 4), max_heavy_atoms=3, scaled=(3,), frequencies_up_to=2)
    assert set(keys(RECIPE)) < set(keys(larger))


def test_scans_of_multiple_bonds_are_marked_and_others_keep_their_key():
    marked = {smiles: [] for smiles in ("C#C", "CC", "C1CC1")}
    for task in recipe_lib.plan(changed(smiles=tuple(marked), scans=(5,))):
        if task.kind == "scan":
            marked[task.arguments["smiles"]].append(task.arguments.get("multiple_bond", False))
    assert sorted(marked["C#C"][:3]) == [False, False, True]  # two C-H bonds, one triple bond, each once
    assert marked["C#C"][3:] == marked["C#C"][:2]
    assert not any(marked["CC"] + marked["C1CC1"])


def test_a_raised_version_renews_its_kind_and_what_builds_on_it_at_the_same_geometries(monkeypatch):
    before = recipe_lib.plan(RECIPE)
    monkeypatch.setitem(recipe_lib.VERSIONS, "thermal", 7)
    monkeypatch.setitem(recipe_lib.VERSIONS, "curve", 7)
    after = recipe_lib.plan(RECIPE)
    renewed = {old.kind for old, new in zip(before, after, strict=True) if old.key != new.key}
    assert renewed == {"thermal", "curve"}
    assert [task.stream for task in before] == [task.stream for task in after]
    monkeypatch.setitem(recipe_lib.VERSIONS, "minimum", 7)
    renewed = {old.kind for old, new in zip(before, recipe_lib.plan(RECIPE), strict=True) if old.key != new.key}
    assert renewed == {"thermal", "curve", "minimum", "scan", "scaled", "cation", "lowest_mode"}


def test_h2_is_displaced_by_its_curve_alone():
    kinds = {task.kind for task in recipe_lib.plan(RECIPE) if task.arguments.get("smiles") == "[H][H]"}
    assert kinds <= {"minimum", "lowest_mode"}


def test_two_bare_protons_are_never_asked_for():
    for task in recipe_lib.plan(RECIPE):
        if task.kind == "curve":
            assert not (task.arguments["symbols"] == ["H", "H"] and task.arguments["charge"] == 2)
        assert not (task.kind == "atom" and task.arguments["symbol"] == "H" and task.arguments["charge"] == 1)


def test_curves_cover_every_pair_of_the_five_elements_and_the_named_ions():
    found = {
        (*sorted(task.arguments["symbols"]), task.arguments["charge"])
        for task in recipe_lib.plan(RECIPE)
        if task.kind == "curve"
    }
    pairs = {(a, b, 0) for a in "CFHNO" for b in "CFHNO" if a <= b} - {("H", "H", 0)}
    assert pairs | {("H", "H", 1), ("H", "He", 1), ("H", "Li", 0)} == found


def test_batches_add_up_to_the_number_asked_for():
    thermal = [task for task in recipe_lib.plan(RECIPE) if task.kind == "thermal" and task.arguments["smiles"] == "O"]
    assert sum(task.arguments["number"] for task in thermal) == 7
    assert [task.arguments["start"] for task in thermal] == [0, 5]
