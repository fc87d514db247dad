"""The sections of the exam, in their order.

A section is a module with a function `examine(model, conditioning, level_of_theory)` that sends queries to a model and
returns a `grading.Part`. A new one is added by its module, a line in `SECTIONS`, and its name in `config.default`.
"""

from typing import NamedTuple


class Section(NamedTuple):
    """The module of a section and the names of its results."""

    module: str  # imported when the section is examined
    titles: tuple[str, ...]  # beginnings of `Finding.section` in its results


SECTIONS = {
    "nuclei": Section("h2scale.exam.sections.nuclei", ("bare nuclei",)),
    "hydrogen": Section("h2scale.exam.sections.hydrogen", ("hydrogen", "teacher split")),
    "diatomics": Section("h2scale.exam.sections.diatomics", ("diatomics",)),
    "shapes": Section("h2scale.exam.sections.shapes", ("shape",)),
    "compression": Section("h2scale.exam.sections.compression", ("compression",)),
    "smoothness": Section("h2scale.exam.sections.smoothness", ("smoothness",)),
    "ions": Section("h2scale.exam.sections.ions", ("ions",)),
    "separation": Section("h2scale.exam.sections.separation", ("separation",)),
    "bonds": Section("h2scale.exam.sections.bonds", ("bond energies",)),
}
"""Sections by the name that config.exam.sections gives them."""
