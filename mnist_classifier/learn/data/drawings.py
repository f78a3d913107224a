"""Draw non-digits, for a network that learns to refuse them: letters, scribbles, noise.

All are drawn from random strokes. The only handwriting in them is MNIST's own digits, turned on
their side or pushed together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
from PIL import ImageFont

from mnist_classifier.learn.arrays import Floats
from mnist_classifier.learn.data.strokes import spline
from mnist_classifier.normalisation import SIDE, normalise

_CANVAS = 96
# Strokes on a grid 4 wide and 6 high, "xy" points from the top left, parted by a space between
# strokes. Letters that people write like digits (O, I, l, S, Z, B, b, g, q, y, G, D) are left out.
LETTERS = {
    "A": "062046 1434", "C": "4130100105163645", "E": "40000646 0333", "F": "400006 0333",
    "H": "0006 4046 0343", "J": "403514260504", "K": "0006 400346", "L": "000646",
    "M": "0600244046", "N": "06004640", "P": "0600304143330303", "Q": "20011516354540 2446",
    "R": "06003041423303 2346", "T": "0040 2026", "U": "000516354540", "V": "002640",
    "W": "0016243640", "X": "0046 4006", "Y": "002340 2326", "a": "423212030516364544 424647",
    "d": "4046 4232120305163645", "e": "044443321203051646", "f": "31202026 0242",
    "h": "0006 0312223336", "k": "0006 320446", "m": "0602 03121326 2312323346",
    "n": "0602 0312223436", "p": "0207 02123243443505", "r": "0602 04132242",
    "t": "20253646 0242", "u": "0205163645 4246", "v": "022642", "w": "0216243642",
    "x": "0246 4206", "+": "2125 0343", "-": "0343", "=": "0242 0444", "#": "1016 3036 0242 0444",
    "*": "2026 0145 4105", "?": "011030413223 2425 2626", "<": "410345", ">": "014305",
    "^": "042044", "~": "0413244342", "triangle": "20460620", "arrow": "0343 214325",
    "N'": "060046", "star": "204601410620", "heart": "26021021304226",
}  # fmt: skip


# Of the fonts that matplotlib brings; those left out stay unseen, for measuring.
_FONTS = (
    "DejaVuSans", "DejaVuSans-BoldOblique", "DejaVuSerif", "DejaVuSerif-Italic",
    "DejaVuSansMono-Oblique", "STIXGeneral", "STIXGeneralBol", "cmr10", "cmtt10", "cmmi10",
)  # fmt: skip
_PRINTED = "acdefhkmnprtuvwxACEFHJKLMNPRTUVWXY?#&@%+="


def _in_unit_range(canvas: npt.NDArray[Any]) -> Floats:
    scaled: Floats = canvas.astype(np.float32) / np.float32(255)
    return scaled


def _to_image(canvas: npt.NDArray[Any]) -> Floats:
    return normalise(_in_unit_range(canvas))


def _draw(strokes: list[npt.NDArray[np.float64]], generator: np.random.Generator) -> Floats:
    """Draw smooth strokes, points in [0, 1]², with one pen, and normalise."""
    canvas = np.zeros((_CANVAS, _CANVAS), np.uint8)
    pen = int(generator.integers(4, 15))
    for points in strokes:
        pixels = np.round((0.12 + 0.76 * points) * _CANVAS).astype(np.int32)
        cv2.polylines(canvas, [pixels], False, 255, pen, cv2.LINE_AA)
    return _to_image(canvas)


def letter(generator: np.random.Generator) -> Floats:
    """Write a letter or sign with a shaky hand."""
    name = generator.choice(list(LETTERS))
    jitter = generator.uniform(0.0, 0.07)
    slant = generator.uniform(-0.3, 0.3)
    width = generator.uniform(0.6, 1.1)
    angular = generator.random() < 0.4
    strokes = []
    for stroke in LETTERS[str(name)].split():
        grid = np.array([int(digit) for digit in stroke]).reshape(-1, 2)
        points = grid / [4.0, 6.0] + generator.normal(0, jitter, grid.shape)
        points[:, 0] = 0.5 + width * (points[:, 0] - 0.5) + slant * (0.5 - points[:, 1])
        strokes.append(points if angular else spline(points))
    return _draw([np.clip(points, -0.1, 1.1) for points in strokes], generator)


@cache
def _fonts() -> list[ImageFont.FreeTypeFont]:
    """Open the fonts that come with matplotlib."""
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return [ImageFont.truetype(str(folder / f"{name}.ttf"), _CANVAS) for name in _FONTS]


def printed_letter(generator: np.random.Generator) -> Floats:
    """Print a letter or two in one of OpenCV's or matplotlib's fonts."""
    text = str(generator.choice(list(_PRINTED)))
    if generator.random() < 0.2:
        text += str(generator.choice(list(_PRINTED)))
    font = int(generator.integers(0, 8 + len(_FONTS)))
    if font < 8:
        canvas = np.zeros((2 * _CANVAS, 3 * _CANVAS), np.uint8)
        pen = int(generator.integers(2, 9))
        cv2.putText(canvas, text, (40, 130), font, 3, 255, pen, cv2.LINE_AA)
    else:
        page = PIL.Image.new("L", (3 * _CANVAS, 2 * _CANVAS))
        PIL.ImageDraw.Draw(page).text((40, 30), text, fill=255, font=_fonts()[font - 8])
        canvas = np.asarray(page, np.uint8)
    shear, width = generator.uniform(-0.3, 0.3), generator.uniform(0.7, 1.2)
    slanted = np.array([[width, shear, 0], [0, 1, 0]])
    return _to_image(cv2.warpAffine(canvas, slanted, canvas.shape[::-1]))


def tangle(generator: np.random.Generator) -> Floats:
    """Draw a long line that winds about itself."""
    turns = int(generator.integers(3, 8))
    t = np.linspace(0, 2 * np.pi, 40 * turns)[:, None]
    frequencies = generator.uniform(1, turns, (1, 5, 2))
    phases = generator.uniform(0, 2 * np.pi, (1, 5, 2))
    sizes = generator.normal(0, 1, (1, 5, 2))
    points = (sizes * np.sin(frequencies * t[:, :, None] + phases)).sum(axis=1)
    points = (points - points.min(axis=0)) / np.maximum(np.ptp(points, axis=0), 1e-9)
    return _draw([points], generator)


def random_points(
    count: int, scattered: bool, generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the points of a scribble in [0, 1]², scattered or as a walk; shape ``(count, 2)``."""
    if scattered:
        return generator.uniform(0, 1, (count, 2))
    walk = np.cumsum(generator.normal(0, 1, (count, 2)), axis=0)
    return np.asarray((walk - walk.min(axis=0)) / np.maximum(np.ptp(walk, axis=0), 1e-9))


