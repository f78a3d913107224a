"""The report: one HTML file that opens offline, prints, and reads from top to bottom."""

from __future__ import annotations

import base64
import dataclasses
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np

from mnist_classifier.learn import calibration, figures
from mnist_classifier.learn.datasets import NAMES, Dataset, Images
from mnist_classifier.learn.judgement import Judgement, Metrics
from mnist_classifier.learn.runs import History, Run
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


def write(run: Run, target: Run, dataset: Dataset, judged: Judgement, suffix: str) -> Path:
    """Write ``report.html``, ``metrics.json`` and ``answers.npz`` of a run.

    Args:
        run: Whose settings, history and training's own numbers the report tells.
        target: The folder that is written to.
        dataset: The images that the run was judged on.
        judged: What came of it.
        suffix: Goes into the names of the files, before the dot.

    Returns:
        The report's path.

    Raises:
        RunError: The run folder is incomplete.
        OutputError: The files cannot be written.
    """
    config = run.load_json("config.json")
    own = run.load_json("metrics.json") if (run.path / "metrics.json").exists() else {}
    metrics = {
        **own,
        "dataset": dataset.name,
        "note": dataset.note,
        "test_sha256": judged.answers.sha256,
        **judged.metrics,
    }
    began = time.perf_counter()
    drawings = draw(judged, run.load_history(), metrics.get("best_epoch"))
    metrics["judge_seconds"]["figures"] = time.perf_counter() - began
    page = render(
        run.path.resolve().name,
        config,
        metrics,
        drawings,
        dataset.test_images,
        judged.damaged,
        dataset.source,
    )
    target.save_answers(f"answers{suffix}.npz", judged.answers)
    target.save_json(f"metrics{suffix}.json", metrics)
    target.save_text(f"report{suffix}.html", page)
    return target.path / f"report{suffix}.html"


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
