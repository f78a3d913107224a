"""Work: how much a picture may cost, counted and not timed, so that it always reads the same."""

from __future__ import annotations

MOST_MARKS = 600
"""In a megapixel: more marks than a page full of digits has."""

LEAST_MARKS, PIXELS_PER_MARK = 60, 500
"""A small picture may have so many, and one more for so many pixels: a sheet of MNIST's images,
each 28×28, has fewer."""

MOST_NESTED = 8
"""The marks' boxes may cover a picture so often: those of digits lie side by side."""

MOST_TRIED = 700
"""Parts of marks and joined marks that are tried as digits, each counted by its pixels too."""

LEAST_TRIED, PIXELS_PER_TRIED = 400, 500
"""In a small picture so many are tried, and one more for so many pixels: a digit on its side, which
is wide, has up to 60 parts."""

SAMPLE, LEAST_LIKELY = 48, 0.2
"""Of twice as many marks or more, so many are judged first; of a page, most of them are digits."""

HALF_SIZE_ABOVE = 6_000_000
"""Pixels: a photo or page with more is decoded at half its size, enough for its digits."""

MOST_WIDTH = 8_000
"""Pixels of strips, 32 high, after which no further lines of marks are read as a whole."""

LEAST_WIDTH, PIXELS_PER_WIDTH = 1_500, 100
"""In a small picture it is so many, and one more for so many of its pixels."""

_PIXELS_PER_IMAGE = 10_000  # so many more pixels cost as much again as one more image

_ADVICE = "expected a number or a page of numbers: crop to it"


class TooMuchWorkError(Exception):
    """A picture would cost more than any page of digits; the message is for its reading."""


class Work:
    """Counts what is tried for one picture, before it is."""

    def __init__(self, picture_pixels: int) -> None:
        """Begin with nothing."""
        self._spent = 0.0
        self._most = min(MOST_TRIED, LEAST_TRIED + picture_pixels // PIXELS_PER_TRIED)

    def spend(self, images: int, pixels: int) -> None:
        """Count images that are to be tried as digits, made of so many pixels of ink.

        Raises:
            TooMuchWorkError: They are more than a picture may cost.
        """
        self._spent += images + pixels / _PIXELS_PER_IMAGE
        if self._spent > self._most:
            raise TooMuchWorkError(f"too many marks that may be parts of digits; {_ADVICE}")


def most_width(picture_pixels: int) -> int:
    """Return how many pixels of strips suffice for a picture's lines of marks."""
    return min(MOST_WIDTH, LEAST_WIDTH + picture_pixels // PIXELS_PER_WIDTH)


def check_sample(likely: int, count: int) -> None:
    """Check that of many marks some are digits, by a sample of them.

    Args:
        likely: How many of the sample are more likely digits than not.
        count: How many the sample has.

    Raises:
        TooMuchWorkError: They are too few for a page of digits.
    """
    if likely < LEAST_LIKELY * count:
        raise TooMuchWorkError(f"too many marks that are no digits; {_ADVICE}")


def check_marks(count: int, box_pixels: int, picture_pixels: int) -> None:
    """Check that marks can be cut out one by one.

    Raises:
        TooMuchWorkError: They are too many, or too many lie in each other's boxes.
    """
    most = min(
        MOST_MARKS * max(1, round(picture_pixels / 1_000_000)),
        LEAST_MARKS + picture_pixels // PIXELS_PER_MARK,
    )
    if count > most:
        raise TooMuchWorkError(f"more than {most:,} marks; {_ADVICE}")
    if box_pixels > MOST_NESTED * picture_pixels:
        raise TooMuchWorkError(f"more than {MOST_NESTED} marks one in the other; {_ADVICE}")
