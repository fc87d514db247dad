"""Ratio of two arms' errors over replicas that differ in nothing but the arm's switch."""

from typing import NamedTuple

import numpy as np
from scipy import stats


class Ratio(NamedTuple):
    """Geometric mean of paired ratios with its 95 % interval; NaN where too few pairs tell."""

    estimate: float
    low: float
    high: float
    num_pairs: int


def ratio(errors: np.ndarray, reference: np.ndarray, blocks: np.ndarray) -> Ratio:
    """Ratio of errors to those of the reference arm, from Student's t over blocks of pairs.

    Replicas of one seed share their training molecules whatever their size, so the mean of each block of pairs is one
    observation and not each pair.

    Args:
        errors: of pairs, shape (n,), positive; NaN pairs are left out.
        reference: of the other arm, shape (n,), likewise.
        blocks: seed of each pair, shape (n,).
    """
    known = np.isfinite(errors) & np.isfinite(reference) & (errors > 0) & (reference > 0)
    if not known.any():
        return Ratio(np.nan, np.nan, np.nan, 0)
    logs = np.log(errors[known] / reference[known])
    means = np.array([logs[blocks[known] == block].mean() for block in np.unique(blocks[known])])
    if len(means) < 2:
        return Ratio(float(np.exp(means[0])), np.nan, np.nan, int(known.sum()))
    half = stats.t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means))
    low, middle, high = np.exp(means.mean() + np.array([-half, 0.0, half]))
    return Ratio(float(middle), float(low), float(high), int(known.sum()))
