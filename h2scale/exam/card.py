"""The report card of one examined model: its findings by name, as a table in a file, and its curves as a figure."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2scale.exam import grading, models

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADLINES = {
    "two protons": ("bare nuclei", "H+ H+", "R E / (Z Z 14.4 eV Å), 0.62 to 6 Å"),
    "H2 depth": ("hydrogen", "H2", "D_e"),
    "H2 bond length": ("hydrogen", "H2", "R_e"),
    "H2 frequency": ("hydrogen", "H2", "ω_e"),
    "H2 size consistency": ("hydrogen", "H2", "size consistency: E(20 Å) minus 2 E(H)"),
    "H2+ depth": ("hydrogen", "H2+", "D_e"),
    "singlet-triplet gap": ("hydrogen", "H2 triplet", "singlet-triplet gap: mean absolute error"),
}
"""Short names of single numbers that `Card` understands: section, system and check."""


class Card:
    """The results of one model, as exam.json has them.

    Args:
        results: one of the models of an exam.json.
    """

    def __init__(self, results: Mapping[str, Any]) -> None:
        self.results = dict(results)

    @property
    def name(self) -> str:
        """Return the name of the model."""
        return self.results["name"]

    @property
    def findings(self) -> list[grading.Finding]:
        """Return every check with its number, limits, status and reason."""
        return [grading.Finding(**finding) for finding in self.results["findings"]]

    @property
    def capabilities(self) -> dict[str, Any]:
        """Return the flags of `capabilities.Capabilities` by name; empty in results of before there were any."""
        return self.results.get("capabilities", {})

    @property
    def complete(self) -> bool:
        """Return True if the model could be asked and every check has a result or a refusal."""
        return self.results["complete"]

    @property
    def score(self) -> tuple[int, int]:
        """Return the checks passed and all checks with a verdict or none; metrics without limits are left out."""
        scored = [one for one in self.findings if grading.is_scored(one.section, one.status)]
        return sum(one.status == grading.PASS for one in scored), len(scored)

    @property
    def passed(self) -> bool:
        """Return True if the exam is complete and every check with a verdict passed or was refused."""
        allowed = (grading.PASS, models.REFUSED, grading.MEASURED)
        return self.complete and all(one.status in allowed for one in self.findings)

    def __getitem__(self, key: str | tuple[str, str, str]) -> grading.Finding:
        """Return one finding: by a name of `HEADLINES`, by a check's name if it is the only one, or by all three words.

        Raises:
            KeyError: no finding, or more than one, has that name; the message says which there are.
        """
        wanted = HEADLINES.get(key, key) if isinstance(key, str) else key
        found = [
            one
            for one in self.findings
            if wanted in ((one.section, one.system, one.check), f"{one.system}: {one.check}", one.check)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            places = ", ".join(f"{one.system}: {one.check}" for one in found[:5])
            raise KeyError(f"{len(found)} findings are named {key!r}: {places}; say SYSTEM: CHECK")
        raise KeyError(f"no finding is named {key!r}; short names are {', '.join(HEADLINES)}")

    def to_csv(self, path: str | Path) -> Path:
        """Write the findings as exam.csv has them; return the path."""
        from h2scale.exam import records

        return records.write_findings(Path(path), [self.results])

    def plot(self) -> "Figure":
        """Return a figure of every curve beside its references; needs matplotlib."""
        from h2scale.exam import card_figure

        return card_figure.draw(self.results)

    def __str__(self) -> str:
        passed, total = self.score
        return f"{self.name}: {passed} of {total} checks passed" + ("" if self.complete else "; incomplete")
