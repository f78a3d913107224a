"""Lines of numbers, composed: digits of MNIST and of strokes, separators, on drawn paper.

A line is what a reader of numbers sees: a strip of a picture with one number in it, or none, and
whatever lies about it on paper. Nothing in it is handwriting but the digits that are given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mnist_classifier.learn.arrays import Floats, Images, Labels
from mnist_classifier.learn.data.dataset import SIDE, Split
from mnist_classifier.learn.data.drawings import LETTERS
from mnist_classifier.learn.data.paper import draw_paper
from mnist_classifier.learn.data.strokes import SHAPES, Hand, write
from mnist_classifier.normalisation import LINE_HEIGHT, ink_box, normalise_lines

ALPHABET = "0123456789.,-/:"
"""What may stand in a number. All else on paper is nothing."""
MOST_CHARACTERS = 12
WIDTH = 128
"""Of a line, in pixels, where nothing else is said."""

_FINE = 2  # ink is laid at so many times the line's pixels
# How often a digit is drawn by strokes: more where the world's shapes differ most from MNIST's.
_BY_STROKES = (0.25, 0.75, 0.4, 0.3, 0.5, 0.4, 0.35, 0.6, 0.3, 0.5)
_SQUARE = 0.05  # of a shape, against 1 of the others
_SEPARATORS = {
    ".": ("3839", "3839", "2838"), ",": ("48392b", "482b", "48493a"), "-": ("0545", "0646"),
    "/": ("600a", "500a"), ":": ("3536 3839", "3435 3839"),
}  # fmt: skip
_CLOSINGS = ("0444 0747", "0555 0858", "05f5", "06d4", "0363 0666")
_SIGNS = ("60200334563808 3009", "50301336080969 0555", "60502002072859 0454 0646")


@dataclass(frozen=True)
class Lines:
    """Composed lines and their truth."""

    images: Images
    """Shape ``(n, 32, width)``, uint8, any grey, dark ink on light paper or the reverse."""
    texts: tuple[str, ...]
    """What stands in each, of `ALPHABET`; ``""`` where there is no number."""
    papers: tuple[str, ...]
    """Which of `paper.KINDS` each is written on."""

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self.texts)


class Composer:
    """Composes lines of some digits.

    Args:
        digits: Shape ``(n, 28, 28)``, uint8, light on dark.
        labels: Shape ``(n,)``, 0 to 9.
        width: Of the lines, in pixels.
    """

    def __init__(self, digits: Images, labels: Labels, width: int) -> None:
        """Sort the digits by label."""
        self._of = [digits[labels == label] for label in range(10)]
        self._width = width

    @classmethod
    def of(cls, split: Split, width: int = WIDTH) -> Composer:
        """Compose of the digits of a split."""
        digits = (split.x.reshape(-1, SIDE, SIDE) * 255).round().astype(np.uint8)
        return cls(digits, split.labels, width)

    def compose(self, count: int, generator: np.random.Generator) -> Lines:
        """Compose so many lines; the same state of the generator gives the same."""
        lines = [self._line(generator) for _ in range(count)]
        images, texts, papers = zip(*lines, strict=True)
        return Lines(np.stack(images), texts, papers)

    def _line(self, generator: np.random.Generator) -> tuple[Images, str, str]:
        """Compose one line: its image, text and kind of paper."""
        text = "" if generator.random() < 0.06 else draw_text(generator)
        height = LINE_HEIGHT * generator.uniform(0.42, 0.92)
        style = _draw_style(generator, height * _FINE)
        ink, uprights = self._write(text, style, generator)
        first, last = _rows(ink, style.height)  # of the number alone
        ink, shift = _beside(ink, style, generator)
        room, tall = self._width * _FINE, LINE_HEIGHT * _FINE
        scale = min(1.0, room / ink.shape[1], 0.98 * tall / (last - first))
        if scale < 1:
            size = max(2, round(ink.shape[1] * scale)), max(2, round(ink.shape[0] * scale))
            ink = np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.uint8)
            first, last = first * scale, last * scale
        height = last - first
        slack = tall - height + 0.08 * height
        top = generator.uniform(0, slack) - 0.04 * height
        left = int((room - ink.shape[1]) * np.clip(generator.uniform(-0.25, 1.25), 0, 1))
        layer = np.zeros((tall, room), np.uint8)
        _lay(layer, ink, left, round(top - first))
        if generator.random() < 0.3:
            self._neighbours(layer, style, top, generator)
        top, height = top / _FINE, height / _FINE
        paper, kind = draw_paper(generator, self._width, LINE_HEIGHT, top, top + height)
        if kind == "boxed" and generator.random() < 0.8:
            _rule_between(
                paper, [(left + (x + shift) * scale) / _FINE for x in uprights], generator
            )
        return _photograph(paper, layer, generator), text, kind

    def _write(
        self, text: str, style: _Style, generator: np.random.Generator
    ) -> tuple[Images, list[float]]:
        """Write a text; return its ink and the places between its characters."""
        height = style.height
        tall = round(2 * height)
        pieces, drops = [], []
        small_from = len(text)
        if len(text) > 3 and text[-3] in ".,-" and generator.random() < 0.3:
            small_from = len(text) - 2
        for i, character in enumerate(text):
            size = height * (generator.uniform(0.5, 0.75) if i >= small_from else 1.0)
            size *= generator.normal(1, style.uneven)
            piece, drop = self._character(character, size, style, generator)
            if i >= small_from and generator.random() < 0.6:
                drop -= height - size  # raised, as cents are
            pieces.append(piece)
            drops.append(drop + generator.normal(0, style.uneven) * height)
        gaps = [
            height * (style.gap + generator.normal(0, 0.06))
            + (height * generator.uniform(0.5, 1.6) if generator.random() < style.wide else 0)
            for _ in pieces
        ]
        ends = np.cumsum([piece.shape[1] + gap for piece, gap in zip(pieces, gaps, strict=True)])
        width = int(max(1, (ends[-1] if len(pieces) else 1) + height))
        ink = np.zeros((tall, width), np.uint8)
        x, places = 0.0, []
        foot = (tall + height) / 2  # the base line
        for piece, gap, drop in zip(pieces, gaps, drops, strict=True):
            y = foot + drop - piece.shape[0] + style.slope * x
            _lay(ink, piece, round(max(0.0, x)), round(y))
            x += piece.shape[1] + gap
            places.append(x - gap / 2)
        columns = np.flatnonzero(ink.max(axis=0) > 40)
        end = int(columns[-1]) + 1 if columns.size else 1
        return ink[:, :end], places[:-1]

    def _character(
        self, character: str, size: float, style: _Style, generator: np.random.Generator
    ) -> tuple[Images, float]:
        """Return a character's ink, cut close, and how far it reaches below the base line."""
        if character in _SEPARATORS:
            shape = str(generator.choice(_SEPARATORS[character]))
            hand = replace(style.hand, shake=0.3, pen=style.hand.pen * generator.uniform(0.9, 1.4))
            scale = generator.uniform(0.8, 1.2) * (0.85 if character == "-" else 1.0)
            ink = _tight(write(shape, hand, max(6.0, size * scale), generator))
            low = {",": 0.2, "/": 0.12, "-": -0.4, ":": -0.1}.get(character, 0.02)
            return ink, (low + generator.normal(0, 0.06)) * size
        label = int(character)
        drawn = generator.random() < style.strokes * _BY_STROKES[label]
        if drawn or not len(self._of[label]):
            names = list(SHAPES[label])
            odds = np.array([_SQUARE if name == "square" else 1.0 for name in names])
            shape = SHAPES[label][str(generator.choice(names, p=odds / odds.sum()))]
            return _tight(write(shape, style.hand, size, generator)), 0.0
        digit = self._of[label][int(generator.integers(len(self._of[label])))]
        return _tight(_rewrite(digit, size, style, generator)), 0.0

    def _neighbours(
        self, layer: Images, style: _Style, top: float, generator: np.random.Generator
    ) -> None:
        """Let the lines above and below reach in."""
        pitch = style.height * generator.uniform(1.1, 1.9)
        for side in (-1, 1):
            if generator.random() < 0.6:
                ink, _ = self._write(draw_text(generator), style, generator)
                above = (ink.shape[0] - style.height) / 2
                x = int(generator.uniform(-0.3, 0.8) * layer.shape[1])
                _lay(layer, ink, x, round(top + side * pitch - above))


