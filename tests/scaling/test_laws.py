"""Laws are sums of terms that fall with their own variable alone."""

import numpy as np
import pytest

from h2scale.scaling import laws

PARAMETERS = np.array([0.5, 3.0, 7.0, 0.4, 0.3])
N, D = np.array([10.0, 1000.0, 1000.0]), np.array([50.0, 50.0, 4000.0])


def test_forms_are_what_their_formula_says():
    expected = {
        "sum": 0.5 + 3 * N**-0.4 + 7 * D**-0.3,
        "sum_without_offset": 3 * N**-0.4 + 7 * D**-0.3,
        "product": 0.5 + 3 * N**-0.4 * D**-0.3,
        "params": 0.5 + 3 * N**-0.4,
        "data": 0.5 + 7 * D**-0.3,
        "constant": np.full(3, 0.5),
    }
    assert expected.keys() == laws.LAWS.keys()
    for form, values in expected.items():
        np.testing.assert_allclose(laws.evaluate(form, PARAMETERS, N, D), values, rtol=1e-14)


def test_parameters_that_a_form_lacks_are_not_read():
    lacking = np.array([0.5, 3.0, np.nan, 0.4, np.nan])
    np.testing.assert_allclose(laws.evaluate("params", lacking, N, D), 0.5 + 3 * N**-0.4, rtol=1e-14)


def test_many_parameter_sets_are_evaluated_at_once():
    batch = np.stack([PARAMETERS, 2 * PARAMETERS])
    values = laws.evaluate("sum", batch, N, D)
    assert values.shape == (2, 3)
    np.testing.assert_allclose(values[1], laws.evaluate("sum", batch[1], N, D), rtol=1e-14)


def test_an_unknown_form_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"form must be one of sum, sum_without_offset, .*; got 'cubic'"):
        laws.get("cubic")
