"""Pictures of ink on paper: pens that fail, cameras out of focus, few pixels, noise."""

from __future__ import annotations

import cv2
import numpy as np

from mnist_classifier.learn.arrays import Floats, Images
from mnist_classifier.learn.data.paper import Extent

# Of ink on paper, from 0 to 1, and for each standard deviation of the paper's greys under it: what
# has less, no one could read.
_LEAST_CONTRAST, _AGAINST_PATTERN = 0.12, 1.2
_LEAST_PIXELS = 9.5  # of a text's height, where few are left


def photograph(
    paper: Floats, layer: Images, text: Extent, generator: np.random.Generator
) -> Images:
    """Lay ink on paper and take its picture.

    Args:
        paper: Greys, shape ``(height, width)``, 0 black to 1 white.
        layer: Ink, uint8, 0 to 255, with some times as many pixels.
        text: Where on the paper the text lies: what is written there stays legible.
        generator: Random numbers.

    Returns:
        Shape ``(height, width)``, uint8; one in ten as a negative.
    """
    height, width = paper.shape
    ink = np.asarray(cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    ink = _dry(ink / np.float32(255), generator)
    paper = np.clip(paper, 0.02, 1)
    light = float(np.median(paper))
    black = generator.uniform(0, 0.35) * light
    strength = np.float32(generator.uniform(0.35, 1) if generator.random() < 0.6 else 1)
    if generator.random() < 0.2:  # pressed here, lifted there
        ends = generator.uniform(0.5, 1, (1, 4)).astype(np.float32)
        strength = strength * cv2.resize(ends, (width, 1), interpolation=cv2.INTER_LINEAR)
    about = _inside(paper, text)
    least = _LEAST_CONTRAST + _AGAINST_PATTERN * float(about.std())
    if float(np.mean(strength)) * (light - black) < least:
        black, strength = 0.0, np.float32(1)
    inked = np.asarray(paper + ink * strength * (np.float32(black) - paper), np.float32)
    picture = _blur(inked, text.height, generator)
    last = generator.random()
    if last < 0.08:  # black and white
        contrast = float(np.mean(strength)) * (light - black)
        level = light - contrast * generator.uniform(0.25, 0.6)
        picture = (picture > level).astype(np.float32)
    elif last < 0.16:  # few greys
        picture = np.asarray(np.round(picture * 5) / 5, np.float32)
    grey = np.asarray(np.clip(picture * 255, 0, 255), np.uint8)
    if generator.random() < 0.25:
        quality = int(generator.integers(25, 90))
        _, encoded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
        grey = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
    return 255 - grey if generator.random() < 0.1 else grey


def _inside(paper: Floats, text: Extent) -> Floats:
    """Return the part of the paper that the text lies on, at least a pixel."""
    left = int(np.clip(text.left, 0, paper.shape[1] - 1))
    top = int(np.clip(text.top, 0, paper.shape[0] - 1))
    right, bottom = max(left + 1, int(text.right)), max(top + 1, int(text.bottom))
    part: Floats = paper[top:bottom, left:right]
    return part


def _dry(ink: Floats, generator: np.random.Generator) -> Floats:
    """Let the pen fail in some lines: pencil, a dry pen, the paper's grain."""
    height, width = ink.shape
    failing = generator.random()
    if failing >= 0.25:
        return ink
    coarse = (height // 2, width // 2) if failing < 0.12 else (height, width)
    grain = cv2.resize(generator.random(coarse, np.float32), (width, height))
    dry: Floats = ink * np.clip((grain - generator.uniform(-0.4, 0.25)) * 3, 0, 1)
    return dry


def _blur(picture: Floats, tall: float, generator: np.random.Generator) -> Floats:
    """Take some pictures out of focus, with few pixels, with noise; the text is so tall."""
    height, width = picture.shape
    if generator.random() < 0.3:
        blur = min(generator.uniform(0.4, 1.3), 0.07 * tall)
        picture = cv2.GaussianBlur(picture, (0, 0), max(0.3, blur))  # type: ignore[assignment]
    if generator.random() < 0.35:
        scale = min(0.95, max(generator.uniform(0.35, 0.85), _LEAST_PIXELS / max(1.0, tall)))
        few = max(8, round(width * scale)), max(8, round(height * scale))
        small = cv2.resize(picture, few, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    if generator.random() < 0.5:
        noise = generator.uniform(0, 0.06) * generator.standard_normal((height, width))
        picture = np.asarray(picture + noise.astype(np.float32), np.float32)
    return picture