def fixed_lines(split: Split, count: int, width: int = WIDTH) -> Lines:
    """Compose lines for measuring, of a split's digits: the same for every seed."""
    return Composer.of(split, width).compose(count, np.random.default_rng(0))


def encode(lines: Lines) -> tuple[Floats, Floats]:
    """Return lines as a network learns them.

    Returns:
        Images, shape ``(n, 32, width, 1)``, as `normalise_lines` gives them; and targets, shape
        ``(n, 12)``: a character's place in the alphabet, from 1, and 0 after the last.
    """
    targets = np.zeros((len(lines), MOST_CHARACTERS), np.float32)
    for row, text in zip(targets, lines.texts, strict=True):
        row[: len(text)] = [1 + ALPHABET.index(character) for character in text]
    return normalise_lines(lines.images)[..., None], targets


@dataclass(frozen=True)
class _Style:
    """How a line is written: a hand, and what is the same for all its characters."""

    hand: Hand
    height: float
    """Of the digits, in fine pixels."""
    gap: float
    """Between characters, as a share of the height."""
    wide: float
    """Share of the gaps that are wide."""
    slope: float
    """Of the base line, pixels down for each pixel to the right."""
    uneven: float
    """Standard deviation of sizes and places, as a share of the height."""
    strokes: float
    """How often digits are drawn by strokes, against `_BY_STROKES`."""


