"""Drawn paper: of any grey, smooth, grainy or patterned, with rules, boxes, bindings and print."""

from __future__ import annotations

import cv2
import numpy as np

from mnist_classifier.learn.arrays import Floats

KINDS = ("plain", "shaded", "patterned", "ruled", "boxed", "bound")
"""Plain: one grey. Shaded: light and grain vary. Patterned: waves, as on cheques. Ruled: lines or
dots along the text. Boxed: uprights between digits or beside them. Bound: black at an edge."""
_SHARES = (0.12, 0.16, 0.26, 0.22, 0.16, 0.08)


def draw_paper(
    generator: np.random.Generator, width: int, height: int, top: float, bottom: float
) -> tuple[Floats, str]:
    """Draw paper for a line of text.

    Args:
        generator: Random numbers.
        width: In pixels.
        height: In pixels.
        top: Where the digits begin, in pixels from above; rules and boxes lie about them.
        bottom: Where they end.

    Returns:
        Greys, shape ``(height, width)``, 0 black to 1 white; and which of `KINDS` it is.
    """
    kind = str(generator.choice(KINDS, p=_SHARES))
    base = generator.uniform(0.75, 1) if generator.random() < 0.6 else generator.uniform(0.35, 1)
    paper = np.full((height, width), base, np.float32)
    if kind == "plain":
        return paper, kind
    if kind == "patterned" or generator.random() < 0.1:
        for _ in range(int(generator.integers(1, 4))):
            _waves(paper, generator)
    if kind != "boxed" or generator.random() < 0.5:
        _shade(paper, generator)
    if generator.random() < 0.12:
        _watermark(paper, generator)
    if kind == "ruled" or generator.random() < 0.12:
        for _ in range(int(generator.integers(1, 3))):
            _rule(paper, generator, top, bottom)
    if kind == "boxed":
        _boxes(paper, generator, top, bottom)
    elif kind != "patterned" and generator.random() < 0.15:
        _upright(paper, generator, _side(generator, width))
    if kind == "bound":
        _bind(paper, generator)
    return paper, kind


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


def _upright(paper: Floats, generator: np.random.Generator, x: float) -> None:
    """Rule an upright at x, single or double."""
    height = paper.shape[0]
    slope = generator.normal(0, 0.02) * height
    dark = np.float32(generator.uniform(0.2, 1))
    pen = generator.uniform(0.7, 3)
    ends = [(x - slope, -1.0), (x + slope, height + 1.0)]
    paper -= _line(paper.shape, ends, pen) * dark
    if generator.random() < 0.2:
        apart = generator.uniform(3, 6)
        paper -= _line(paper.shape, [(px + apart, py) for px, py in ends], pen) * dark


def _side(generator: np.random.Generator, width: int) -> float:
    """Return a place near the left or the right edge."""
    inside = generator.uniform(0, 0.08) * width
    return inside if generator.random() < 0.5 else width - 1 - inside


def _boxes(paper: Floats, generator: np.random.Generator, top: float, bottom: float) -> None:
    """Rule the frame of a cell; the uprights between digits are drawn where these are placed."""
    tall = bottom - top
    dark = np.float32(generator.uniform(0.3, 1))
    pen = generator.uniform(0.7, 3)
    width = paper.shape[1]
    for y in (
        top - tall * generator.uniform(0.05, 0.4),
        bottom + tall * generator.uniform(0.05, 0.4),
    ):
        if generator.random() < 0.75:
            paper -= _line(paper.shape, [(-1.0, y), (width + 1.0, y)], pen) * dark
    if generator.random() < 0.6:
        _upright(paper, generator, _side(generator, width))


def _bind(paper: Floats, generator: np.random.Generator) -> None:
    """Blacken an edge, as a book's binding or the desk beside a sheet."""
    height, width = paper.shape
    dark = generator.uniform(0, 0.3)
    share = generator.uniform(0.02, 0.3)
    side = int(generator.integers(4))
    if side < 3:  # left or right most often
        edge = int(share * width)
        part = paper[:, :edge] if side % 2 == 0 else paper[:, width - edge :]
    else:
        edge = int(0.4 * share * height)
        part = paper[:edge] if generator.random() < 0.5 else paper[height - edge :]
    part[:] = dark + 0.1 * (part - part.mean() if part.size else 0)


def _line(shape: tuple[int, ...], ends: list[tuple[float, float]], pen: float) -> Floats:
    """Draw a line; a pen below a pixel draws fainter. Returns shape ``shape``, in [0, 1]."""
    mask = np.zeros(shape, np.uint8)
    a, b = (tuple(round(8 * value) for value in end) for end in ends)
    cv2.line(mask, a, b, round(255 * min(1.0, pen)), max(1, round(pen)), cv2.LINE_AA, shift=3)
    scaled: Floats = mask.astype(np.float32) / np.float32(255)
    return scaled
