"""The report: one HTML file that opens offline, prints, and reads from top to bottom."""

from __future__ import annotations

import base64
import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import jinja2
import numpy as np

from mnist_classifier.learn import calibration, figures
from mnist_classifier.learn.datasets import NAMES, Images
from mnist_classifier.learn.judgement import Judgement, Metrics
from mnist_classifier.learn.runs import History
from mnist_classifier.learn.settings import Settings


@dataclass(frozen=True)
class Drawings:
    """A report's figures, as SVG elements."""

    loss: str
    accuracy: str
    confusion: str
    reliability: str
    coverage: str


def draw(judgement: Judgement, history: History, best_epoch: int | None) -> Drawings:
    """Draw the report's figures."""
    metrics, answers = judgement.metrics, judgement.answers
    logits = calibration.logits_of(answers.probabilities)
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
                calibration.reliability(plain, answers.labels),
                calibration.reliability(scaled, answers.labels),
            )
        ),
        figures.svg(figures.coverage_figure(*calibration.coverage(scaled, answers.labels))),
    )


def render(
    run: str,
    config: Mapping[str, Any],
    metrics: Metrics,
    drawings: Drawings,
    images: Images,
    damaged: Images,
    source: str,
) -> str:
    """Return the report as one HTML page.

    Args:
        run: The run's name.
        config: ``config.json``.
        metrics: ``metrics.json``; every number in the report is one of its.
        drawings: From `draw`.
        images: All test images, uint8 (n, 28, 28).
        damaged: The first of them under each kind of damage, uint8 (15, 28, 28).
        source: Where the test images came from.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mnist_classifier.learn", "templates"),
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
        damaged=damaged,
        source=source,
        command=training_command(config),
    )


def picture(image: Images) -> str:
    """Return an image, uint8 (28, 28), as the address of a PNG that holds itself, ink dark."""
    _, content = cv2.imencode(".png", 255 - image)
    return "data:image/png;base64," + base64.b64encode(content.tobytes()).decode()


def training_command(config: Mapping[str, Any]) -> str:
    """Return the command that makes a run again from its ``config.json``."""
    backend = next((name for name in ("jax", "torch") if name in config["versions"]), None)
    words = [f"KERAS_BACKEND={backend}"] if backend else []
    words += ["mnist", "train"]
    asked = {**config, "recipe": config["recipe"]["name"]}
    if asked["dataset"] not in NAMES:
        asked["dataset"] = None  # what its folder holds
    for field in dataclasses.fields(Settings):
        value = asked.get(field.name)
        option = f"--{field.name.replace('_', '-')}"
        if field.name == "output" or value is None or value is False:
            continue
        words += [option] if value is True else [option, str(value)]
    return shlex.join(words)
