"""The exam of a calculator object in this process, and the ten conditioning checks alone for another project's tests.

Nothing here imports JAX or PySCF before `examine` is called: `check_conditioning` needs NumPy and ASE.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from h2scale.errors import require
from h2scale.exam import capabilities, conditioning_checks, grading, in_process, models
from h2scale.exam.card import Card
from h2scale.exam.sections import SECTIONS


class ConditioningReport(NamedTuple):
    """Result of the ten conditioning checks; prints as a table of those that did not pass."""

    findings: list[grading.Finding]
    capabilities: capabilities.Capabilities

    @property
    def passed(self) -> bool:
        """Return True if every check passed or was refused, which is honest; H2 itself must be answered."""
        return all(finding.status in (grading.PASS, models.REFUSED) for finding in self.findings)

    @property
    def failures(self) -> list[grading.Finding]:
        """Return the checks that failed, were not conditioned, or got no usable energy."""
        accepted = (grading.PASS, models.REFUSED)
        return [finding for finding in self.findings if finding.status not in accepted]

    def __str__(self) -> str:
        flags = ", ".join(f"{name} {value}" for name, value in self.capabilities.as_dict().items())
        rows = [f"{one.status}: {one.system}, {one.check}: {one.reason}" for one in self.failures]
        passed = sum(finding.status == grading.PASS for finding in self.findings)
        return "\n".join([f"{passed} of {len(self.findings)} conditioning checks passed; {flags}", *rows])


def check_conditioning(calculator: Any, *, charge: str = "info:charge", spin: str = "info:spin") -> ConditioningReport:
    """Return whether charge and spin reach a calculator, whether its answers are cached, and in which unit they are.

    About seventy structures of one or two atoms, H and Li, are asked; no reference file and no other package is needed.

    Args:
        calculator: any ASE calculator object, or a class or function that makes one.
        charge, spin: how they reach it: `info:KEY` of the Atoms object, `method:NAME` of the calculator,
            `initial_charges`, `initial_magmoms`, `none`, or `argument:NAME` of the class or function.

    Raises:
        TypeError: calculator is neither an ASE calculator nor makes one.
        ValueError: charge or spin is none of those ways.
    """
    entry, loaded = in_process.load(calculator, charge, spin)
    model = in_process.InProcessModel(loaded)
    _, part = conditioning_checks.examine(model, entry)
    return ConditioningReport(part.findings, capabilities.measure(model, part.findings))


def examine(
    calculator: Any,
    *,
    charge: str = "info:charge",
    spin: str = "info:spin",
    sections: Sequence[str] | None = None,
    level_of_theory: str = "",
) -> Card:
    """Return the graded exam of a calculator, asked in this process and graded as the command `h2scale exam` grades.

    Args:
        calculator: any ASE calculator object, or a class or function that makes one.
        charge, spin: how they reach it, as in `check_conditioning`.
        sections: some of `h2scale.exam.sections.SECTIONS`; all of them if not given.
        level_of_theory: what the calculator was fitted to, as the shipped curves name it, e.g. "PBE0/def2-SVP"; it adds
            the split of the error of H2 into that level's and the calculator's own.

    Raises:
        TypeError: calculator is neither an ASE calculator nor makes one.
        ValueError: charge or spin is no known way, or a section is not known.
    """
    from h2scale.exam import records, session

    wanted = tuple(SECTIONS) if sections is None else tuple(sections)
    require(set(wanted) <= set(SECTIONS), "exam.sections", wanted, f"some of {', '.join(SECTIONS)}")
    entry, loaded = in_process.load(calculator, charge, spin)
    if level_of_theory:
        entry.facts["level_of_theory"] = level_of_theory
    model = in_process.InProcessModel(loaded)
    record = records.start(entry)
    ordered = (records.CONDITIONING, *(name for name in SECTIONS if name in wanted))
    session.examine_parts(model, entry, ordered, record)
    return Card(records.summary(record))
