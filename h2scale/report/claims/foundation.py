"""Claim 3: the largest foundation models fail on simple diatomics, from the exams that ship."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from h2scale.errors import InputError
from h2scale.exam import registry
from h2scale.report import words
from h2scale.report.claims import record
from h2scale.scaling import decisions

NUMBER = 3
CLAIM = "The largest foundation models fail on simple diatomics"
NOT_LEARNED = frozenset({"pyscf", "tblite", "h2scale"})
"""Packages whose registry entries are electronic structure, exact answers or this project's own replicas."""
SHIPPED_WEIGHTS = frozenset({"in the package", "none"})
"""What the registry says of models that need no download; the largest all do."""
_CONSTANTS = ("r_e", "D_e")
_YARDSTICK = "pbe0"


class Card(NamedTuple):
    """Result of one examined model on diatomics whose constants are measured."""

    name: str
    version: str
    is_large: bool  # one of the foundation models whose weights have to be downloaded
    num_failed: int  # molecules with a wrong or missing bond length or depth
    num_judged: int


def rule() -> str:
    """The rule, with the tolerances that it uses."""
    return (
        "A model fails on a molecule if its bond length is off by more than 0.02 Å or its depth by more than 0.2 eV "
        "against measurement, or one is missing. The claim is about foundation models whose weights have to be "
        "downloaded, which the largest are: confirmed if each that was examined fails on more than half of the "
        "molecules, refuted if one does not; not tested if none was examined."
    )


def read_exams(folder: str | os.PathLike) -> list[dict[str, Any]]:
    """Models of every exam.json below a folder.

    Raises:
        InputError: an exam.json is not readable.
    """
    models: list[dict[str, Any]] = []
    for path in sorted(Path(folder).rglob("exam.json")):
        try:
            models += json.loads(path.read_text(encoding="utf-8"))["models"]
        except (OSError, json.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError(f"{path} is not the result of an exam ({type(error).__name__}: {error}).") from error
    return models


def judge(exams: Sequence[Mapping[str, Any]]) -> record.Verdict:
    """Judge the claim from examined models, as `read_exams` gives them."""
    cards = [card(model) for model in exams if _is_learned(model["facts"].get("package", ""))]
    cards = [one for one in cards if one.num_judged]
    large = [one for one in cards if one.is_large]
    numbers = [f"{_named(one)} fails on {one.num_failed} of {one.num_judged} diatomics" for one in cards]
    yardsticks = [card(model) for model in exams if model["name"] == _YARDSTICK]
    numbers += [f"PBE0/def2-SVP, no network, fails on {one.num_failed} of {one.num_judged}" for one in yardsticks]
    waiting = unexamined(exams)
    numbers += [f"not examined, weights needed: {', '.join(waiting)}"] if waiting else []
    if not large:
        others = f"; of smaller ones, {'; '.join(numbers[: len(cards)])}" if cards else ""
        finding = f"not tested: none of {words.plural(len(waiting), 'large foundation model')} was examined{others}"
        verdict = decisions.NOT_TESTED
    else:
        right = [one for one in large if 2 * one.num_failed <= one.num_judged]
        verdict = decisions.REFUTED if right else decisions.CONFIRMED
        finding = f"{len(large) - len(right)} of {words.plural(len(large), 'model')} fail on more than half"
        finding += f"; {len(waiting)} more were not examined" if waiting else ""
    return record.Verdict(NUMBER, CLAIM, "", "", record.sentence(finding), tuple(numbers), verdict, rule())


def card(model: Mapping[str, Any]) -> Card:
    """Count the molecules that an examined model gets wrong."""
    failed: dict[str, bool] = {}
    for finding in model["findings"]:
        if finding["section"] == "diatomics" and finding["check"] in _CONSTANTS and finding["reference"] is not None:
            system = finding["system"]
            failed[system] = failed.get(system, False) or finding["status"] != "pass"
    facts = model["facts"]
    large = _is_learned(facts.get("package", "")) and facts.get("weights") not in SHIPPED_WEIGHTS
    return Card(model["name"], facts.get("version") or "", large, sum(failed.values()), len(failed))


def unexamined(exams: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names in the registry of models whose weights have to be downloaded and that no exam covers."""
    examined = {model["name"] for model in exams}
    return [
        name
        for name, entry in registry.load().items()
        if _is_learned(entry.facts.get("package", ""))
        and entry.facts.get("weights") not in SHIPPED_WEIGHTS
        and name not in examined
    ]


def _is_learned(package: str) -> bool:
    return package.split(" ")[0] not in NOT_LEARNED


def _named(one: Card) -> str:
    return f"{one.name} {one.version}".strip()
