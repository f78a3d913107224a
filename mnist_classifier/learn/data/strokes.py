"""Digits as strokes: the shapes in which the world writes them, and a hand that draws them.

Example: "!133039" is a 1 with a flag: from x 1, y 3 up to 3, 0, then down to 3, 9. A shape is a
list of strokes, parted by spaces. A stroke is points "xy", hexadecimal, on a grid 7 wide and 10
high, from the top left, which a wide shape may leave. A smooth line runs through the points, with a
corner where a dot stands: "0060.4429" is a 7 with a curved stem. After "!" each point is a corner.

The shapes follow public descriptions of how digits are written and taught by country: Wikipedia's
"Regional handwriting variation", and school scripts such as Zaner-Bloser, D'Nealian and the
Vereinfachte Ausgangsschrift. None is traced.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier.learn.arrays import Images, Labels
from mnist_classifier.normalisation import SIDE, normalise

Points = npt.NDArray[np.float64]

_MOST_PRESSURE = 1.15  # of the pen, times its width
_PIECES = 4  # of a stroke, each with its own pressure
_DRAWN_HEIGHT = 40  # pixels: twice that of MNIST's digits
_EVENLY = np.linspace(0, 1, 6)[:, None]
WIDTH, HEIGHT = 6, 9  # of the grid, from the first to the last point

SHAPES: dict[int, dict[str, str]] = {
    0: {
        "ring": "301104173957645130",
        "ends apart": "41110306285967635130",
        "ends crossed": "4021031628496663512002",
        "begun inside": "3343310205184966634110",
        "tail": "30110417395764513142 4261",
        "joined": "30110418495764412071",
        "slashed": "301104173957645130 6009",
        "wide and low": "441507194979877544",
        "square": "!0060690900",
    },
    1: {
        "stem": "3039",
        "slanted": "5019",
        "wavy": "4022352819",
        "flag": "!133039",
        "upstroke": "!054049",
        "curved upstroke": "05254240.49",
        "flat upstroke": "051534.50.49",
        "long upstroke": "!075059",
        "as long as its stem": "!094059",
        "wide": "!093069",
        "foot": "!123039 1959",
        "upstroke and foot": "!053039 1959",
        "long foot": "!143039 0968",
        "waved foot": "0540.39 0918395869",
        "looped": "05344130212539",
    },
    2: {
        "swan": "0220524409.69",
        "wave": "0220524409.284968",
        "loop": "022052452908174869",
        "large loop": "12305145290806274869",
        "like a Q": "1512306265381908275879",
        "curled": "32231220506254281909.69",
        "curled, with a loop": "3223122050625428080727596968",
        "angular": "!00600969",
        "square": "!006064040969",
    },
    3: {
        "round": "012051432445573908",
        "of two bows": "0120514324.4457583908",
        "flat roof": "0050.24.44573908",
        "like a Z with a bow": "0060.34.54673908",
        "loop": "012051432414233445573908",
        "curled": "121120514324445739180617",
        "angular": "!005123563908",
        "zigzag": "!0060245509",
        "square": "!00606909 1464",
    },
    4: {
        "open": "!100565 4249",
        "wide open": "!000555 4239",
        "curved": "301305.3565 5249",
        "short stem": "!300666 4539",
        "apart": "!200636 6029",
        "closed": "!400666 4049",
        "one stroke": "!49400666",
        "like a chair": "!00031545 5059",
        "like a y": "0003255350.49",
        "like a y, slanted": "1003144352.70.39",
        "lightning": "!40055529",
        "bar into stem": "300506.55.49",
        "low bar": "300407.67 5549",
        "long bar": "!200686 3239",
        "square": "!000464 6069",
    },
    5: {
        "two strokes": "1004.3355572908 1060",
        "one stroke": "6010.04.3355572908",
        "without roof": "2004.3355572908",
        "roof apart": "1004.3355572908 3060",
        "long roof": "1004.3355572908 1080",
        "rising roof": "1104.3355572908 2170",
        "angular": "!60100454573908",
        "like an S": "60200334563808",
        "square": "!600004646909",
    },
    6: {
        "bow": "502306183957452406",
        "hooked": "525130110507294856442507",
        "deeply hooked": "5352311206183957452507",
        "curled in": "602306194956341628",
        "closed curl": "4231211306183957452416",
        "like a sigma": "70411205183957543213",
        "like a b": "1006184957453406",
        "open": "5022051839575535",
        "straight": "4016284856442516",
        "square": "!600009696404",
    },
    7: {
        "plain": "!006029",
        "curved": "0060.4429",
        "bar": "!006029 1555",
        "curved, with a bar": "0060.4429 1656",
        "long bar": "!006029 0575",
        "serif": "!02006029",
        "serif and bar": "!02006039 1555",
        "serif and low bar": "!02006039 1676",
        "waved roof": "0110315060.4529",
        "waved roof and bar": "0110315060.4529 1555",
        "hooked roof and bar": "00134260.4439 1656",
        "like a y with a bar": "0003245260.4439 1757",
        "looped roof and bar": "121101124160.4439 1656",
        "round": "0120506234.39 1565",
        "square": "!006069",
    },
    8: {
        "one line": "51301234573917345251",
        "two rings": "3012345230 3417395734",
        "open": "502012345739174560",
        "two arms": "50341739573410",
        "from the middle": "341230523417395734",
        "from below": "345739173452301234",
        "closed by a line": "5130123456391716.60",
        "square": "!0060690900 0464",
    },
    9: {
        "ring and stem": "5230122543515549",
        "small ring": "514031233442.51.39",
        "straight stem": "523012244451.59",
        "slanted leg": "523012254351.29",
        "like a g": "513002144451.57391907",
        "like a 3": "52301113345366684807",
        "one hook": "512012244452.49",
        "parted ring": "311002244452.50.49",
        "like a P": "24445240211419",
        "curled": "513012345250554928",
        "square": "!640400606909",
    },
}


ODDS = {
    "square": 0.2, "like a P": 0.2, "like a Q": 0.5, "looped": 0.5, "parted ring": 0.5,
    "two arms": 0.5, "wide": 0.5,
    "bar into stem": 2.0, "deeply hooked": 2.0, "flat upstroke": 2.0, "hooked": 2.0,
    "like a 3": 2.0,
}  # fmt: skip
"""How often a shape is drawn, against 1 of the others."""


@dataclass(frozen=True)
class Hand:
    """How a person writes, the same for all the digits of a line.

    Attributes:
        slant: Pixels to the right for each pixel up.
        stretch: Width against height, 1 as on the grid.
        pen: Width of the pen as a share of the digits' height.
        shake: Standard deviation of points, in the grid's units; proportions, curves and the
            places of strokes vary with it.
        fails: Share of the line's pieces, a quarter of a stroke each, without ink.
    """

    slant: float
    stretch: float
    pen: float
    shake: float
    fails: float = 0.0


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


def _line_through(stroke: str, hand: Hand, generator: np.random.Generator) -> Points:
    """Return the line of a stroke, with each point moved a little, and its ends more."""
    angular = stroke[0] == "!"
    pieces = stroke.lstrip("!").split(".")
    points = np.array([int(c, 16) for c in "".join(pieces)], float).reshape(-1, 2)
    points += generator.normal(0, hand.shake, points.shape)
    points[[0, -1]] += generator.normal(0, hand.shake, (2, 2))
    ends = np.arange(len(points)) if angular else np.cumsum([len(p) // 2 for p in pieces]) - 1
    lines = []
    for start, end in itertools.pairwise([0, *ends[angular:]]):
        piece = points[start : end + 1]
        straight = len(piece) == 2
        lines.append(
            piece[:1] + (piece[1:] - piece[:1]) * _EVENLY if straight else spline(piece, 6)
        )
    return np.vstack(lines)


def _vary(line: Points, bend: npt.NDArray[np.float64], grid: int) -> Points:
    """Change a shape's proportions: its top against its bottom, its width there, its curve."""
    x, y = line[:, 0], line[:, 1] / grid
    x = x + bend[0] * (x - WIDTH / 2) * (y - 0.5) + 4 * bend[1] * y * (1 - y)
    return np.column_stack([x, grid * (y + bend[2] * y * (1 - y))])


