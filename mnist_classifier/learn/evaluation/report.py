"""The report: one HTML file that opens offline, prints, and reads from top to bottom."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import jinja2
import numpy as np

from mnist_classifier.learn.arrays import Images
from mnist_classifier.learn.evaluation import calibration, figures
from mnist_classifier.learn.evaluation.metrics import Evaluation, Metrics


@dataclass(frozen=True)
class RunFacts:
    """What a report tells of a run besides what was measured.

    Attributes:
        name: The run's name.
        config: ``config.json``.
        metrics: ``metrics.json``; every number in the report is one of its.
        history: ``history.csv``.
        source: Where the test images came from.
        command: What makes the run again.
        loss: What the loss is called.
    """

    name: str
    config: Mapping[str, Any]
    metrics: Metrics
    history: Mapping[str, list[float]]
    source: str
    command: str
    loss: str = "binary cross-entropy"


def draw(evaluation: Evaluation) -> dict[str, str]:
    """Draw the figures of what was measured, as SVG elements by name."""
    metrics, predictions = evaluation.metrics, evaluation.predictions
    logits = calibration.logits_of(predictions.probabilities)
    plain = calibration.softmax(logits)
    scaled = calibration.softmax(logits, metrics["calibration"]["temperature"])
    return {
        "confusion": figures.svg(figures.confusion_figure(np.array(metrics["confusion"]))),
        "reliability": figures.svg(
            figures.reliability_figure(
                calibration.reliability(plain, predictions.labels),
                calibration.reliability(scaled, predictions.labels),
            )
        ),
        "coverage": figures.svg(
            figures.coverage_figure(*calibration.coverage(scaled, predictions.labels))
        ),
    }


def render(template: str, run: RunFacts, drawings: Mapping[str, str], **shown: Any) -> str:
    """Return a report as one HTML page.

    Args:
        template: The page's file.
        run: What it tells of the run.
        drawings: SVG elements by name; loss and accuracy over the epochs are added.
        shown: What else the template names.
    """
    curves = {}
    for quantity in ("loss", "accuracy"):
        training, validation = run.history.get(quantity, []), run.history.get(f"val_{quantity}", [])
        best = run.metrics.get("best_epoch")
        figure = figures.history_figure(training, validation, quantity, "", None, best, run.loss)
        figure.set_size_inches(4.8, 3.8)  # two side by side
        curves[quantity] = figures.svg(figure)
    page = _templates().get_template(template)
    return page.render(
        ranked=lambda row: sorted(((p, i) for i, p in enumerate(row)), reverse=True)[:3],
        run=run.name,
        config=run.config,
        metrics=run.metrics,
        drawings={**curves, **drawings},
        source=run.source,
        command=run.command,
        **shown,
    )


@cache
def _templates() -> jinja2.Environment:
    """Return what compiles the templates, each once."""
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
    return environment


def picture(image: Images) -> str:
    """Return an image, uint8, ink light, as the address of a PNG that holds itself, ink dark."""
    _, content = cv2.imencode(".png", 255 - image)
    return "data:image/png;base64," + base64.b64encode(content.tobytes()).decode()
