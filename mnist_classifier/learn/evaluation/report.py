"""The report: one HTML file that opens offline, prints, and reads from top to bottom."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import jinja2
import numpy as np

from mnist_classifier.learn.arrays import Images
from mnist_classifier.learn.evaluation import calibration, figures
from mnist_classifier.learn.evaluation.metrics import Evaluation, Metrics


@dataclass(frozen=True)
class Drawings:
    """A report's figures, as SVG elements."""

    loss: str
    accuracy: str
    confusion: str
    reliability: str
    coverage: str


def draw(
    evaluation: Evaluation, history: Mapping[str, list[float]], best_epoch: int | None
) -> Drawings:
    """Draw the report's figures."""
    metrics, predictions = evaluation.metrics, evaluation.predictions
    logits = calibration.logits_of(predictions.probabilities)
    plain = calibration.softmax(logits)
    scaled = calibration.softmax(logits, metrics["calibration"]["temperature"])
    curves = {}
    for quantity in ("loss", "accuracy"):
        training, validation = history.get(quantity, []), history.get(f"val_{quantity}", [])
        figure = figures.history_figure(training, validation, quantity, "", None, best_epoch)
        figure.set_size_inches(4.8, 3.8)  # two side by side
        curves[quantity] = figures.svg(figure)
    return Drawings(
        curves["loss"],
        curves["accuracy"],
        figures.svg(figures.confusion_figure(np.array(metrics["confusion"]))),
        figures.svg(
            figures.reliability_figure(
                calibration.reliability(plain, predictions.labels),
                calibration.reliability(scaled, predictions.labels),
            )
        ),
        figures.svg(figures.coverage_figure(*calibration.coverage(scaled, predictions.labels))),
    )


def render(
    run: str,
    config: Mapping[str, Any],
    metrics: Metrics,
    drawings: Drawings,
    images: Images,
    corrupted: Images,
    source: str,
    command: str,
) -> str:
    """Return the report as one HTML page.

    Args:
        run: The run's name.
        config: ``config.json``.
        metrics: ``metrics.json``; every number in the report is one of its.
        drawings: From `draw`.
        images: All test images, uint8 (n, 28, 28).
        corrupted: The first of them under each corruption, uint8 (15, 28, 28).
        source: Where the test images came from.
        command: What makes the run again.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mnist_classifier.learn.evaluation", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share, digits=2: f"{100 * share:.{digits}f} %"
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["picture"] = picture
    return environment.get_template("report.html").render(
        ranked=lambda row: sorted(((p, i) for i, p in enumerate(row)), reverse=True)[:3],
        run=run,
        config=config,
        metrics=metrics,
        drawings=drawings,
        images=images,
        corrupted=corrupted,
        source=source,
        command=command,
    )


def picture(image: Images) -> str:
    """Return an image, uint8 (28, 28), as the address of a PNG that holds itself, ink dark."""
    _, content = cv2.imencode(".png", 255 - image)
    return "data:image/png;base64," + base64.b64encode(content.tobytes()).decode()
