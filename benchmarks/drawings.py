"""Draw the table of shapes, and how a line is read, for the documentation.

    python -m benchmarks.drawings [--images FOLDER]

writes ``shapes.png``: each shape of ``learn/data/strokes.py`` as it stands in the table, and by
three hands; ``drawn.png``: drawn digits as the network of digits learns them, beside MNIST's of the
same class; and ``columns.png``: a composed line that the network has not seen, and the
probabilities of each of its columns.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from matplotlib.figure import Figure

from benchmarks.measure import PATH
from mnist_classifier.learn.data.dataset import SIDE, Split, scale
from mnist_classifier.learn.data.lines import Composer
from mnist_classifier.learn.data.sources import load_sample
from mnist_classifier.learn.data.strokes import SHAPES, Hand, draw_digits, write
from mnist_classifier.read.line_model import COLUMN, LineModel

HANDS = 3
BESIDE = 14  # digits a class
HEIGHT = 60  # of a shape, in pixels


def shapes_figure() -> Figure:
    """Draw each shape plainly and by three hands, a digit a row."""
    generator = np.random.default_rng(0)
    most = max(map(len, SHAPES.values()))
    figure = Figure(figsize=(1.15 * most, 9), layout="constrained")
    grid = figure.subplots(len(SHAPES), most)
    for axes in grid.flat:
        axes.set_axis_off()
    for row, (label, shapes) in zip(grid, SHAPES.items(), strict=True):
        for axes, (name, shape) in zip(row, shapes.items(), strict=False):
            hands = [Hand(0, 1, 0.07, 0)] + [
                Hand(generator.normal(0.1, 0.15), generator.uniform(0.7, 1.1),
                     generator.uniform(0.05, 0.13), generator.uniform(0.15, 0.4))
                for _ in range(HANDS)
            ]  # fmt: skip
            drawn = [write(shape, hand, HEIGHT, generator) for hand in hands]
            tall = max(ink.shape[0] for ink in drawn)
            padded = [np.pad(ink, ((0, tall - ink.shape[0]), (0, 6))) for ink in drawn]
            axes.imshow(np.hstack(padded), cmap="gray_r")
            axes.set_title(f"{label}: {name}", fontsize=7, pad=2)
    return figure


def drawn_figure() -> Figure:
    """Draw digits of MNIST's and, to their right, drawn ones, a class a row."""
    sample = load_sample()
    labels = np.repeat(np.arange(10, dtype=np.uint8), BESIDE)
    of_class = [np.flatnonzero(sample.train_labels == label)[:BESIDE] for label in range(10)]
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    for axes, name, digits in zip(
        figure.subplots(1, 2),
        ("MNIST's", "drawn by strokes"),
        (
            sample.train_images[np.concatenate(of_class)],
            draw_digits(labels, np.random.default_rng(0)),
        ),
        strict=True,
    ):
        rows = digits.reshape(10, BESIDE, SIDE, SIDE).swapaxes(1, 2)
        axes.imshow(rows.reshape(10 * SIDE, BESIDE * SIDE), cmap="gray_r")
        axes.set_title(name, fontsize=9)
        axes.set_axis_off()
    return figure


def columns_figure(model: LineModel) -> Figure:
    """Draw a line above the probabilities of its columns."""
    sample = load_sample()
    split = Split(scale(sample.test_images), sample.test_labels)
    composed = Composer.of(split).compose(200, np.random.default_rng(4))
    chosen = next(
        i
        for i, (text, paper) in enumerate(zip(composed.texts, composed.papers, strict=True))
        if paper == "patterned" and len(text) > 4 and any(c in text for c in ".,")
    )
    image = composed.images[chosen]
    (columns,) = model.columns([image])
    figure = Figure(figsize=(8, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1, 2])
    width = image.shape[1]
    above.imshow(image, cmap="gray", extent=(0, width, 32, 0), aspect="auto")
    above.set(yticks=[], title=f"what is written: {composed.texts[chosen]}")
    kinds = ["none", *model.alphabet]
    below.imshow(columns.T, cmap="Blues", vmin=0, vmax=1, aspect="auto",
                 extent=(0, COLUMN * len(columns), len(kinds), 0))  # fmt: skip
    below.set_yticks(np.arange(len(kinds)) + 0.5, kinds)
    below.set(xlabel="pixels; a column of probabilities for every four", ylabel="character")
    return figure


@click.command(context_settings={"show_default": True})
@click.option(
    "--images",
    type=PATH,
    default=Path("docs/images"),
    help="The folder to write to.",
)
def main(images: Path) -> None:
    """Write the pictures."""
    shapes_figure().savefig(images / "shapes.png", dpi=110)
    drawn_figure().savefig(images / "drawn.png", dpi=110)
    columns_figure(LineModel()).savefig(images / "columns.png", dpi=110)


if __name__ == "__main__":
    main()
