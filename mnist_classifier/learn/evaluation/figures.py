"""Figures: functions that take numbers and return a matplotlib ``Figure``; nothing is shown."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
)

from mnist_classifier.learn.evaluation.calibration import Bin

TRAINING_COLOUR = "#1b6ca8"
VALIDATION_COLOUR = "#d1495b"  # told apart from the other without red-green vision


def example_figure(image: npt.NDArray[np.uint8], title: str, note: str | None) -> Figure:
    """Draw one image, uint8 (28, 28), ink dark on light as a pen leaves it."""
    figure = Figure(figsize=(4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    axes.set_title(title)
    axes.set_xticks([0, 7, 14, 21, 27])
    axes.set_yticks([0, 7, 14, 21, 27])
    axes.set_xlabel("column (pixels)")
    axes.set_ylabel("row (pixels)")
    _add_note(figure, note)
    return figure


def augmentation_figure(
    originals: npt.NDArray[np.floating],
    copies: Sequence[npt.NDArray[np.floating]],
    title: str,
    note: str | None,
) -> Figure:
    """Draw images in a row and, below each, its deformed copies.

    Args:
        originals: Shape (n, 784), 0 background to 1 ink.
        copies: One array of the same shape for each further row.
        title: The figure's title.
        note: What must be said about the data, or ``None``.
    """
    rows = [originals, *copies]
    figure = Figure(
        figsize=(0.75 * len(originals) + 0.8, 0.75 * len(rows) + 1), layout="constrained"
    )
    grid = figure.subplots(len(rows), len(originals), squeeze=False)
    for images, line in zip(rows, grid, strict=True):
        for image, axes in zip(images, line, strict=True):
            axes.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
    for axes in grid[0]:
        axes.spines[:].set(color=TRAINING_COLOUR, linewidth=2)
    grid[0][0].set_ylabel("original")
    grid[(len(rows)) // 2][0].set_ylabel("deformed")
    figure.supxlabel(title, fontsize="medium")
    _add_note(figure, note)
    return figure


def lines_figure(
    images: npt.NDArray[np.uint8], texts: Sequence[str], title: str, note: str | None
) -> Figure:
    """Draw lines, four a row, each above what stands in it.

    Args:
        images: Shape (n, 32, width).
        texts: Their truth; ``""`` is shown as "nothing".
        title: The figure's title.
        note: What must be said about the data, or ``None``.
    """
    rows = -(-len(images) // 4)
    figure = Figure(figsize=(11, 0.95 * rows + 0.8), layout="constrained")
    for axes in figure.subplots(rows, 4, squeeze=False).flat:
        axes.set_axis_off()
    for axes, image, text in zip(figure.axes, images, texts, strict=False):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(text or "nothing", fontsize=9, pad=2)
    figure.suptitle(title)
    _add_note(figure, note)
    return figure


def history_figure(
    training: Sequence[float],
    validation: Sequence[float],
    quantity: str,
    title: str,
    note: str | None,
    best_epoch: int | None,
    loss: str = "binary cross-entropy",
) -> Figure:
    """Draw how a quantity went over the epochs, in training and in validation.

    Args:
        training: One value an epoch, measured on the training images as they were learned.
        validation: One value an epoch, measured on the validation images after it.
        quantity: ``"loss"`` or ``"accuracy"`` (a share, 0 to 1, drawn in per cent).
        title: The figure's title.
        note: What must be said about the data, or ``None``.
        best_epoch: The epoch whose weights were kept, from 1, or ``None``.
        loss: What the loss is called.
    """
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.add_subplot()
    epochs = range(1, len(training) + 1)
    axes.plot(epochs, training, "o-", color=TRAINING_COLOUR, label="training, while learning")
    axes.plot(epochs, validation, "s--", color=VALIDATION_COLOUR, label="validation")
    if best_epoch is not None:
        axes.axvline(
            best_epoch, color="grey", linewidth=1.5, linestyle=":", label="weights kept from here"
        )
    if quantity == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
        axes.set_ylabel("accuracy (share right)")
    else:
        axes.set_yscale("log")
        _mark_plainly(axes.yaxis, most=9)
        axes.set_ylabel(f"loss ({loss}, log scale)")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    _add_note(figure, note)
    return figure


def confusion_figure(counts: npt.NDArray[np.integer]) -> Figure:
    """Draw how often each label, a row, was answered as each class, a column: counts (10, 10)."""
    figure = Figure(figsize=(6, 5.6), layout="constrained")
    axes = figure.add_subplot()
    right = np.eye(len(counts), dtype=bool)
    most = max(1, counts[~right].max())
    for row, column in np.ndindex(*counts.shape):
        count = counts[row, column]
        if row == column:
            colour, strength = TRAINING_COLOUR, 0.25
        else:
            colour, strength = VALIDATION_COLOUR, 0.75 * count / most
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour, alpha=strength))
        if count:
            axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=9)
    axes.set(
        xlim=(-0.5, len(counts) - 0.5),
        ylim=(len(counts) - 0.5, -0.5),
        xticks=range(len(counts)),
        yticks=range(len(counts)),
        xlabel="answer",
        ylabel="label",
        aspect="equal",
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def reliability_figure(before: Sequence[Bin], after: Sequence[Bin]) -> Figure:
    """Draw accuracy over confidence, before and after temperature scaling, and the bins' sizes."""
    figure = Figure(figsize=(6, 5.6), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle=":", label="as sure as right")
    for bins, style, colour, label in (
        (before, "o-", TRAINING_COLOUR, "as trained"),
        (after, "s--", VALIDATION_COLOUR, "after temperature scaling"),
    ):
        confidences = [part.confidence for part in bins]
        above.plot(confidences, [part.accuracy for part in bins], style, color=colour, label=label)
        below.plot(confidences, [part.size for part in bins], style, color=colour, markersize=4)
    above.set_ylabel("accuracy (share right)")
    above.legend(loc="lower right")
    below.set_yscale("log")
    _mark_plainly(below.yaxis, most=4)
    below.set_ylabel("images")
    below.set_xlabel("confidence (probability of the answer)")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    below.set_xlim(0, 1.02)
    above.set_ylim(0, 1.02)
    for axis in (above.yaxis, below.xaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1))
    return figure


