"""Figures: functions that take numbers and return a matplotlib ``Figure``; nothing is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

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


def history_figure(
    training: Sequence[float],
    validation: Sequence[float],
    quantity: str,
    title: str,
    note: str | None,
    best_epoch: int | None,
) -> Figure:
    """Draw how a quantity went over the epochs, in training and in validation.

    Args:
        training: One value an epoch, measured on the training images as they were learned.
        validation: One value an epoch, measured on the validation images after it.
        quantity: ``"loss"`` or ``"accuracy"`` (a share, 0 to 1, drawn in per cent).
        title: The figure's title.
        note: What must be said about the data, or ``None``.
        best_epoch: The epoch whose weights were kept, from 1, or ``None``.
    """
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.add_subplot()
    epochs = range(1, len(training) + 1)
    axes.plot(epochs, training, "o-", color=TRAINING_COLOUR, label="training, while learning")
    axes.plot(epochs, validation, "s--", color=VALIDATION_COLOUR, label="validation")
    if best_epoch is not None:
        axes.axvline(
            best_epoch, color="grey", linewidth=1, linestyle=":", label="weights kept from here"
        )
    if quantity == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
        axes.set_ylabel("accuracy (share right)")
    else:
        axes.set_yscale("log")
        axes.set_ylabel("loss (binary cross-entropy, log scale)")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    _add_note(figure, note)
    return figure


def _add_note(figure: Figure, note: str | None) -> None:
    if note is not None:
        figure.suptitle(note.upper(), fontsize="small", color=VALIDATION_COLOUR, weight="bold")
