"""Confidence intervals of shares."""

from __future__ import annotations

from scipy.stats import binomtest


def wilson_interval(correct: int, size: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927).

    Args:
        correct: How many succeeded, 0 to ``size``.
        size: How many were tried, at least 1.

    Returns:
        Low and high end, each 0 to 1.
    """
    interval = binomtest(correct, size).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)