def scribble(generator: np.random.Generator) -> Floats:
    """Scribble: a line that turns many times."""
    n = int(generator.integers(7, 30))
    points = random_points(n, generator.random() < 0.5, generator)
    if generator.random() < 0.3:  # to and fro, as one blackens a patch
        points[:, 0] = np.arange(n) % 2
        points[:, 1] = np.linspace(0, 1, n)
        points += generator.normal(0, 0.08, points.shape)
        if generator.random() < 0.5:
            points = points[:, ::-1].copy()
    return _draw([spline(points) if generator.random() < 0.7 else points], generator)


def strokes(generator: np.random.Generator) -> Floats:
    """Draw a few unconnected lines and arcs."""
    lines = []
    for _ in range(int(generator.integers(3, 8))):
        lines.append(spline(generator.uniform(0, 1, (int(generator.integers(2, 4)), 2))))
    return _draw(lines, generator)


def noise(generator: np.random.Generator) -> Floats:
    """Draw noise, fine or coarse, thin or dense."""
    side = int(generator.choice([7, 14, 28]))
    grains = generator.random((side, side)).astype(np.float32)
    kind = generator.integers(3)
    if kind == 0:
        grains = (grains < generator.uniform(0.02, 0.7)).astype(np.float32)
    elif kind == 1:
        grains = cv2.GaussianBlur(grains, (5, 5), generator.uniform(0.5, 1.5)).astype(np.float32)
        grains = np.clip((grains - grains.mean()) * generator.uniform(2, 12) + 0.5, 0, 1)
    image = cv2.resize(grains, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    return image if generator.random() < 0.5 else normalise(image)


def patch(generator: np.random.Generator) -> Floats:
    """Draw a filled shape, a gradient or almost nothing."""
    canvas = np.zeros((_CANVAS, _CANVAS), np.uint8)
    kind = generator.integers(4)
    if kind == 0:
        count = int(generator.integers(3, 8))
        angles = np.sort(generator.uniform(0, 2 * np.pi, count))
        reach = generator.uniform(22, 40, (count, 1))
        corners = 48 + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        cv2.fillPoly(canvas, [corners.astype(np.int32)], 255)
    elif kind == 1:
        axes = generator.integers(20, 40, 2)  # a narrow one would look like a 1
        cv2.ellipse(canvas, (48, 48), (int(axes[0]), int(axes[1])), 0, 0, 360, 255, -1)
    elif kind == 2:
        ramp = np.linspace(0, generator.uniform(0.2, 1), SIDE, dtype=np.float32)
        return np.tile(ramp, (SIDE, 1))
    else:
        grey = generator.uniform(0, 1) if generator.random() < 0.7 else 0.0
        return np.full((SIDE, SIDE), grey, np.float32)
    return _to_image(canvas)


def turned_digit(
    digits: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer], generator: np.random.Generator
) -> Floats:
    """Lay a digit on its side, or mirror it, where that makes it no digit."""
    while True:
        index = int(generator.integers(len(digits)))
        digit, label = digits[index], int(labels[index])
        if label in (3, 4, 7):
            turn = int(generator.integers(3))
            turned = (np.rot90(digit), np.rot90(digit, 3), digit[:, ::-1])[turn]
            return _in_unit_range(turned)
        if label in (2, 5):
            return _in_unit_range(np.rot90(digit))


