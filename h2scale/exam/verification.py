"""Verification of a submitted exam.json: its form, its verdicts, its limits, and twenty of its numbers asked again."""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from h2scale import elements
from h2scale.errors import InputError
from h2scale.exam import grading, models, records, registry, session, worker_model
from h2scale.exam.references import diatomic_systems, measured
from h2scale.exam.sections import SECTIONS, bonds, compression, ions, separation, smoothness
from h2scale.runtime import migration

NUM_QUESTIONS = 20
TOLERANCE_EV = 1e-3
RELATIVE_TOLERANCE = 1e-5
_SAME_LIMIT = 1e-4
_MODEL_KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "entry": str,
    "kwargs": dict,
    "charge": str,
    "spin": str,
    "facts": dict,
    "environment": dict,
    "seconds": (int, float),
    "complete": bool,
    "findings": list,
    "curves": list,
    "sections": list,
}
_MOST_NAMED = 20


class Verdict(NamedTuple):
    """Result of a verification: what is wrong with the file, and what else there is to say."""

    problems: list[str]
    notes: list[str]


class Reopening(NamedTuple):
    """Settings with which the calculators of a file are loaded to be asked again."""

    registry: str  # a private registry; empty for the shipped one alone
    python: str  # another interpreter; empty for this one
    limits: worker_model.TimeLimits
    seed: int  # of the choice of questions


def verify(path: Path, reopening: Reopening) -> Verdict:
    """Return what is wrong with an exam.json; asks no calculator where the file itself is wrong.

    Raises:
        InputError: the file cannot be read or is not JSON.
    """
    content = _read(path)
    problems = _check_form(content)
    if problems:
        return Verdict(problems, [])
    notes: list[str] = []
    for model in migration.exam_results(content)["models"]:
        problems += [f"{model['name']}: {problem}" for problem in (*_check_verdicts(model), *_check_limits(model))]
        if not problems:
            wrong, told = _ask_again(model, reopening)
            problems += [f"{model['name']}: {problem}" for problem in wrong]
            notes.append(f"{model['name']}: {told}")
    return Verdict(problems, notes)


def question_of(section: str, system: str) -> Callable[[float], models.Query] | None:
    """Return the question at a distance for a curve of exam.json; None for curves that are no scan of one state."""
    if section == "hydrogen" and system in ("H2", "H2+"):
        charge = int(system == "H2+")
        return lambda r: models.dimer(1, 1, r, charge, 1 + charge)
    if section == smoothness.SECTION:
        return next((scan.query for scan in smoothness.scans() if scan.name == system), None)
    if section == compression.SECTION:
        pair = next((pair for pair in compression.PAIRS if "".join(pair) == system), None)
        return None if pair is None else _dimer(*pair, 0, None)
    if section == "diatomics":
        one = next((one for one in diatomic_systems.SYSTEMS if one.name == system), None)
        return None if one is None else _dimer(one.first, one.second, one.charge, one.spin)
    if section == "bare nuclei" and len(nuclei := system.split(" ")) == 2:
        symbols = [nucleus.rstrip("+0123456789") for nucleus in nuclei]
        return _dimer(symbols[0], symbols[1], sum(elements.ATOMIC_NUMBERS[symbol] for symbol in symbols), 1)
    return None


def _dimer(first: str, second: str, charge: int, spin: int | None) -> Callable[[float], models.Query]:
    numbers = elements.ATOMIC_NUMBERS[first], elements.ATOMIC_NUMBERS[second]
    multiplicity = 1 + sum(numbers) % 2 if spin is None else spin
    return lambda r: models.dimer(*numbers, r, charge, multiplicity)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}.") from error


def _check_form(content: Any) -> list[str]:
    if not isinstance(content, dict) or not isinstance(content.get("models"), list) or not content["models"]:
        return ["the file must hold an object with a list of models; h2scale exam writes such"]
    if content.get("format", 1) not in range(1, records.FORMAT + 1):
        return [f"format must be 1 to {records.FORMAT}; got {content['format']!r}"]
    problems = []
    for place, model in enumerate(content["models"]):
        if not isinstance(model, dict):
            problems.append(f"model {place} must be an object; got {type(model).__name__}")
            continue
        name = model.get("name", f"model {place}")
        for key, kind in _MODEL_KEYS.items():
            if not isinstance(model.get(key), kind):
                problems.append(f"{name}: {key} is missing or of another type; got {type(model.get(key)).__name__}")
        problems += [f"{name}: {problem}" for problem in _check_parts(model)]
    return problems[:_MOST_NAMED]


