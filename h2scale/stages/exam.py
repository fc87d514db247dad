"""The exam of any potential: predictions of each model, tables and one page."""

from pathlib import Path

from ml_collections import FrozenConfigDict

from h2scale import config as config_lib
from h2scale.errors import IncompleteError
from h2scale.exam import candidates, records, session, worker_model
from h2scale.report import exam_page
from h2scale.runtime import workdir


def run(config: FrozenConfigDict, folder: str) -> Path:
    """Examine the models that config.calculator names and write tables and page; return the workdir.

    Raises:
        InputError: a calculator is not known, or the workdir is of another run.
        IncompleteError: everything is written, but a model left queries without prediction.
    """
    exam = config.exam
    settings = candidates.CandidateSettings(
        calculators=tuple(filter(None, config.calculator.split(","))),
        python=config.python,
        registry=exam.registry,
        charge=exam.charge,
        spin=exam.spin,
        limits=worker_model.TimeLimits(exam.load_seconds, exam.prediction_seconds, exam.model_seconds),
        workers=exam.workers,
    )
    found = candidates.find(settings)
    path = workdir.open_workdir(folder, config_lib.flatten(config))
    complete = session.run_exam(found, tuple(exam.sections), path)
    print(f"Report: {exam_page.write_exam_page(path)}")
    if not complete:
        raise IncompleteError(f"the exam is incomplete: {path / records.EXAM_CSV} has the reasons.")
    return path
