"""Drawn paper: of any grey, smooth, grainy or patterned, with rules, boxes, bindings and print."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import cv2
import numpy as np

from mnist_classifier.learn.arrays import Floats

KINDS = ("plain", "shaded", "patterned", "ruled", "boxed", "bound")
"""Plain: one grey. Shaded: light and grain vary. Patterned: waves, as on cheques. Ruled: lines or
dots along the text. Boxed: a frame, uprights between digits. Bound: black at an edge. Uprights at
the sides, as of a table's columns, may stand on any."""
_SHARES = (0.12, 0.16, 0.24, 0.2, 0.18, 0.1)
# How often a column's uprights stand at the sides.
_COLUMNS = {"plain": 0.25, "patterned": 0.06, "boxed": 0.0}
_OTHER_COLUMNS = 0.3


@dataclass(frozen=True)
class Extent:
    """Where the text lies on the paper, in pixels from the left and from above."""

    left: float
    top: float
    right: float
    bottom: float

    def __truediv__(self, scale: float) -> Extent:
        """Return the extent where pixels are so many times as large."""
        return Extent(*(value / scale for value in astuple(self)))

    @property
    def height(self) -> float:
        """Of the text."""
        return self.bottom - self.top


def draw_kind(generator: np.random.Generator) -> str:
    """Draw a kind of paper, of `KINDS`."""
    return str(generator.choice(KINDS, p=_SHARES))


def draw_paper(
    generator: np.random.Generator,
    kind: str,
    width: int,
    height: int,
    text: Extent,
    between: tuple[float, ...] = (),
) -> Floats:
    """Draw paper for a line of text.

    Args:
        generator: Random numbers.
        kind: Which of `KINDS`.
        width: In pixels.
        height: In pixels.
        text: Where the text lies; rules, boxes and bindings lie about it.
        between: Where its characters meet, in pixels from the left: boxes may part them there.

    Returns:
        Greys, shape ``(height, width)``, 0 black to 1 white; a little beyond, where lines cross.
    """
    base = generator.uniform(0.75, 1) if generator.random() < 0.6 else generator.uniform(0.35, 1)
    paper = np.full((height, width), base, np.float32)
    if kind == "patterned" or (kind != "plain" and generator.random() < 0.1):
        for _ in range(int(generator.integers(1, 4))):
            _waves(paper, generator)
    if kind != "plain" and (kind != "boxed" or generator.random() < 0.5):
        _shade(paper, generator)
    if kind != "plain" and generator.random() < 0.12:
        _watermark(paper, generator)
    if kind == "ruled" or (kind != "plain" and generator.random() < 0.12):
        for _ in range(int(generator.integers(1, 3))):
            _rule(paper, generator, text.top, text.bottom)
    if kind == "boxed":
        _boxes(paper, generator, text, between)
    if generator.random() < _COLUMNS.get(kind, _OTHER_COLUMNS):
        _column(paper, generator, text)
    if kind == "bound":
        _bind(paper, generator, text)
    return paper


