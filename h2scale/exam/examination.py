"""The exam of a calculator object in this process, and two of its parts alone for another project's tests.

Nothing here imports JAX or PySCF before `examine` is called: `check_conditioning` and `check_separation` need NumPy and
ASE.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from h2scale.errors import InputError, require
from h2scale.exam import capabilities, conditioning_checks, grading, in_process, models
from h2scale.exam.card import Card
from h2scale.exam.sections import SECTIONS, separation

if TYPE_CHECKING:
    from ase import Atoms


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


def check_separation(
    calculator: Any, first: "Atoms", second: "Atoms", *, charge: str = "info:charge", spin: str = "info:spin"
) -> list[grading.Finding]:
    """Return whether two molecules 50 angstrom apart have the energy and the forces of both alone: two findings.

    Two charges repel or attract each other by Coulomb's law between the centres. Models whose atoms all attend to each
    other, or which spread the total charge or spin over all atoms, fail.

    Args:
        calculator, charge, spin: as in `check_conditioning`.
        first, second: molecules without a cell, each with its own `info["charge"]`, 0 if not given, and `info["spin"]`,
            a multiplicity, the lowest that its electrons allow if not given.

    Raises:
        TypeError: calculator is neither an ASE calculator nor makes one.
        ValueError: charge or spin is none of those ways, or an `info` is not possible.
    """
    _, loaded = in_process.load(calculator, charge, spin)
    queries = separation.apart(_query(first), _query(second), separation.DISTANCE_ANGSTROM)
    names = [
        f"{atoms.get_chemical_formula()}{_sign(query)}"
        for atoms, query in zip((first, second), queries[1:], strict=True)
    ]
    return separation.examine_pair(in_process.InProcessModel(loaded), " … ".join(names), *queries)


def _query(atoms: "Atoms") -> models.Query:
    """Question for the energy of a molecule; raises InputError if its charge or spin is not possible."""
    charge = int(atoms.info.get("charge", 0))
    electrons = int(atoms.numbers.sum()) - charge
    spin = int(atoms.info.get("spin", 1 + electrons % 2))
    if len(atoms) == 0 or not 0 <= spin - 1 <= electrons or (electrons - spin) % 2 == 0:
        raise InputError(
            f"{atoms.get_chemical_formula() or 'no atoms'} of charge {charge} cannot have info['spin']={spin}, a "
            f"multiplicity: it has {electrons} electrons."
        )
    positions = tuple((float(x), float(y), float(z)) for x, y, z in atoms.positions)
    return models.Query(tuple(int(number) for number in atoms.numbers), positions, charge, spin)


def _sign(query: models.Query) -> str:
    return "" if query.charge == 0 else f"{query.charge:+d}"


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
