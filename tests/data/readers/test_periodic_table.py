"""Symbols stand at their atomic numbers, and formulas are in Hill's order."""

import numpy as np
import pytest

from h2scale.data.readers import periodic_table


@pytest.mark.parametrize(
    ("symbol", "number"),
    [
        ("H", 1),
        ("Ne", 10),
        ("Ar", 18),
        ("Br", 35),
        ("Xe", 54),
        ("Lu", 71),
        ("Hg", 80),
        ("Rn", 86),
        ("U", 92),
        ("Og", 118),
    ],
)
def test_symbols_stand_at_their_numbers(symbol, number):
    assert periodic_table.ATOMIC_NUMBERS[symbol] == number
    assert periodic_table.SYMBOLS[number] == symbol
    assert len(periodic_table.ATOMIC_NUMBERS) == 118


@pytest.mark.parametrize(
    ("numbers", "formula"),
    [
        ([6, 1, 1, 1, 1], "CH4"),
        ([8, 1, 1], "H2O"),
        ([6, 8, 7, 1], "CHNO"),
        ([17, 11], "ClNa"),
        ([6, 6], "C2"),
        ([9], "F"),
    ],
)
def test_formulas_are_in_hills_order(numbers, formula):
    assert periodic_table.hill_formula(np.array(numbers)) == formula
