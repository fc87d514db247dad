"""Models by name, from the shipped YAML file and a private one, and by the factory of a calculator."""

from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from h2scale.errors import InputError
from h2scale.exam import models, ways

FACTS = ("package", "version", "level_of_theory", "closest_level", "weights", "licence", "tested")
_KEYS = ("entry", "kwargs", "charge", "spin", *FACTS)


def load(private: str = "") -> dict[str, models.Entry]:
    """Return the entries by name; those of the private file replace shipped ones of the same name.

    Raises:
        InputError: the private file cannot be read, or an entry is not of the documented form.
    """
    shipped = resources.files("h2scale.exam") / "registry.yaml"
    entries = _parse(shipped.read_text(encoding="utf-8"), "registry.yaml")
    if private:
        try:
            text = Path(private).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"config.exam.registry={private} cannot be read: {error.strerror or error}.") from error
        entries |= _parse(text, private)
    return entries


def find(name: str, entries: dict[str, models.Entry], *, charge: str, spin: str, python: str) -> models.Entry:
    """Return the entry for a registry name or for MODULE:FACTORY.

    Args:
        name: as given to config.calculator.
        entries: from `load`.
        charge, spin: how they are passed to a calculator that is in no registry.
        python: interpreter to run it in; empty for this one.

    Raises:
        InputError: neither a known name nor of the form MODULE:FACTORY.
    """
    if name in entries:
        known = entries[name]
        return models.Entry(known.name, known.entry, known.kwargs, known.charge, known.spin, python, known.facts)
    if ":" not in name:
        raise InputError(
            f"config.calculator={name} is no name of the registry ({', '.join(entries)}), no folder of a run, and not "
            "MODULE:FACTORY or FILE.py:FACTORY."
        )
    for key, way in (("charge", charge), ("spin", spin)):
        ways.check(way, f"config.exam.{key}")
    return models.Entry(name, name, {}, charge, spin, python)


def _parse(text: str, where: str) -> dict[str, models.Entry]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{where} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{where} must map names to entries; got {type(content).__name__}.")
    return {str(name): _entry(str(name), fields, where) for name, fields in content.items()}


def _entry(name: str, fields: Any, where: str) -> models.Entry:
    if not isinstance(fields, dict) or not isinstance(fields.get("entry"), str) or ":" not in fields["entry"]:
        raise InputError(f"{where}: {name} needs an entry of the form MODULE:FACTORY.")
    unknown = sorted(set(fields) - set(_KEYS))
    if unknown:
        raise InputError(f"{where}: {name} has the unknown key {unknown[0]}; known are {', '.join(_KEYS)}.")
    charge, spin = str(fields.get("charge", "info:charge")), str(fields.get("spin", "info:spin"))
    for key, way in (("charge", charge), ("spin", spin)):
        ways.check(way, f"{where}: {key} of {name}")
    module, _, factory = fields["entry"].rpartition(":")
    if module == "adapters":
        module = str(Path(__file__).parent / "calculators" / "adapters.py")
    facts = {key: str(fields[key]) for key in FACTS if key in fields}
    return models.Entry(name, f"{module}:{factory}", dict(fields.get("kwargs") or {}), charge, spin, facts=facts)