def _draw_style(generator: np.random.Generator, height: float) -> _Style:
    """Draw a person's style."""
    hand = Hand(
        slant=generator.normal(0.08, 0.18),
        stretch=generator.uniform(0.65, 1.15),
        pen=generator.uniform(0.04, 0.13)
        if generator.random() < 0.8
        else generator.uniform(0.13, 0.22),
        shake=generator.uniform(0.1, 0.4),
    )
    gap = generator.uniform(-0.06, 0.3) if generator.random() < 0.85 else generator.uniform(0.3, 1)
    return _Style(
        hand,
        height,
        gap=gap,
        wide=0.15 if generator.random() < 0.15 else 0.0,
        slope=generator.normal(0, 0.02 if generator.random() < 0.75 else 0.07),
        uneven=generator.uniform(0.01, 0.09),
        strokes=float(generator.choice([0.2, 0.8, 1.8])),
    )


def draw_text(generator: np.random.Generator) -> str:
    """Draw a number as people write them: of one digit to eight, amounts, dates, times."""

    def digits(low: int, high: int) -> str:
        drawn = generator.integers(0, 10, int(generator.integers(low, high + 1)))
        return "".join(map(str, drawn))

    def one_of(characters: str) -> str:
        return str(generator.choice(list(characters)))

    kind = generator.random()
    if kind < 0.5:
        text = digits(1, 5) if generator.random() < 0.7 else digits(6, 8)
        zeros = int(generator.integers(1, 4))
        if generator.random() < 0.12 and len(text) > zeros:
            text = text[:-zeros] + "0" * zeros
    elif kind < 0.57:
        text = str(generator.integers(1600, 2040))
    elif kind < 0.69:
        text = digits(1, 4) + one_of("..,,-:") + digits(1, 2)
    elif kind < 0.79:
        text = digits(1, 3) + one_of(".,") + digits(3, 3)
        if generator.random() < 0.3:
            text += one_of(".,-") + digits(2, 2)
    elif kind < 0.88:
        by = one_of("../-:")
        text = digits(1, 2) + by + digits(1, 2)
        if generator.random() < 0.7:
            text += by + (digits(2, 2) if generator.random() < 0.5 else digits(4, 4))
    else:
        text = digits(1, 6)
    ending = generator.random()
    if ending < 0.06:
        text += str(generator.choice([".", ",", "-", ",-", ".-", "/", ":"]))
    elif ending < 0.09:
        text = "-" + text
    return text[:MOST_CHARACTERS]