def _shade(paper: Floats, generator: np.random.Generator) -> None:
    """Let light fall unevenly, and give the paper grain."""
    height, width = paper.shape
    corners = generator.normal(0, generator.uniform(0, 0.12), (2, 3)).astype(np.float32)
    paper += cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    coarse = int(generator.integers(1, 4))
    size = (-(-height // coarse), -(-width // coarse))
    grain = generator.standard_normal(size, np.float32) * np.float32(generator.uniform(0, 0.07))
    paper += cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)


def _waves(paper: Floats, generator: np.random.Generator) -> None:
    """Print thin lines side by side: straight, wavy or crossing, as on a cheque."""
    height, width = paper.shape
    angle = generator.uniform(0, np.pi)
    period = generator.uniform(2.5, 9)
    x = np.arange(width, dtype=np.float32)
    y = np.arange(height, dtype=np.float32)[:, None]
    length = generator.uniform(15, 90)
    swing = generator.uniform(0, 0.35) * length / 6
    bend = swing * np.sin(2 * np.pi * x / length + generator.uniform(0, 6))
    along = np.float32(np.sin(angle)) * x + np.float32(np.cos(angle)) * (y + bend)
    wave = np.cos(2 * np.pi * along / period, dtype=np.float32)
    sharp = generator.uniform(-0.3, 0.7)
    strength = np.float32(generator.uniform(0.04, 0.3))
    if generator.random() < 0.3:  # only on a part
        fade = np.clip((x - generator.uniform(0, width)) / 8, 0, 1)
        strength = strength * (fade if generator.random() < 0.5 else 1 - fade)
    paper -= strength * np.clip((wave - sharp) / (1 - sharp), 0, 1)


def _watermark(paper: Floats, generator: np.random.Generator) -> None:
    """Print large, faint shapes."""
    height, width = paper.shape
    mark = np.zeros((height, width), np.float32)
    for _ in range(int(generator.integers(1, 4))):
        centre = int(generator.integers(0, width)), int(generator.integers(0, height))
        axes = int(generator.integers(4, height)), int(generator.integers(4, height))
        pen = -1 if generator.random() < 0.5 else int(generator.integers(1, 6))
        cv2.ellipse(mark, centre, axes, int(generator.integers(180)), 0, 360, 1.0, pen)
    paper += mark * np.float32(generator.uniform(-0.15, 0.08))


def _rule(paper: Floats, generator: np.random.Generator, top: float, bottom: float) -> None:
    """Rule a line below, above or through the text: whole, dotted or dashed."""
    width = paper.shape[1]
    tall = bottom - top
    place = generator.random()
    if place < 0.6:
        y = bottom + tall * generator.uniform(-0.12, 0.25)
    elif place < 0.85:
        y = top - tall * generator.uniform(-0.1, 0.25)
    else:
        y = top + tall * generator.uniform(0.2, 0.8)
    slope = generator.normal(0, 0.015) * width
    pen = generator.uniform(0.6, 2.2)
    ends = [(-1.0, y - slope), (width + 1.0, y + slope)]
    if generator.random() < 0.1:
        ends[int(generator.integers(2))] = (generator.uniform(0.2, 0.8) * width, y)
    mask = _line(paper.shape, ends, pen)
    if generator.random() < 0.35:
        period = int(generator.integers(2, 8))
        filled = int(generator.integers(1, period))
        mask[:, (np.arange(width) + int(generator.integers(period))) % period >= filled] = 0
    paper -= mask * np.float32(generator.uniform(0.15, 0.9))


def _upright(
    paper: Floats, x: float, slope: float, pen: float, dark: float, apart: float | None
) -> None:
    """Rule an upright at x; a second one beside it, where it is said how far apart."""
    height = paper.shape[0]
    for at in (x,) if apart is None else (x, x + apart):
        ends = [(at - slope * height / 2, -1.0), (at + slope * height / 2, height + 1.0)]
        paper -= _line(paper.shape, ends, pen) * np.float32(dark)


def _column(paper: Floats, generator: np.random.Generator, text: Extent) -> None:
    """Rule the uprights of a column to the left and right of the text, or one of them."""
    slope, pen = generator.normal(0, 0.02), generator.uniform(0.7, 3)
    dark = generator.uniform(0.2, 1)
    apart = generator.uniform(2.5, 6) if generator.random() < 0.3 else None
    sides = generator.random()
    for wanted, edge, outwards in ((sides < 0.8, text.left, -1), (sides > 0.2, text.right, 1)):
        near = generator.uniform(0.08, 0.4) if generator.random() < 0.5 else generator.uniform(0, 2)
        x = edge + outwards * near * text.height
        x = float(np.clip(x, 0.5, paper.shape[1] - 1.5))
        # Through the text itself no upright is ruled.
        if wanted and outwards * (x - edge) > 0.05 * text.height:
            _upright(paper, x, slope, pen, dark, outwards * apart if apart else None)


def _boxes(
    paper: Floats, generator: np.random.Generator, text: Extent, between: tuple[float, ...]
) -> None:
    """Rule a cell about the text: a frame or a part of one, and often a box for each digit."""
    dark, pen = generator.uniform(0.3, 1), generator.uniform(0.7, 3)
    width = paper.shape[1]
    tall = text.height
    top = text.top - tall * generator.uniform(0.03, 0.4)
    bottom = text.bottom + tall * generator.uniform(0.03, 0.4)
    side = generator.uniform(0.08, 0.5) * tall
    left, right = text.left - side, text.right + side
    closed = generator.random() < 0.5  # a frame that ends with the text's boxes
    ends = (left, right) if closed else (-1.0, width + 1.0)
    for y in (top, bottom):
        if generator.random() < 0.75:
            paper -= _line(paper.shape, [(ends[0], y), (ends[1], y)], pen) * np.float32(dark)
    # A comb's teeth stand on its lower line and end below the digits' tops.
    tooth = bottom - generator.uniform(0.15, 0.6) * tall if generator.random() < 0.3 else None
    first = tooth if tooth else (top if generator.random() < 0.7 else -1.0)
    last = bottom if closed or tooth else paper.shape[0] + 1.0
    uprights = [x for x in (left, right) if generator.random() < 0.8]
    if between and generator.random() < 0.8:
        uprights += [x + generator.normal(0, 0.7) for x in between]
    for x in uprights:
        paper -= _line(paper.shape, [(x, first), (x, last)], pen) * np.float32(dark)


def _bind(paper: Floats, generator: np.random.Generator, text: Extent) -> None:
    """Blacken an edge, as a book's binding or the desk beside a sheet; never the text itself."""
    height, width = paper.shape
    dark = generator.uniform(0, 0.3)
    free = 0.05 * text.height
    room = (text.left - free, width - text.right - free, text.top - free)
    side = int(generator.choice(3, p=(0.45, 0.35, 0.2)))
    edge = int(min(room[side], generator.uniform(0.02, 0.4) * (width if side < 2 else height)))
    if edge < 1:
        return
    part = (paper[:, :edge], paper[:, width - edge :], paper[:edge])[side]
    part[:] = dark + 0.1 * (part - part.mean())


def _line(shape: tuple[int, ...], ends: list[tuple[float, float]], pen: float) -> Floats:
    """Draw a line; a pen below a pixel draws fainter. Returns shape ``shape``, in [0, 1]."""
    mask = np.zeros(shape, np.uint8)
    a, b = (tuple(round(8 * value) for value in end) for end in ends)
    cv2.line(mask, a, b, round(255 * min(1.0, pen)), max(1, round(pen)), cv2.LINE_AA, shift=3)
    scaled: Floats = mask.astype(np.float32) / np.float32(255)
    return scaled