def pressed_together(digits: npt.NDArray[np.uint8], generator: np.random.Generator) -> Floats:
    """Put two or three digits side by side, as one piece of ink."""
    chosen = digits[generator.integers(len(digits), size=int(generator.integers(2, 4)))]
    canvas = np.zeros((SIDE, SIDE * len(chosen)), np.uint8)
    x = 0
    for digit in chosen:
        columns = np.flatnonzero(digit.max(axis=0) > 50)
        piece = digit[:, columns[0] : columns[-1] + 1]
        target = canvas[:, x : x + piece.shape[1]]
        np.maximum(target, piece[:, : target.shape[1]], out=target)
        x += piece.shape[1] + int(generator.integers(-3, 2))
    return _to_image(canvas)


def nondigits(
    n: int,
    digits: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.integer],
    generator: np.random.Generator,
) -> Floats:
    """Draw pictures that are no digits.

    Args:
        n: How many.
        digits: MNIST images, shape ``(m, 28, 28)``, of which some are turned or pushed together.
        labels: Their labels, shape ``(m,)``.
        generator: Random numbers.

    Returns:
        Shape ``(n, 28, 28)``, float32 in [0, 1], normalised like digits.
    """
    kinds: list[tuple[float, Callable[[], Floats]]] = [
        (0.24, lambda: letter(generator)),
        (0.18, lambda: printed_letter(generator)),
        (0.10, lambda: scribble(generator)),
        (0.08, lambda: tangle(generator)),
        (0.08, lambda: strokes(generator)),
        (0.08, lambda: noise(generator)),
        (0.04, lambda: patch(generator)),
        (0.08, lambda: turned_digit(digits, labels, generator)),
        (0.12, lambda: pressed_together(digits, generator)),
    ]
    choices = generator.choice(len(kinds), size=n, p=[share for share, _ in kinds])
    return np.stack([kinds[choice][1]() for choice in choices])
