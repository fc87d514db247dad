"""Plans: what is done, under which keys, in which order."""

import dataclasses

import pytest

pytest.importorskip("rdkit")
from h2scale.labels import recipe as recipe_lib

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
    return [unit.key for unit in recipe_lib.plan(recipe)]


def test_every_key_is_unlike_every_other_and_parents_come_first():
    units = recipe_lib.plan(RECIPE)
    assert len(set(keys(RECIPE))) == len(units)
    seen = set()
    for unit in units:
        assert unit.parent is None or unit.parent in seen
        seen.add(unit.key)


@pytest.mark.parametrize("teacher", ["dft", "gfn2"])
def test_a_plan_is_the_same_every_time(teacher):
    assert keys(changed(teacher=teacher)) == keys(changed(teacher=teacher))


@pytest.mark.parametrize("change", [{"basis": "def2-tzvp"}, {"functional": "pbe"}, {"grid_level": 3}, {"seed": 1}])
def test_another_level_or_seed_shares_no_unit(change):
    assert not set(keys(RECIPE)) & set(keys(changed(**change)))


def test_a_larger_campaign_keeps_the_units_of_a_smaller_one():
    larger = changed(scans=(4, 4), max_heavy_atoms=3, scaled=(3,), frequencies_up_to=2)
    assert set(keys(RECIPE)) < set(keys(larger))


def test_scans_of_multiple_bonds_are_marked_and_others_keep_their_key():
    marked = {smiles: [] for smiles in ("C#C", "CC", "C1CC1")}
    for unit in recipe_lib.plan(changed(smiles=tuple(marked), scans=(5,))):
        if unit.kind == "scan":
            marked[unit.arguments["smiles"]].append(unit.arguments.get("multiple_bond", False))
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
    assert [unit.stream for unit in before] == [unit.stream for unit in after]
    monkeypatch.setitem(recipe_lib.VERSIONS, "minimum", 7)
    renewed = {old.kind for old, new in zip(before, recipe_lib.plan(RECIPE), strict=True) if old.key != new.key}
    assert renewed == {"thermal", "curve", "minimum", "scan", "scaled", "cation", "lowest_mode"}


def test_h2_is_displaced_by_its_curve_alone():
    kinds = {unit.kind for unit in recipe_lib.plan(RECIPE) if unit.arguments.get("smiles") == "[H][H]"}
    assert kinds <= {"minimum", "lowest_mode"}


def test_two_bare_protons_are_never_asked_for():
    for unit in recipe_lib.plan(RECIPE):
        if unit.kind == "curve":
            assert not (unit.arguments["symbols"] == ["H", "H"] and unit.arguments["charge"] == 2)
        assert not (unit.kind == "atom" and unit.arguments["symbol"] == "H" and unit.arguments["charge"] == 1)


def test_curves_cover_every_pair_of_the_five_elements_and_the_named_ions():
    found = {
        (*sorted(unit.arguments["symbols"]), unit.arguments["charge"])
        for unit in recipe_lib.plan(RECIPE)
        if unit.kind == "curve"
    }
    pairs = {(a, b, 0) for a in "CFHNO" for b in "CFHNO" if a <= b} - {("H", "H", 0)}
    assert pairs | {("H", "H", 1), ("H", "He", 1), ("H", "Li", 0)} == found


def test_batches_add_up_to_the_number_asked_for():
    thermal = [u for u in recipe_lib.plan(RECIPE) if u.kind == "thermal" and u.arguments["smiles"] == "O"]
    assert sum(unit.arguments["number"] for unit in thermal) == 7
    assert [unit.arguments["start"] for unit in thermal] == [0, 5]
