"""How sure a reading is, as a person reads it."""

from __future__ import annotations


def percent(probability: float) -> str:
    """Write a probability as a percentage; none is 100 %.

    >>> percent(0.5), percent(0.99999)
    ('50.0%', '> 99.9%')
    """
    written = f"{probability:.1%}"
    return "> 99.9%" if written == "100.0%" else written