def write(
    shape: str, hand: Hand, height: float, generator: np.random.Generator, grid: int = HEIGHT
) -> Images:
    """Write a shape with a hand.

    Points move a little, and strokes as a whole, so that they miss or cross each other; proportions
    and curves vary; the pen presses more here and less there.

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
    bend = np.clip(generator.normal(0, hand.shake, 3), -0.9, 0.9)
    lines = []
    for stroke in shape.split():
        line = _vary(_line_through(stroke, hand, generator), bend, grid)
        line += generator.normal(0, 0.7 * hand.shake, 2)
        line[:, 0] = line[:, 0] * hand.stretch + (grid - line[:, 1]) * hand.slant
        lines.append(line * unit)
    every = np.vstack(lines)
    # Room for the soft edge, for rounding, and, in whole pixels, for pressure.
    margin = pen / 2 + 3 + np.ceil((_MOST_PRESSURE - 1) * pen / 2)
    origin = every.min(axis=0) - margin
    width, tall = (np.ceil(every.max(axis=0) + margin - origin)).astype(int)
    canvas = np.zeros((max(3, tall), max(3, width)), np.uint8)
    first, last = generator.uniform(0.6, _MOST_PRESSURE, 2)
    for line in lines:
        pixels = np.round((line - origin) * 8).astype(np.int32)  # three bits of fraction
        ends = np.linspace(0, len(pixels) - 1, _PIECES + 1).astype(int)
        inked = generator.random(_PIECES) >= hand.fails
        for i in np.flatnonzero(inked):
            press = first + (last - first) * i / (_PIECES - 1)
            part = pixels[ends[i] : ends[i + 1] + 1]
            thickness = max(1, round(pen * press))
            cv2.polylines(canvas, [part], False, 255, thickness, cv2.LINE_AA, shift=3)
    return canvas


def draw_hand(generator: np.random.Generator) -> Hand:
    """Draw a person's hand, for single digits."""
    return Hand(
        slant=generator.normal(0.12, 0.22),
        stretch=float(np.exp(generator.normal(0, 0.28))),
        pen=generator.uniform(0.04, 0.17),
        shake=generator.uniform(0.08, 0.36),
        fails=0.1 if generator.random() < 0.1 else 0.0,
    )


def draw_shape(shape: str, generator: np.random.Generator) -> Images:
    """Draw a shape with a hand by chance; shape ``(28, 28)``, uint8, normalised as MNIST is."""
    ink = write(shape, draw_hand(generator), _DRAWN_HEIGHT, generator)
    return np.asarray((normalise(ink / np.float32(255)) * 255).round(), np.uint8)


def draw_name(label: int, generator: np.random.Generator) -> str:
    """Draw the name of one of a digit's shapes, as often as `ODDS` says."""
    names = list(SHAPES[label])
    odds = np.array([ODDS.get(name, 1.0) for name in names])
    return str(generator.choice(names, p=odds / odds.sum()))


def draw_digits(labels: Labels, generator: np.random.Generator) -> Images:
    """Draw a digit for each label, its shape and hand by chance.

    Args:
        labels: Shape ``(n,)``, 0 to 9.
        generator: Random numbers.

    Returns:
        Shape ``(n, 28, 28)``, uint8, light on dark, normalised as MNIST is.
    """
    drawn = np.empty((len(labels), SIDE, SIDE), np.uint8)
    for i, label in enumerate(labels):
        drawn[i] = draw_shape(SHAPES[label][draw_name(label, generator)], generator)
    return drawn
