"""Work: how much a picture may cost, counted and not timed, so that it always reads the same."""

from __future__ import annotations

MOST_MARKS = 600
"""In a megapixel: more marks than a page full of digits has. A smaller picture may have as many."""

MOST_NESTED = 8
"""The marks' boxes may cover a picture so often: those of digits lie side by side."""

MOST_TRIED = 700
"""Parts of marks and joined marks that are tried as digits, each counted by its pixels too."""

HALF_SIZE_ABOVE = 6_000_000
"""Pixels: a photo or page with more is decoded at half its size, enough for its digits."""

MOST_WIDTH = 8_000
"""Pixels of strips, 32 high, after which no further lines of marks are read as a whole."""

_PIXELS_PER_IMAGE = 10_000  # so many more pixels cost as much again as one more image

_ADVICE = "expected a number or a page of numbers: crop to it"


class TooMuchWorkError(Exception):
    """A picture would cost more than any page of digits; the message is for its reading."""


class Work:
    """Counts what is tried for one picture, before it is."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._spent = 0.0

    def spend(self, images: int, pixels: int) -> None:
        """Count images that are to be tried as digits, made of so many pixels of ink.

        Raises:
            TooMuchWorkError: They are more than a picture may cost.
        """
        self._spent += images + pixels / _PIXELS_PER_IMAGE
        if self._spent > MOST_TRIED:
            raise TooMuchWorkError(f"too many marks that may be parts of digits; {_ADVICE}")


def check_marks(count: int, box_pixels: int, picture_pixels: int) -> None:
    """Check that marks can be cut out one by one.

    Raises:
        TooMuchWorkError: They are too many, or too many lie in each other's boxes.
    """
    most = MOST_MARKS * max(1, round(picture_pixels / 1_000_000))
    if count > most:
        raise TooMuchWorkError(f"more than {most:,} marks; {_ADVICE}")
    if box_pixels > MOST_NESTED * picture_pixels:
        raise TooMuchWorkError(f"more than {MOST_NESTED} marks one in the other; {_ADVICE}")
