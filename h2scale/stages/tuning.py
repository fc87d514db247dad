"""The sweep of learning rates, lengths and other settings: trained like a study, chosen by validation error alone."""

from pathlib import Path

from h2scale.runtime import workdir
from h2scale.scaling import tuning


def write_tables(path: Path) -> Path:
    """Write the tables and the figure of a finished sweep, and return the table of what is chosen."""
    # Imported late: the first training step need not wait for matplotlib.
    from h2scale.report import style, tuning_figures
    from h2scale.runtime import tables

    tuning.write_tables(path)
    table = tables.read_table(path / tuning.SWEEP_FILE)
    rows = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    style.save(tuning_figures.sweep(rows), path / workdir.FIGURES_FOLDER, "tuning")
    return path / tuning.CHOSEN_FILE