def _rows(ink: Images, height: float) -> tuple[float, float]:
    """Return the first row of ink and that after the last; where there is none, of a line."""
    box = ink_box(ink, 50)
    middle = ink.shape[0] / 2
    return (box[1], box[1] + box[3]) if box else (middle - height / 2, middle + height / 2)


def _beside(ink: Images, style: _Style, generator: np.random.Generator) -> tuple[Images, int]:
    """Write what is no number beside the ink, in some lines: words, signs, closing strokes.

    Returns:
        All ink, and how far the number's own went to the right.
    """
    for _ in range(2):
        kind = generator.random()
        if kind < 0.80:
            continue
        if kind < 0.88:
            other = _word(style, generator)
        elif kind < 0.92:
            other = _print(style, generator)
        elif kind < 0.94:
            other = write(str(generator.choice(_SIGNS)), style.hand, style.height, generator)
        else:
            shape = str(generator.choice(_CLOSINGS))
            other = write(shape, style.hand, style.height * generator.uniform(0.5, 1), generator)
            middle = np.zeros((max(3, round(style.height)), other.shape[1]), np.uint8)
            _lay(middle, other, 0, (middle.shape[0] - other.shape[0]) // 2)
            other = middle
        gap = round(style.height * generator.uniform(0.12, 0.7))
        joined = np.zeros((ink.shape[0], ink.shape[1] + gap + other.shape[1]), np.uint8)
        foot = round((ink.shape[0] + style.height) / 2 + generator.normal(0, 0.05) * style.height)
        first = kind < 0.94 and generator.random() < 0.5
        _lay(joined, ink, other.shape[1] + gap if first else 0, 0)
        _lay(joined, other, 0 if first else ink.shape[1] + gap, foot - other.shape[0])
        return joined, other.shape[1] + gap if first else 0
    return ink, 0


def _word(style: _Style, generator: np.random.Generator) -> Images:
    """Write one to five letters."""
    size = style.height * generator.uniform(0.5, 1.1)
    names = generator.choice(list(LETTERS), int(generator.integers(1, 6)))
    pieces = [_tight(write(LETTERS[str(n)], style.hand, size, generator, grid=6)) for n in names]
    tall = max(piece.shape[0] for piece in pieces)
    gap = max(1, round(0.1 * size))
    word = np.zeros((tall, sum(piece.shape[1] + gap for piece in pieces)), np.uint8)
    x = 0
    for piece in pieces:
        _lay(word, piece, x, tall - piece.shape[0])
        x += piece.shape[1] + gap
    return word


def _print(style: _Style, generator: np.random.Generator) -> Images:
    """Print one to eight letters in one of OpenCV's fonts."""
    letters = "ABCDEFGHJKLMNPRTUVWXYabcdefhkmnprtuvwxy€%&?"
    text = "".join(generator.choice(list(letters), int(generator.integers(1, 9))))
    canvas = np.zeros((80, 40 * len(text) + 20), np.uint8)
    font, pen = int(generator.integers(0, 8)), int(generator.integers(1, 6))
    cv2.putText(canvas, text, (8, 56), font, 1.6, 255, pen, cv2.LINE_AA)
    canvas = _tight(canvas)
    scale = style.height * generator.uniform(0.4, 0.9) / canvas.shape[0]
    size = (max(2, round(canvas.shape[1] * scale)), max(2, round(canvas.shape[0] * scale)))
    return np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.uint8)


