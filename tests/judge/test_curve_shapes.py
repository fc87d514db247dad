"""Shapes: a Morse curve is right, a second minimum or a wall that gives way is not."""

import numpy as np

from h2scale.judge import curve_shapes

DISTANCES = np.linspace(0.6, 3.0, 18)
REGIONS = tuple(np.array(("wall", "well", "middle", "tail"))[np.searchsorted([0.85, 1.3, 2.2], DISTANCES)])
MORSE = 4 * ((1 - np.exp(-2 * (DISTANCES - 1))) ** 2 - 1)


def test_a_curve_with_one_minimum_and_a_wall_is_right():
    assert curve_shapes.shape(0.8 * MORSE, MORSE, REGIONS).right


def test_a_second_minimum_is_not():
    bumped = MORSE - 0.5 * np.exp(-(((DISTANCES - 2.2) / 0.2) ** 2))
    assert curve_shapes.shape(bumped, MORSE, REGIONS) == (False, True)


def test_a_wall_that_gives_way_is_not():
    soft = np.where(DISTANCES < 0.7, MORSE.min() + 0.1, MORSE)
    assert not curve_shapes.shape(soft, MORSE, REGIONS).wall_repels


def test_a_repulsive_curve_must_have_no_minimum():
    falling = 1 / DISTANCES
    assert curve_shapes.shape(2 * falling, falling, REGIONS).right
    assert not curve_shapes.shape(MORSE, falling, REGIONS).right


def test_a_missing_point_makes_nothing_right():
    assert curve_shapes.shape(np.where(DISTANCES > 2.9, np.nan, MORSE), MORSE, REGIONS) == (False, False)
