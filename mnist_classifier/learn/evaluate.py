"""Judge a saved run again, on its own test images or on others, and write what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnist_classifier.errors import RunError
from mnist_classifier.learn.data.dataset import Dataset, Split, scale
from mnist_classifier.learn.data.sources import NAMES, load_dataset
from mnist_classifier.learn.evaluation import report
from mnist_classifier.learn.evaluation.metrics import Scores
from mnist_classifier.learn.runs.images import load_again, split_again
from mnist_classifier.learn.runs.run import Run
from mnist_classifier.learn.runs.settings import training_command
from mnist_classifier.learn.screen import Screen
from mnist_classifier.learn.tasks import Judged, Task, task_of

# What a report tells, and so a run must hold.
_OF_CONFIG = ("dataset", "source", "sha256", "seed", "recipe", "recipe.name", "versions")
_OF_METRICS = ("epochs", "best_epoch", "train_size", "validation_size", "fit_seconds")


def evaluate_run(
    path: Path, name: str | None, data_dir: Path | None, output: Path | None, screen: Screen
) -> None:
    """Judge a saved network, print its scores, and write report, numbers and answers anew.

    On other images than the run's own test images, the files are named after the data set, so
    that the run's own stay.

    Args:
        path: A run folder.
        name: The data set; ``None`` for the one that the run learned from.
        data_dir: Where it lies; ``None`` for where the run had it from.
        output: The folder to write to; ``None`` for the run folder.
        screen: What a person sees.

    Raises:
        RunError: The run folder is incomplete or damaged, or it has seen the test images.
        DataError: The images cannot be had.
        OutputError: The results cannot be written.
    """
    run = Run(path)
    config = run.load_json("config.json", *_OF_CONFIG)
    own = _own_metrics(run)
    task = task_of(config["recipe"]["name"])
    model = run.load_model(task.name)
    with screen.loading("Loading the images") as tell:
        if name is None and data_dir is None:
            dataset = load_again(config, tell=tell)
        else:
            dataset = load_dataset(name, data_dir, tell)
    if dataset.name == "sample" and config["dataset"] == "mnist":
        raise RunError(
            f"{path} learned from MNIST's training images, of which the sample is a part; "
            "expected images that it has not seen: name another --dataset"
        )
    target = Run(output or path)
    target.make()
    screen.step("Run", str(path))
    screen.step("Images", f"{dataset.name}, from {dataset.source}")
    with screen.judging() as tell:
        sha256 = dataset.sha256()
        if list(sha256) == config["sha256"]:
            suffix = ""
            tell("the temperature")
            validation = split_again(config, dataset).validation
            temperature = task.temperature(model, validation)
        else:
            suffix = f"-{dataset.name}"
            if dataset.name not in NAMES:
                suffix += f"-{sha256[2][:8]}"
            temperature = _own_temperature(run, own)
        tell("the test images")
        test = Split(scale(dataset.test_images), dataset.test_labels)
        scores = task.score(model, test)
        judged = task.judge(model, dataset, scores, temperature, config["seed"], tell)
        tell("the report")
        report_path = save_report(run, target, dataset, judged, suffix)
    tell_scores(screen, task, scores, judged.metrics["random_accuracy"])
    screen.result("Report", str(report_path))
    screen.note(dataset.note)


def save_report(run: Run, target: Run, dataset: Dataset, judged: Judged, suffix: str) -> Path:
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
    config = run.load_json("config.json", *_OF_CONFIG)
    own, history = _own_metrics(run), run.load_history()
    numbers = {
        "interrupted": False,
        **own,
        "dataset": dataset.name,
        "note": dataset.note,
        "test_sha256": dataset.sha256()[2:],
        **judged.metrics,
    }
    began = time.perf_counter()
    page = judged.page(
        report.RunFacts(
            run.path.resolve().name,
            config,
            numbers,
            history,
            dataset.source,
            training_command(config),
            task_of(config["recipe"]["name"]).loss,
        )
    )
    numbers["judge_seconds"]["report"] = time.perf_counter() - began
    if judged.predictions:
        target.save(f"answers{suffix}.npz", judged.predictions.save)
    target.save_json(f"metrics{suffix}.json", numbers)
    target.save_text(f"report{suffix}.html", page)
    return target.path / f"report{suffix}.html"


def tell_scores(screen: Screen, task: Task, scores: Scores, random_accuracy: float) -> None:
    """Print loss, accuracy with its interval, and the comparison with random assignment."""
    low, high = scores.interval
    screen.result("Test loss", f"{scores.loss:.5f} ({task.loss})")
    screen.result(
        "Test accuracy",
        f"{scores.accuracy:.2%} of {scores.size:,} unseen {task.items} "
        f"(95 % interval {low:.2%} to {high:.2%})",
    )
    text = f"{random_accuracy:.2%} by labels assigned at random"
    if random_accuracy:
        text += f": the network is {scores.accuracy / random_accuracy:.1f} times better"
    screen.result("Random", text)


def _own_metrics(run: Run) -> dict[str, Any]:
    """Return what training measured; nothing where it was killed before that was saved.

    Raises:
        RunError: ``metrics.json`` is damaged, or tells of other epochs than ``history.csv``.
    """
    if not (run.path / "metrics.json").exists():
        return {}
    own = run.load_json("metrics.json", *_OF_METRICS)
    epochs = len(run.load_history().get("loss", []))
    if own["epochs"] != epochs or (own["best_epoch"] or 0) > epochs:
        raise RunError(
            f"{run.path / 'metrics.json'} tells of {own['epochs']:,} epochs, the best of them "
            f"{own['best_epoch']}, and history.csv of {epochs:,}; expected the same: name another "
            "run, or train anew"
        )
    return own


def _own_temperature(run: Run, own: Mapping[str, Any]) -> float:
    """Return the temperature that was fitted on the run's own validation images."""
    if "temperature" not in own.get("calibration", {}):
        raise RunError(
            f"{run.path} has no temperature yet, which its own validation images give; expected "
            f"a run judged on its own data first: run  mnist evaluate {run.path}"
        )
    return float(own["calibration"]["temperature"])
