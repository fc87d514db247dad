"""Sentences of a run's page on the data that its models were trained on, and on what their zero of energy allows."""

from h2scale.report import page, summary, words

FIT_WARNING = (
    "The H₂ asymptote means nothing here: the zero of energy of {levels} is a least-squares fit with no isolated atoms "
    "behind it, so that the energy of two separated atoms is unknown to these models. Errors of the H₂ curve, its well "
    "depth and its tail carry that shift; non-parallelity and bond length do not."
)


def section(run: summary.Run) -> str:
    """Write the warning of a fitted zero, if there is one, and a sentence for each different set of data.

    Empty for a run of before such facts were written.
    """
    fitted = dict.fromkeys(facts["level"] for facts in run.data.values() if facts["zero_is_fit"])
    warning = page.element("p", FIT_WARNING.format(levels=", ".join(fitted)), "lead") if fitted else ""
    sentences: dict[str, list[str]] = {}
    for arm, facts in run.data.items():
        sentences.setdefault(_sentence(facts), []).append(arm)
    lines = [page.element("p", f"Data of {', '.join(arms)}: {text}", "soft") for text, arms in sentences.items()]
    return warning + "".join(lines)


def _sentence(facts: summary.Facts) -> str:
    forces = "with forces" if facts["has_forces"] else "without forces, so that energies alone are trained on"
    return (
        f"{words.count(facts['num_structures'])} structures at {facts['level']}, {forces}; energies relative to "
        f"{facts['energy_zero'] or 'isolated atoms'}; {_curve(facts)}."
    )


def _curve(facts: summary.Facts) -> str:
    source = facts["teacher_curve"]
    if source == "none":
        return "no curve of H₂ at this level, so that the exact curve alone judges"
    program = facts.get("teacher_curve_provenance", {}).get("pyscf", "")
    return f"the teacher's curve of H₂ is {source}{f' {program}' if program else ''}"