def _check_parts(model: dict[str, Any]) -> list[str]:
    problems = []
    for finding in model.get("findings") or []:
        if not isinstance(finding, dict) or set(finding) != set(grading.Finding._fields):
            problems.append(f"a finding must have the keys {', '.join(grading.Finding._fields)}; got {finding!r:.80}")
        elif any(not _is_number(finding[key]) for key in ("value", "reference", "low", "high")):
            problems.append(f"{_name(finding)}: numbers must be finite or null")
        elif finding["status"] not in grading.STATUSES:
            problems.append(f"{_name(finding)}: status must be one of {', '.join(grading.STATUSES)}")
    for curve in model.get("curves") or []:
        if not isinstance(curve, dict) or set(curve) != set(grading.Curve._fields):
            problems.append(f"a curve must have the keys {', '.join(grading.Curve._fields)}; got {curve!r:.80}")
        elif len(curve["distances"]) != len(curve["energies"]):
            problems.append(f"{curve['system']}: as many energies as distances are needed")
    return problems


def _is_number(value: Any) -> bool:
    return value is None or (
        isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
    )


def _name(finding: dict[str, Any]) -> str:
    return f"{finding['section']}, {finding['system']}, {finding['check']}"


def _check_verdicts(model: dict[str, Any]) -> list[str]:
    """Verdicts that do not follow from their own numbers, and a record that says more than it holds."""
    problems = []
    for finding in model["findings"]:
        value, low, high, status = (finding[key] for key in ("value", "low", "high", "status"))
        if status == grading.PASS and value is None:
            problems.append(f"{_name(finding)}: passes without a number")
        elif status in (grading.PASS, grading.FAIL) and value is not None:
            inside = (low is None or low <= value) and (high is None or value <= high)
            if inside != (status == grading.PASS):
                problems.append(f"{_name(finding)}: {value:g} in {low} to {high} is called {status}")
    lost = sorted({one["status"] for one in model["findings"]} & set(grading.INCOMPLETE))
    if model["complete"] and lost:
        problems.append(f"complete, though some checks are {', '.join(lost)}")
    is_replica = "#" in model["entry"]  # whose environment is that of its run
    if model["complete"] and not is_replica and not model["environment"].get("packages"):
        problems.append("environment names no versions")
    unknown = sorted(set(model["sections"]) - set(SECTIONS))
    if unknown:
        problems.append(f"section {unknown[0]} is not known; known are {', '.join(SECTIONS)}")
    return problems


def _check_limits(model: dict[str, Any]) -> list[str]:
    """Checks that are missing or have other limits than this version's."""
    entry = _entry_of(model)
    expected = _limits(entry, tuple(name for name in model["sections"] if name in SECTIONS))
    problems = []
    for finding in model["findings"]:
        key = (finding["section"], finding["system"], finding["check"])
        bounds = (finding["low"], finding["high"])
        if key in expected and bounds != (None, None) and not _same(bounds, expected[key]):
            problems.append(f"{_name(finding)}: passes {bounds[0]} to {bounds[1]}, here {expected[key]}")
    return problems


def _same(found: Sequence[float | None], expected: Sequence[float | None]) -> bool:
    return all(
        (one is None) == (other is None)
        and (one is None or other is None or abs(one - other) <= _SAME_LIMIT * (1 + abs(other)))
        for one, other in zip(found, expected, strict=True)
    )


def _limits(
    entry: models.Entry, names: tuple[str, ...]
) -> dict[tuple[str, str, str], tuple[float | None, float | None]]:
    """Limits of every check that a model which answers everything would be given."""
    record = records.start(entry)
    session.examine_parts(_Morse(), entry, (records.CONDITIONING, *names), record)
    return {
        (one["section"], one["system"], one["check"]): (one["low"], one["high"])
        for one in records.summary(record)["findings"]
        if (one["low"], one["high"]) != (None, None)
    }


class _Morse:
    """A model that answers everything: Morse potentials between all atoms, minima at the sums of covalent radii."""

    def __init__(self) -> None:
        self.failure = ""
        self.environment: dict[str, Any] = {"python": "", "packages": {}}

    def predict(self, queries: Sequence[models.Query], *, reuse: bool = False) -> list[models.Prediction]:
        """Return one prediction per query, in order."""
        del reuse
        return [self._predict_one(query) for query in queries]

    @staticmethod
    def _predict_one(query: models.Query) -> models.Prediction:
        positions = np.array(query.positions)
        energy = float(query.charge + 0.1 * query.spin)
        for first in range(len(positions)):
            for second in range(first):
                radii = (elements.COVALENT_RADII_ANGSTROM[query.numbers[place]] for place in (first, second))
                decay = np.exp(-2 * (np.linalg.norm(positions[first] - positions[second]) - sum(radii)))
                energy += float((1 - decay) ** 2 - 1)
        return models.Prediction(energy, np.zeros_like(positions), models.OK, "")


