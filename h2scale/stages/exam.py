"""The exam of any potential: answers of each calculator, tables and one page."""

from pathlib import Path

from ml_collections import FrozenConfigDict

from h2scale import config as config_lib
from h2scale.errors import IncompleteError
from h2scale.exam import models, session
from h2scale.report import exam_page
from h2scale.runtime import workdir


def run(config: FrozenConfigDict, folder: str) -> Path:
    """Asks the calculators every question and writes answers and page; returns the workdir.

    Raises:
        InputError: a calculator or section is not known, or the workdir is of another run.
        IncompleteError: everything is written, but a model left questions unanswered.
    """
    exam = config.exam
    settings = session.ExamSettings(
        calculators=tuple(filter(None, config.calculator.split(","))),
        python=config.python,
        registry=exam.registry,
        charge=exam.charge,
        spin=exam.spin,
        sections=tuple(exam.sections),
        limits=models.TimeLimits(exam.load_seconds, exam.answer_seconds, exam.model_seconds),
        workers=exam.workers,
    )
    candidates = session.candidates(settings)
    path = workdir.open_workdir(folder, config_lib.flatten(config))
    complete = session.run_exam(candidates, settings.sections, path)
    print(f"Report: {exam_page.write_exam_page(path)}")
    if not complete:
        raise IncompleteError(f"the exam is incomplete: {path / session.EXAM_CSV} has the reasons.")
    return path
