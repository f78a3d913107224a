"""The page in a picture: where a scanner's bed, a book's binding or a desk around it is cut off.

Marks and lines are looked for on the page alone: a black binding is else the largest mark of all.
(Shafait, van Beusekom, Keysers and Breuel, "Document cleanup using page frame detection", 2008.)
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier.read.picture import BgrImage
from mnist_classifier.read.segmentation import Box

_LEAST_SIDE = 48  # pixels: a smaller picture is a digit or a line
_LOOKED_AT = 800  # pixels of the longest side
_BAND, _EDGE = 0.1, 0.6  # shares of page in a row or column: less is beside it, or its ragged edge
_LEAST_BAND, _MOST_EDGE = 0.03, 0.03  # of the page's side
_STEP = 0.5  # of the band's and the page's difference, at the edge
_LEAST_PAGE, _PLAIN = 0.2, 0.75  # of the picture, of the page without ink

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Profile = npt.NDArray[np.floating]
Bounds = tuple[int, int, int, int]
"""Left, top, right, bottom."""


def page_frame(picture: BgrImage) -> Box:
    """Return the box ``(x, y, width, height)`` of the page, in pixels.

    The whole picture, where no band of the other tone lies along one of its sides.

    Args:
        picture: Shape ``(height, width, 3)``, uint8, BGR.
    """
    height, width = picture.shape[:2]
    if min(height, width) < _LEAST_SIDE:
        return 0, 0, width, height
    step = max(1, max(height, width) // _LOOKED_AT)
    grey = np.asarray(cv2.cvtColor(picture[::step, ::step], cv2.COLOR_BGR2GRAY), np.uint8)
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    frames = [_inside(grey, page) for page in (grey > threshold, grey <= threshold)]
    found = [frame for frame in frames if frame != (0, 0, *grey.shape[::-1])]
    if not found:
        return 0, 0, width, height
    left, top, right, bottom = max(found, key=lambda f: (f[2] - f[0]) * (f[3] - f[1]))
    right, bottom = min(width, step * right), min(height, step * bottom)
    return step * left, step * top, right - step * left, bottom - step * top


def _inside(grey: Grey, page: Mask) -> Bounds:
    """Return the bounds of the page in pixels of one tone; all, where they are no page."""
    whole = left, top, right, bottom = (0, 0, *grey.shape[::-1])
    for _ in range(2):  # a band beside the page may hide that one above it is one
        rows, columns = slice(top, bottom), slice(left, right)
        start, end = _middle(page[rows, columns].mean(axis=0), grey[rows, columns].mean(axis=0))
        left, right = left + start, left + end
        columns = slice(left, right)
        start, end = _middle(page[rows, columns].mean(axis=1), grey[rows, columns].mean(axis=1))
        top, bottom = top + start, top + end
    inside = page[top:bottom, left:right]
    is_page = inside.size > _LEAST_PAGE * page.size and inside.mean() > _PLAIN
    return (left, top, right, bottom) if is_page else whole


def _middle(shares: Profile, greys: Profile) -> tuple[int, int]:
    """Return where the page begins and ends, of each row's or column's share and mean grey."""
    begin, end = _band(shares, greys), len(shares) - _band(shares[::-1], greys[::-1])
    return (begin, end) if begin < end else (0, len(shares))


def _band(shares: Profile, greys: Profile) -> int:
    """Return how many rows or columns from the first on lie beside the page."""
    band = _first(shares >= _BAND)
    if band < max(2, _LEAST_BAND * len(shares)) or band == len(shares):
        return 0
    edge = round(_MOST_EDGE * len(shares))
    # A shadow comes little by little.
    step = greys[max(0, band - edge - 1)] - greys[min(len(greys) - 1, band + edge)]
    if abs(step) < _STEP * abs(greys[:band].mean() - greys[band:].mean()):
        return 0
    return band + min(_first(shares[band:] >= _EDGE), edge)


def _first(there: Mask) -> int:
    """Return the index of the first that is true, the length where none is."""
    return int(there.argmax()) if there.any() else len(there)