def _entry_of(model: dict[str, Any]) -> models.Entry:
    return models.Entry(
        model["name"], model["entry"], dict(model["kwargs"]), model["charge"], model["spin"], facts=dict(model["facts"])
    )


def _ask_again(model: dict[str, Any], reopening: Reopening) -> tuple[list[str], str]:
    """Problems with numbers asked again, and a sentence on what was asked."""
    questions = _choose(model, random.Random(reopening.seed))
    if not questions:
        return [], "no number to ask again"
    known = registry.load(reopening.registry)
    name = model["name"] if model["name"] in known else model["entry"]
    try:
        entry = registry.find(name, known, charge=model["charge"], spin=model["spin"], python=reopening.python)
    except InputError as error:
        return [], f"nothing was asked again: {error}"
    if name == model["entry"]:
        entry = models.Entry(entry.name, entry.entry, dict(model["kwargs"]), entry.charge, entry.spin, entry.python)
    with worker_model.WorkerModel(entry, reopening.limits) as opened:
        if opened.failure:
            return [], f"nothing was asked again: {opened.failure}"
        told = _compare_versions(model["environment"], opened.environment)
        predictions = iter(opened.predict([query for one in questions for query in one.terms]))
    problems = []
    for one in questions:
        answers = [next(predictions) for _ in one.terms]
        lost = [answer for answer in answers if answer.status != models.OK]
        if lost:
            problems.append(f"{one.name}: an energy of the file, now {lost[0].reason}")
            continue
        found = sum(sign * answer.energy for sign, answer in zip(one.terms.values(), answers, strict=True))
        if abs(found - one.energy_ev) > TOLERANCE_EV + RELATIVE_TOLERANCE * abs(one.energy_ev):
            problems.append(f"{one.name}: {one.energy_ev:.6f} eV in the file, {found:.6f} asked again")
    return problems, f"{len(questions)} of its numbers asked again{told}"


Terms = dict[models.Query, float]
"""Structures and the factors with which their energies add up to a number that has no zero of energy."""


class _Question(NamedTuple):
    """A number of the file that follows from a few energies."""

    name: str
    terms: Terms
    energy_ev: float


def _choose(model: dict[str, Any], chance: random.Random) -> list[_Question]:
    """Some findings that are differences of energies, at most half, and pairs of points of curves."""
    differences = _differences()
    single = [
        _Question(_name(one), differences[key], one["value"])
        for one in model["findings"]
        if (key := (one["section"], one["system"], one["check"])) in differences and one["value"] is not None
    ]
    points = []
    for curve in model["curves"]:
        question = question_of(curve["section"], curve["system"])
        finite = [place for place, energy in enumerate(curve["energies"]) if energy is not None]
        if question is not None and len(finite) > 1:
            points += [(curve, question, place, finite[-1]) for place in finite[:-1]]
    most = NUM_QUESTIONS // 2 if points else NUM_QUESTIONS
    asked = chance.sample(single, min(most, len(single)))
    chosen = chance.sample(points, min(NUM_QUESTIONS - len(asked), len(points)))
    return asked + [
        _Question(
            f"{curve['section']}, {curve['system']} at {curve['distances'][place]:g} Å",
            {question(curve["distances"][place]): 1.0, question(curve["distances"][anchor]): -1.0},
            curve["energies"][place] - curve["energies"][anchor],
        )
        for curve, question, place, anchor in chosen
    ]


def _differences() -> dict[tuple[str, str, str], Terms]:
    """Energies of bonds and of ions, and what two molecules make of each other, by section, system and check."""
    found: dict[tuple[str, str, str], Terms] = {}
    for bond in measured.bonds():
        whole, first, second = (measured.species(name).query() for name in (bond.molecule, bond.first, bond.second))
        found[bonds.SECTION, bond.name, bonds.CHECK] = dict(Counter([first, second])) | {whole: -1.0}
    for ion in measured.ions():
        sign = 1.0 if ion.change == "ionization" else -1.0
        found[ions.SECTION, ion.system, ions.CHECKS[ion.change]] = {ion.ion: sign, ion.neutral: -sign}
    for pair in separation.PAIRS:
        both, first, second = separation.queries(pair)
        found[separation.SECTION, pair.name, separation.ENERGY_CHECK] = {both: 1.0, first: -1.0, second: -1.0}
    return found


def _compare_versions(found: dict[str, Any], now: dict[str, Any]) -> str:
    """A remark on packages of other versions than the file names; empty where they are the same."""
    packages = found.get("packages", {})
    others = [
        f"{name} {version}, not {packages[name]}"
        for name, version in now["packages"].items()
        if name in packages and packages[name] != version
    ]
    return f" with {'; '.join(others)}" if others else ""
