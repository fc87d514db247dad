"""The figure shows every method once and computes nothing."""

import numpy as np

from h2scale.physics import baselines
from h2scale.report import baseline_figures


def test_every_method_is_drawn_with_its_own_numbers() -> None:
    distances = np.geomspace(0.2, 8.0, 5)
    names = [("RHF", "cc-pvtz"), ("FCI", "cc-pvdz"), ("FCI", "cc-pvqz")]
    rows = [
        baselines.Row(method, basis, float(distance), 1.0 + index, 0.5 * index)
        for index, (method, basis) in enumerate(names)
        for distance in distances
    ]
    figure = baseline_figures.baseline_curves(rows)
    energies, errors = figure.axes
    assert len(errors.lines) == 3
    assert len(energies.lines) == 4  # and the exact curve
    for index in range(3):
        np.testing.assert_array_equal(energies.lines[index].get_ydata(), 1.0 + index)
        np.testing.assert_array_equal(errors.lines[index].get_ydata(), max(0.5 * index, 1e-4))
    np.testing.assert_array_equal(energies.lines[3].get_ydata(), 2.0)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["RHF/cc-pvtz", "FCI/cc-pvdz", "FCI/cc-pvqz", "exact"]
    colours = {line.get_color() for line in errors.lines}
    assert len(colours) == 3
