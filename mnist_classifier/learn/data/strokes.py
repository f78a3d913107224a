"""Digits as strokes: the shapes in which the world writes them, and a hand that draws them.

Example: "!133039" is a 1 with a flag: from x 1, y 3 up to 3, 0, then down to 3, 9. A shape is a
list of strokes, parted by spaces. A stroke is points "xy", hexadecimal, on a grid 7 wide and 10
high, from the top left; a smooth line runs through them, or an angular one after "!".

The shapes follow public descriptions of how digits are written and taught by country: Wikipedia's
"Regional handwriting variation", and school scripts such as Zaner-Bloser, D'Nealian and the
Vereinfachte Ausgangsschrift. None is traced.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier.learn.arrays import Images

Points = npt.NDArray[np.float64]

_MOST_PRESSURE = 1.15  # of the pen, times its width
WIDTH, HEIGHT = 6, 9  # of the grid, from the first to the last point

SHAPES: dict[int, dict[str, str]] = {
    0: {
        "ring": "301104173957645130",
        "open": "2002062849666351",
        "tail": "30110417395764513142 4261",
        "slashed": "301104173957645130 6009",
        "crossed over": "511014062849665320 11",
        "square": "!0060690900",
    },
    1: {
        "stem": "3039",
        "slanted": "5019",
        "flag": "!133039",
        "upstroke": "!054049",
        "curved upstroke": "052440 4049",
        "as long as its stem": "!084059",
        "foot": "!123039 1959",
        "upstroke and foot": "!053039 1959",
    },
    2: {
        "swan": "0220524309 0969",
        "wave": "0220524409 09284968",
        "loop": "022052452908174869",
        "like a Q": "132051542809073769",
        "angular": "!00600969",
        "square": "!006064040969",
    },
    3: {
        "round": "012051432445573908",
        "flat roof": "!005024 2444573908",
        "loop": "0120514324 1324455739 3908",
        "square": "!00606909 1464",
    },
    4: {
        "open": "!100565 4249",
        "wide open": "!000555 4239",
        "closed": "!400666 4049",
        "one stroke": "!49400666",
        "like a chair": "00031545 5059",
        "lightning": "!30055529",
        "long bar": "!200666 3239",
        "square": "!000464 6069",
    },
    5: {
        "two strokes": "!1004 0433555729 2908 1060",
        "one stroke": "!601004 0433555729 2908",
        "without roof": "!2014 1443565829 2908",
        "roof apart": "!1004 0433555729 2908 3060",
        "like an S": "60200334563808",
        "square": "!600004646909",
    },
    6: {
        "bow": "502306183957452406",
        "curl": "602306194956341628",
        "like a sigma": "60301205183957544315",
        "straight": "4016284856442516",
        "square": "!600009696404",
    },
    7: {
        "plain": "!006029",
        "curved": "0030604429",
        "bar": "!006029 1555",
        "serif": "!02006029",
        "serif and bar": "!02006039 1555",
        "waved roof": "01103150604529",
        "waved roof and bar": "01103150604529 1555",
        "square": "!006069",
    },
    8: {
        "one line": "51301234573917345251",
        "two rings": "3012345230 3417395734",
        "open": "502012345739174560",
        "from the middle": "341230523417395734",
        "square": "!0060690900 0464",
    },
    9: {
        "ring and stem": "5230122543515549",
        "like a g": "52301225435155482907",
        "hook": "512012244452 6049",
        "slanted leg": "523012254351 5129",
        "curled": "513012345250 50554928",
        "square": "!640400606909",
    },
}


@dataclass(frozen=True)
class Hand:
    """How a person writes, the same for all the digits of a line.

    Attributes:
        slant: Pixels to the right for each pixel up.
        stretch: Width against height, 1 as on the grid.
        pen: Width of the pen as a share of the digits' height.
        shake: Standard deviation of points, in the grid's units.
    """

    slant: float
    stretch: float
    pen: float
    shake: float


def spline(points: Points, steps: int = 8) -> Points:
    """Round a line's corners (Catmull and Rom's spline through all points).

    Args:
        points: Shape ``(n, 2)``.
        steps: Points for each of the line's pieces.
    """
    if len(points) < 3:
        return points
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    p0, p1, p2, p3 = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    pieces = 0.5 * (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return np.vstack([pieces.reshape(-1, 2), points[-1:]])


def write(
    shape: str, hand: Hand, height: float, generator: np.random.Generator, grid: int = HEIGHT
) -> Images:
    """Write a shape with a hand.

    Points move a little, and ends more, so that strokes miss or cross each other; the pen presses
    more here and less there.

    Args:
        shape: Strokes, as in `SHAPES`.
        hand: Whose.
        height: Of the digit, in pixels.
        generator: Random numbers.
        grid: The grid's height.

    Returns:
        The ink, uint8, 0 to 255, with a margin; nothing is cut off.
    """
    unit = height / grid
    pen = max(1.0, hand.pen * height)
    lines = []
    for stroke in shape.split():
        angular = stroke[0] == "!"
        points = np.array([int(c, 16) for c in stroke.lstrip("!")], float).reshape(-1, 2)
        points += generator.normal(0, hand.shake, points.shape)
        points[[0, -1]] += generator.normal(0, hand.shake, (2, 2))
        points[:, 0] = points[:, 0] * hand.stretch + (grid - points[:, 1]) * hand.slant
        lines.append((points if angular else spline(points, 6)) * unit)
    every = np.vstack(lines)
    # Room for the soft edge, for rounding, and, in whole pixels, for pressure.
    margin = pen / 2 + 3 + np.ceil((_MOST_PRESSURE - 1) * pen / 2)
    origin = every.min(axis=0) - margin
    width, tall = (np.ceil(every.max(axis=0) + margin - origin)).astype(int)
    canvas = np.zeros((max(3, tall), max(3, width)), np.uint8)
    pressure = generator.uniform(0.75, _MOST_PRESSURE, 2)
    for line in lines:
        pixels = np.round((line - origin) * 8).astype(np.int32)  # three bits of fraction
        half = max(1, len(pixels) // 2)
        for part, press in ((pixels[: half + 1], pressure[0]), (pixels[half:], pressure[1])):
            cv2.polylines(
                canvas, [part], False, 255, max(1, round(pen * press)), cv2.LINE_AA, shift=3
            )
    return canvas
