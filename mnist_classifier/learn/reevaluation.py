"""Judge a saved run again, on its own test images or on others."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from mnist_classifier.errors import RunError
from mnist_classifier.learn import datasets, judgement, report, runs
from mnist_classifier.learn.evaluation import Evaluation
from mnist_classifier.learn.telling import judging, tell, tell_scores, warn_of_sample


def evaluate_run(
    path: Path,
    name: str | None,
    data_dir: Path | None,
    output: Path | None,
    console: Console,
    quiet: bool,
) -> None:
    """Judge a saved network, print its scores, and write report, numbers and answers anew.

    On other images than the run's own test images, the files are named after the data set, so
    that the run's own stay.

    Args:
        path: A run folder.
        name: The data set; ``None`` for the one that the run learned from.
        data_dir: Where it lies; ``None`` for where the run had it from.
        output: The folder to write to; ``None`` for the run folder.
        console: Where to print.
        quiet: Whether only the result is told.

    Raises:
        RunError: The run folder is incomplete or damaged, or it has seen the test images.
        DataError: The images cannot be had.
        OutputError: The results cannot be written.
    """
    run = runs.Run(path)
    config = run.load_json("config.json")
    model = run.load_model()
    if name is None and data_dir is None:
        name = config["dataset"] if config["dataset"] in datasets.NAMES else None
        data_dir = Path(config["data_dir"]) if config["data_dir"] else None
    dataset = datasets.load_dataset(name, data_dir)
    if dataset.name == "sample" and config["dataset"] == "mnist":
        raise RunError(
            f"{path} learned from MNIST's training images, of which the sample is a part; "
            "expected images that it has not seen: name another --dataset"
        )
    target = runs.Run(output or path)
    target.make()
    if not quiet:
        tell(console, "Run", str(path))
        tell(console, "Images", f"{dataset.name}, from {dataset.source}")
    with judging(console, quiet) as tell_progress:
        sha256 = dataset.sha256()
        if list(sha256) == config["sha256"]:
            suffix = ""
            tell_progress("the temperature")
            share = datasets.validation_share_of(config)
            validation = datasets.prepare(dataset, config["seed"], share).validation
            temperature = judgement.validation_temperature(model, validation)
        else:
            known = dataset.name in datasets.NAMES
            suffix = f"-{dataset.name}" if known else f"-{dataset.name}-{sha256[2][:8]}"
            temperature = _own_temperature(run)
        judged = judgement.judge(model, dataset, temperature, config["seed"], tell_progress)
        tell_progress("the report")
        report_path = report.write(run, target, dataset, judged, suffix)
    scores = judged.metrics
    tell_scores(
        console,
        Evaluation(
            scores["test_loss"],
            scores["test_accuracy"],
            scores["test_accuracy_interval"],
            scores["test_size"],
        ),
        scores["random_accuracy"],
    )
    tell(console, "Report", str(report_path))
    warn_of_sample(console, dataset.note)


def _own_temperature(run: runs.Run) -> float:
    """Return the temperature that was fitted on the run's own validation images."""
    metrics = run.load_json("metrics.json")
    if "calibration" not in metrics:
        raise RunError(
            f"{run.path} has no temperature yet, which its own validation images give; expected "
            f"a run judged on its own data first: run  mnist evaluate {run.path}"
        )
    return float(metrics["calibration"]["temperature"])
