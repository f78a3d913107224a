"""What does the strangest picture cost to read?

Pictures of 1 megapixel, and a few of 12: checkerboards, dot grids, printed text, noise, scribbles,
hatchings, rings in rings, comb boxes, pages of small digits. Each is read once, as an array, in one
process. CPU seconds count all threads. The bars are 1 s for 1 megapixel and 3 s for 12; the command
fails where a picture is above its bar.

    python -m benchmarks.wild [--count 30] [--write docs/benchmarks/wild.md]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np
from rich.console import Console

from benchmarks.measure import machine, report, table, write_option
from mnist_classifier import DigitReader

Grey = np.ndarray
Rng = np.random.Generator
SHAPES = ((1000, 1000), (700, 1400), (1400, 700))
LARGE = (3000, 4000)
BARS = {1: 1.0, 12: 3.0}
WORDS = ("quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "a", "jug", "boxes")
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX)


def paper(shape: tuple[int, int]) -> Grey:
    """Return white paper."""
    return np.full(shape, 255, np.uint8)


def checkerboard(shape: tuple[int, int], rng: Rng) -> Grey:
    """Draw black and white cells."""
    cell = int(rng.integers(2, 80))
    return np.asarray((np.indices(shape) // cell).sum(0) % 2 * 255, np.uint8)


def dot_grid(shape: tuple[int, int], rng: Rng) -> Grey:
    """Draw an empty page with a grid of dots."""
    page = paper(shape)
    pitch, radius = int(rng.integers(8, 60)), int(rng.integers(1, 5))
    for y in range(pitch, shape[0], pitch):
        for x in range(pitch, shape[1], pitch):
            cv2.circle(page, (x, y), radius, int(rng.integers(0, 120)), -1)
    return page


def lines_of(shape: tuple[int, int], rng: Rng, word: Callable[[], str]) -> Grey:
    """Fill a page with lines of words in a font of some size."""
    page = paper(shape)
    size, font = float(rng.uniform(0.3, 2.0)), FONTS[int(rng.integers(len(FONTS)))]
    pen = int(rng.integers(1, 3))
    for y in range(round(35 * size), shape[0], round(float(rng.uniform(34, 50)) * size)):
        x = 10
        while x < shape[1]:
            text = word()
            cv2.putText(page, text, (x, y), font, size, 0, pen, cv2.LINE_AA)
            x += cv2.getTextSize(text, font, size, pen)[0][0] + round(12 * size)
    return page


def printed_text(shape: tuple[int, int], rng: Rng) -> Grey:
    """Fill a page with words."""
    return lines_of(shape, rng, lambda: WORDS[int(rng.integers(len(WORDS)))])


def small_digits(shape: tuple[int, int], rng: Rng) -> Grey:
    """Fill a page with numbers."""
    return lines_of(shape, rng, lambda: str(int(10 ** rng.uniform(0, 6))))


def noise(shape: tuple[int, int], rng: Rng) -> Grey:
    """Draw noise: grey or sparse, of one size of grain or blurred."""
    grain = int(rng.integers(1, 12))
    coarse = rng.random((shape[0] // grain + 1, shape[1] // grain + 1), np.float32)
    if rng.random() < 0.5:
        coarse = (coarse < rng.uniform(0.02, 0.5)).astype(np.float32)
    method = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_NEAREST
    page = cv2.resize(coarse, shape[::-1], interpolation=method)
    return np.asarray(255 - np.clip(page * 255, 0, 255), np.uint8)


def scribbles(shape: tuple[int, int], rng: Rng) -> Grey:
    """Draw pens that wander over the page."""
    page = paper(shape)
    for _ in range(int(10 ** rng.uniform(0, 2.5))):
        steps = rng.normal(0, rng.uniform(5, 80), (int(rng.integers(5, 200)), 2))
        points = np.cumsum(steps, 0) + rng.random(2) * shape[::-1]
        cv2.polylines(page, [points.astype(np.int32)], False, 0, int(rng.integers(1, 6)))
    return page


def hatching(shape: tuple[int, int], rng: Rng) -> Grey:
    """Draw parallel lines, whole or broken, in one direction or two."""
    page = paper(shape)
    reach = sum(shape)
    for _ in range(int(rng.integers(1, 3))):
        angle, pitch, pen = rng.uniform(0, np.pi), rng.uniform(4, 50), int(rng.integers(1, 4))
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        dash = rng.uniform(10, 300) if rng.random() < 0.5 else 2 * reach
        for offset in np.arange(-reach, reach, pitch):
            for start in np.arange(-reach, reach, 1.3 * dash):
                a = across * offset + along * start
                ends = [tuple(map(int, point)) for point in (a, a + along * dash)]
                cv2.line(page, *ends, 0, pen)
    return page


def rings(shape: tuple[int, int], rng: Rng) -> Grey:
    """Draw rings, or squares, one in the other."""
    page = paper(shape)
    pitch, pen, square = int(rng.integers(3, 40)), int(rng.integers(1, 4)), rng.random() < 0.3
    centre = np.array(shape[::-1]) // 2
    for radius in range(pitch, min(shape) // 2 - 5, pitch):
        if square:
            a, b = (centre - radius).tolist(), (centre + radius).tolist()
            cv2.rectangle(page, a, b, 0, pen)
        else:
            cv2.circle(page, centre.tolist(), radius, 0, pen)
    return page


def comb_boxes(shape: tuple[int, int], rng: Rng) -> Grey:
    """Draw a form: rows of boxes, closed or open above, some with a digit."""
    page = paper(shape)
    side, gap = int(rng.integers(10, 80)), int(rng.integers(0, 8))
    full, closed = rng.random(), rng.random() < 0.5
    for y in range(8, shape[0] - side, side + 12):
        for x in range(8, shape[1] - side, side + gap):
            outline = [(x, y), (x, y + side), (x + side, y + side), (x + side, y)]
            cv2.polylines(page, [np.array(outline)], closed, 60, 1)
            if rng.random() < full:
                at = (x + side // 5, y + side - side // 5)
                cv2.putText(page, str(rng.integers(10)), at, FONTS[0], side / 36, 0, 2)
    return page


KINDS: dict[str, Callable[[tuple[int, int], Rng], Grey]] = {
    kind.__name__.replace("_", " "): kind
    for kind in (
        checkerboard,
        dot_grid,
        printed_text,
        small_digits,
        noise,
        scribbles,
        hatching,
        rings,
        comb_boxes,
    )
}


@click.command(context_settings={"show_default": True})
@click.option("--count", default=30, help="Pictures of 1 megapixel of each kind.")
@write_option
def main(count: int, write: Path | None) -> None:
    """Print a table and, last, one JSON object."""
    console = Console(stderr=True)
    reader = DigitReader()
    reader.read(paper((100, 100)))
    facts: dict[str, dict[str, object]] = {}
    rows, over = [], 0
    for megapixels, times in ((1, count), (12, max(1, count // 10))):
        for name, draw in KINDS.items():
            seconds, refused, marks = [], 0, 0
            with console.status(f"{name}, {megapixels} megapixels …"):
                for seed in range(times):
                    shape = SHAPES[seed % len(SHAPES)] if megapixels == 1 else LARGE
                    picture = draw(shape, np.random.default_rng(seed))
                    began = time.process_time()
                    reading = reader.read(picture)
                    seconds.append(time.process_time() - began)
                    refused += reading.refused is not None
                    marks = max(marks, len(reading.digits))
            over += sum(second > BARS[megapixels] for second in seconds)
            middle, worst = float(np.median(seconds)), max(seconds)
            facts[f"{name}, {megapixels} MP"] = {
                "pictures": times,
                "median": middle,
                "worst": worst,
                "worst_seed": int(np.argmax(seconds)),
                "refused": refused,
                "most_digits": marks,
            }
            rows.append(
                [name, str(megapixels), str(times), f"{middle:.2f}", f"{worst:.2f}", str(refused)]
            )
    header = ["kind", "megapixels", "pictures", "median, CPU s", "worst, CPU s", "refused"]
    text = f"{(__doc__ or '').split('    python')[0].strip()}\n\n{table(header, rows)}"
    everything = {"machine": machine("onnxruntime", "opencv-python-headless"), "kinds": facts}
    report("Wild pictures", text, everything, "python -m benchmarks.wild --write PAGE", write)
    if over:
        sys.exit(1)


if __name__ == "__main__":
    main()
