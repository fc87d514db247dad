"""Coupling coefficients against e3nn-jax, and the selection rules."""

import e3nn_jax as e3nn
import numpy as np
import pytest

from h2scale.models import clebsch_gordan

TRIPLES = [
    (l1, l2, l3)
    for l1 in range(4)
    for l2 in range(4)
    for l3 in range(4)
    if abs(l1 - l2) <= l3 <= l1 + l2 and (l1 + l2 + l3) % 2 == 0
]


@pytest.mark.parametrize("triple", TRIPLES, ids=str)
def test_coefficients_equal_those_of_e3nn(triple):
    np.testing.assert_allclose(clebsch_gordan.clebsch_gordan(*triple), e3nn.clebsch_gordan(*triple), atol=1e-14)


def test_paths_obey_triangle_and_parity():
    found = [(l1, l2, l3) for l3 in range(4) for l1, l2 in clebsch_gordan.paths(3, 3, l3)]
    assert sorted(found) == sorted(TRIPLES)
    assert clebsch_gordan.paths(0, 2, 1) == ((0, 1),)


def test_odd_parity_is_refused():
    with pytest.raises(ValueError, match=r"natural parity.*\(1, 1, 1\)"):
        clebsch_gordan.clebsch_gordan(1, 1, 1)
