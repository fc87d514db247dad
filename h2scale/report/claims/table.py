"""All verdicts of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

from h2scale.report import summary
from h2scale.report.claims import bias, equilibrium, foundation, in_distribution, protons, record, regions, stretched


def judge(run: summary.Run, exams: Sequence[Mapping[str, Any]] = ()) -> list[record.Verdict]:
    """Every claim for every arm and region, by claim, after the control in distribution.

    Args:
        run: the tables of a study.
        exams: examined models, as `foundation.read_exams` gives them.
    """
    arms = summary.arms_of(run)
    return [
        *(in_distribution.judge(run, arm, rung) for arm in arms for rung in summary.rungs_of(run, arm)),
        *(equilibrium.judge(run, arm, region) for arm in arms for region in regions.REGIONS),
        *(stretched.judge(run, arm, reference) for arm in arms for reference in stretched.REFERENCES),
        foundation.judge(exams),
        *(protons.judge(run, arm) for arm in arms),
        protons.judge_exams(exams),
        *(bias.judge(run, arm, region) for arm in arms for region in regions.REGIONS if region.against == "exact"),
    ]