def _rewrite(digit: Images, size: float, style: _Style, generator: np.random.Generator) -> Images:
    """Return an MNIST digit at a size, with the line's slant, width and pen."""
    scale = size / 20  # MNIST's digits are 20 pixels high, or wide
    stretch = style.hand.stretch * generator.normal(1.1, 0.06)
    slant = 0.6 * style.hand.slant + generator.normal(0, 0.06)
    turn = generator.normal(0, 0.06)
    a = np.array([[scale * stretch, -scale * slant], [scale * turn, scale]])
    side = int(size * 1.9)
    shift = side / 2 - a @ [13.5, 13.5]
    matrix = np.column_stack([a, shift])
    large = cv2.warpAffine(digit, matrix, (side, side), flags=cv2.INTER_CUBIC)
    # MNIST's pen is about an eighth of the height: a higher level leaves a thinner line.
    level = np.clip(0.5 + 5 * (0.115 - style.hand.pen) + generator.normal(0, 0.05), 0.2, 0.75)
    blurred = cv2.GaussianBlur(large, (0, 0), max(0.3, 0.35 * scale)).astype(np.float32)
    edge = (
        255 * (blurred / max(1.0, float(blurred.max())) - level) * generator.uniform(2.5, 6) + 128
    )
    return np.asarray(np.clip(edge, 0, 255), np.uint8)


def _rule_between(paper: Floats, places: list[float], generator: np.random.Generator) -> None:
    """Rule uprights between the digits, as combs and cells have."""
    height = paper.shape[0]
    dark = generator.uniform(0.3, 1)
    pen = max(1, round(generator.uniform(0.7, 2.6)))
    top = 0 if generator.random() < 0.6 else int(generator.uniform(0.4, 0.9) * height)
    for x in places:
        column = round(x + generator.normal(0, 0.7))
        if 0 <= column < paper.shape[1] - pen:
            paper[top:, column : column + pen] -= np.float32(dark)


def _photograph(paper: Floats, layer: Images, generator: np.random.Generator) -> Images:
    """Lay ink on paper and take its picture."""
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
    inked = np.asarray(paper + ink * strength * (np.float32(black) - paper), np.float32)
    picture = _blur(inked, generator)
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


def _blur(picture: Floats, generator: np.random.Generator) -> Floats:
    """Take some pictures out of focus, with few pixels, with noise."""
    height, width = picture.shape
    if generator.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), generator.uniform(0.4, 1.3))  # type: ignore[assignment]
    if generator.random() < 0.3:
        scale = generator.uniform(0.4, 0.85)
        few = max(8, round(width * scale)), max(8, round(height * scale))
        small = cv2.resize(picture, few, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    if generator.random() < 0.5:
        noise = generator.uniform(0, 0.06) * generator.standard_normal((height, width))
        picture = np.asarray(picture + noise.astype(np.float32), np.float32)
    return picture


def _tight(ink: Images) -> Images:
    """Cut ink out, close to its edges."""
    box = ink_box(ink, 50)
    if box is None:
        return ink
    x, y, width, height = box
    return ink[y : y + height, x : x + width]


def _lay(canvas: Images, piece: Images, x: int, y: int) -> None:
    """Lay ink over ink, with its left upper corner at x, y; what lies outside is cut off."""
    left, top = max(0, x), max(0, y)
    right, bottom = (
        min(canvas.shape[1], x + piece.shape[1]),
        min(canvas.shape[0], y + piece.shape[0]),
    )
    if left < right and top < bottom:
        target = canvas[top:bottom, left:right]
        np.maximum(target, piece[top - y : bottom - y, left - x : right - x], out=target)
