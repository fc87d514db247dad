"""Symbols stand at their atomic numbers, and formulas are in Hill's order."""

import pytest

from h2scale import elements


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
    assert elements.ATOMIC_NUMBERS[symbol] == number
    assert elements.SYMBOLS[number] == symbol
    assert len(elements.ATOMIC_NUMBERS) == 118


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
    assert elements.hill_formula(numbers) == formula
