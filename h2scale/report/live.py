"""Figures drawn while a population is still training, for notebooks."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from h2scale.report import curve_figures, style, words
from h2scale.study import training


def h2_figure(snapshot: training.Snapshot) -> Figure:
    """Draw H2 curves of every replica of a population now: a panel per rung, a colour per training-set size."""
    population, references = snapshot.population, snapshot.references
    rungs = list(dict.fromkeys(spec.rung for spec in population.replicas))
    colours = style.size_colours([spec.num_train for spec in population.replicas])
    figure, grid = style.panels(1, len(rungs), 4.2, 3.6, sharey=True)
    curve = {
        "distance_angstrom": references.distances_angstrom,
        "exact_ev": references.exact_ev,
        "fci_ev": references.fci_ev,
        "teacher_ev": references.teacher_ev,
    }
    for axes, rung in zip(grid[0], rungs, strict=True):
        for spec, energies in zip(population.replicas, snapshot.observation.energies["h2"], strict=True):
            if spec.rung == rung:
                axes.plot(references.distances_angstrom, energies, color=colours[spec.num_train], linewidth=1.3)
        curve_figures.draw_references(axes, curve)
        curve_figures.frame(axes, words.rung(rung), (-6, 12))
    grid[0, 0].set_ylabel(curve_figures.ENERGY)
    sizes = [Line2D([], [], color=colour, label=f"{size:.0f} structures") for size, colour in sorted(colours.items())]
    style.legend_below(figure, [*curve_figures.REFERENCE_LINES, *sizes])
    figure.suptitle(f"{population.name} after {snapshot.observation.step} steps", fontsize=11)
    return figure
