"""Names on the command line become models, and a name or registry that means nothing is refused in one line."""

import pytest

from h2scale.errors import InputError
from h2scale.exam import candidates, registry, worker_model

LIMITS = worker_model.TimeLimits(60.0, 10.0, 60.0)


def find(*calculators, charge="info:charge"):
    return candidates.find(candidates.CandidateSettings(calculators, "", "", charge, "info:spin", LIMITS))


def private(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("calculators", "words"),
    [
        ((), "config.calculator names no model"),
        (("unheard-of",), "config.calculator=unheard-of is no name of the registry (exact, "),
        (("exact", "exact"), "config.calculator names exact twice"),
    ],
)
def test_name_that_means_nothing_is_refused_in_one_line(calculators, words):
    with pytest.raises(InputError, match="calculator") as caught:
        find(*calculators)
    assert words in str(caught.value)


def test_folder_without_replicas_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is a folder without replicas\.csv"):
        find(str(tmp_path))


def test_way_of_passing_charge_is_checked():
    with pytest.raises(InputError, match=r"config\.exam\.charge must be one of info:KEY, .*got 'magic'"):
        find("a:b", charge="magic")


def test_private_registry_adds_and_replaces(tmp_path):
    path = private(tmp_path, "mine: {entry: 'a.b:c', kwargs: {x: 1}, charge: none}\nexact: {entry: 'd:e'}\n")
    entries = registry.load(path)
    assert entries["mine"].kwargs == {"x": 1}
    assert (entries["mine"].charge, entries["mine"].spin) == ("none", "info:spin")
    assert entries["exact"].entry == "d:e"
    assert "hf" in entries


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is not YAML"),
        ("- a", "must map names to entries; got list"),
        ("a: {entry: module}", "a needs an entry of the form MODULE:FACTORY"),
        ("a: {entry: 'm:f', chrge: none}", "a has the unknown key chrge"),
        ("a: {entry: 'm:f', spin: yes}", "spin of a must be one of"),
    ],
)
def test_bad_private_registry_is_refused_in_one_line(tmp_path, text, words):
    with pytest.raises(InputError) as caught:
        registry.load(private(tmp_path, text))
    assert words in str(caught.value)


def test_missing_private_registry_is_refused():
    with pytest.raises(InputError, match=r"config\.exam\.registry=/no/such\.yaml cannot be read"):
        registry.load("/no/such.yaml")


def test_every_shipped_entry_says_where_it_comes_from():
    for name, entry in registry.load().items():
        assert {"package", "level_of_theory", "weights", "licence", "tested"} <= set(entry.facts), name