def coverage_figure(
    shares: npt.NDArray[np.floating], accuracies: npt.NDArray[np.floating]
) -> Figure:
    """Draw the accuracy on the images answered over their share, when the unsure are set aside."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    shown = shares >= 0.5
    axes.plot(shares[shown], accuracies[shown], color=TRAINING_COLOUR)
    axes.set_xlabel("share of the images answered, the surest first")
    axes.set_ylabel("accuracy on them")
    axes.set_xlim(1, 0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
    axes.grid(alpha=0.3)
    return figure


def save_png(figure: Figure, path: Path) -> None:
    """Save a figure as a PNG, 150 dots an inch.

    Matplotlib's ``savefig`` would draw twice: once more first, to find where everything lies.
    """
    figure.dpi = 150
    canvas: Any = FigureCanvasAgg(figure)  # of which matplotlib says no types
    canvas.print_png(path)


def svg(figure: Figure) -> str:
    """Return a figure as an SVG element for an HTML page that defines --paper, --blue and --red."""
    file = io.StringIO()
    for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
        patch.set(facecolor="none", edgecolor="none")
    canvas: Any = FigureCanvasSVG(figure)  # of which matplotlib says no types
    # Text stays text, to be found and read aloud; a fixed salt names parts alike every time.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "mnist"}):
        # As in `save_png`, `savefig` would draw twice.
        canvas.print_svg(file, metadata={"Date": None})
    element = file.getvalue()
    element = element[element.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    for colour, role in (
        ("#000000", "currentColor"),
        ("#ffffff", "var(--paper)"),
        (TRAINING_COLOUR, "var(--blue)"),
        (VALIDATION_COLOUR, "var(--red)"),
    ):
        element = element.replace(colour, role)
    return element


def _mark_plainly(axis: Axis, most: int) -> None:
    """Mark a logarithmic axis by plain numbers, such as 0.1 and 0.2, not by powers of ten.

    Args:
        axis: Of what is drawn already.
        most: About how many marks there is room for.
    """
    low, high = axis.get_view_interval()
    decades = math.log10(high) - math.log10(low)
    denser = ((1, 2, 3, 5), (1, 3))
    subs = next((subs for subs in denser if len(subs) * decades <= most), (1,))
    axis.set_major_locator(
        MaxNLocator(most, steps=[1, 2, 5, 10]) if decades < 1 else LogLocator(subs=subs)
    )
    axis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
    axis.set_minor_formatter(NullFormatter())


def _plain(value: float) -> str:
    """Return a number without a power of ten, where there is room for it."""
    if 1e-6 < value < 1e6:
        return f"{value:,.10f}".rstrip("0").removesuffix(".")
    return f"{value:g}"


def _add_note(figure: Figure, note: str | None) -> None:
    if note is not None:
        figure.suptitle(note.upper(), fontsize="small", color=VALIDATION_COLOUR, weight="bold")
