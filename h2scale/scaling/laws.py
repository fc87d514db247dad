"""Functional forms of scaling laws: sums of power-law terms in the number of parameters N and of training data D.

Every form is a sum of terms c * N^-alpha or c * D^-beta (or both, or neither) with c >= 0, so that one description
(the exponents that act on each term) is enough to evaluate and to fit all of them. A broken power law is left out: it
has six parameters in one variable, more than a grid of a few sizes can tell apart.

Reference:
    Hoffmann et al., arXiv:2203.15556, for `sum`; Li et al., arXiv:2502.18969, for why forms should be compared on
    cells that were held out instead of by the quality of the fit.
"""

from typing import NamedTuple

import numpy as np


class Law(NamedTuple):
    """One functional form."""

    formula: str
    coefficients: tuple[str, ...]  # name of each term's coefficient: E, A or B
    exponents: tuple[tuple[bool, bool], ...]  # per term: True where N^-alpha acts on it, and where D^-beta does

    @property
    def num_free(self) -> int:
        """Number of parameters to be fitted."""
        return len(self.coefficients) + sum(any(column) for column in zip(*self.exponents, strict=True))


LAWS = {
    "sum": Law("E + A N^-alpha + B D^-beta", ("E", "A", "B"), ((False, False), (True, False), (False, True))),
    "sum_without_offset": Law("A N^-alpha + B D^-beta", ("A", "B"), ((True, False), (False, True))),
    "product": Law("E + A N^-alpha D^-beta", ("E", "A"), ((False, False), (True, True))),
    "params": Law("E + A N^-alpha", ("E", "A"), ((False, False), (True, False))),
    "data": Law("E + B D^-beta", ("E", "B"), ((False, False), (False, True))),
    "constant": Law("E", ("E",), ((False, False),)),
}


def get(form: str) -> Law:
    """Return the law of that name.

    Raises:
        ValueError: for an unknown name.
    """
    if form not in LAWS:
        raise ValueError(f"form must be one of {', '.join(LAWS)}; got {form!r}.")
    return LAWS[form]


def evaluate(
    form: str,
    parameters: np.ndarray,
    num_params: np.ndarray,
    num_data: np.ndarray,
) -> np.ndarray:
    """Compute the loss that a law predicts, in the unit of E, A and B.

    Args:
        form: name of the law.
        parameters: (..., 5), in the order E, A, B, alpha, beta; entries that the law lacks are not read.
        num_params: (n,), N.
        num_data: (n,), D.

    Returns:
        Shape (..., n).
    """
    law = get(form)
    named = dict(zip(("E", "A", "B", "alpha", "beta"), np.moveaxis(np.asarray(parameters), -1, 0), strict=True))
    total: np.ndarray | float = 0.0
    for name, acting in zip(law.coefficients, law.exponents, strict=True):
        term = named[name][..., None] * np.ones(len(num_params))
        for exponent, size, acts in zip(("alpha", "beta"), (num_params, num_data), acting, strict=True):
            if acts:
                term = term * np.asarray(size, dtype=float) ** -named[exponent][..., None]
        total = total + term
    return np.asarray(total)
