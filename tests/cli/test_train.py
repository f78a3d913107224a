import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from mnist_classifier.learn.recipes import standard
from mnist_classifier.learn.recipes.standard import DNN
from mnist_images_classification import main
from tests.conftest import ROOT, UNOPTIMIZED, small_arrays, write_idx_folder

FIGURES = ["accuracy.png", "example.png", "loss.png"]
REPORT = ["answers.npz", "metrics.json", "report.html"]
FILES = sorted([*FIGURES, *REPORT, "config.json", "history.csv", "model.keras"])


def train(*arguments):
    with pytest.raises(SystemExit) as left:
        main(["train", "--no-show", *map(str, arguments)])
    return left.value.code


def load(run, name):
    return json.loads((run / name).read_text())


@pytest.fixture(scope="module")
def sample_run(tmp_path_factory):
    """A run of the main job: no network, no data, nothing asked but where to save."""
    output = tmp_path_factory.mktemp("runs") / "run"
    assert train("--output", output) == 0
    return output


def test_the_run_folder_is_complete(sample_run):
    assert sorted(path.name for path in sample_run.iterdir()) == FILES
    for name in FIGURES:
        assert (sample_run / name).read_bytes().startswith(b"\x89PNG")


def test_metrics_say_what_was_measured_and_on_what(sample_run, sample):
    metrics = load(sample_run, "metrics.json")
    assert metrics["dataset"] == "sample"
    assert "5,000" in metrics["note"]
    assert (metrics["train_size"], metrics["validation_size"], metrics["test_size"]) == (
        3600,
        400,
        1000,
    )
    low, high = metrics["test_accuracy_interval"]
    assert low < metrics["test_accuracy"] < high
    assert 0.05 < metrics["random_accuracy"] < 0.15
    assert metrics["seed"] == 0
    assert metrics["epochs"] >= metrics["best_epoch"] >= 1
    assert metrics["fit_seconds"] > 0
    assert not metrics["interrupted"]
    # A floor and a ceiling: 5,000 images teach much, and nothing near perfection.
    assert 0.92 < metrics["test_accuracy"] < 0.99


def test_saved_metrics_are_those_of_the_saved_model(sample_run, sample):
    model = keras.models.load_model(sample_run / "model.keras")
    x = sample.test_images.reshape(-1, 784) / np.float32(255)
    by_hand = np.mean(model.predict(x, verbose=0).argmax(axis=1) == sample.test_labels)
    assert load(sample_run, "metrics.json")["test_accuracy"] == pytest.approx(by_hand)


def test_config_can_repeat_the_run(sample_run, sample):
    config = load(sample_run, "config.json")
    assert config["recipe"]["name"] == "dnn"
    assert config["dataset"] == "sample"
    assert config["sha256"] == list(sample.sha256())
    assert {"keras", "tensorflow", "python", "numpy"} <= set(config["versions"])


def test_history_has_a_row_an_epoch(sample_run):
    rows = list(csv.DictReader((sample_run / "history.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) == load(sample_run, "metrics.json")["epochs"]
    assert set(rows[0]) == {"epoch", "loss", "accuracy", "val_loss", "val_accuracy"}


def test_evaluate_scores_the_saved_run_alike(sample_run, capsys):
    with pytest.raises(SystemExit) as left:
        main(["evaluate", str(sample_run)])
    out = capsys.readouterr().out
    assert left.value.code == 0
    metrics = load(sample_run, "metrics.json")
    assert f"{metrics['test_accuracy']:.2%} of 1,000 unseen images" in out
    assert f"{metrics['test_loss']:.5f}" in out
    assert out.count("SAMPLE") == 1


def evaluate(*arguments):
    with pytest.raises(SystemExit) as left:
        main(["evaluate", "--quiet", *map(str, arguments)])
    return left.value.code


def test_evaluate_makes_the_same_report_and_keeps_what_training_measured(
    sample_run, tmp_path, capsys
):
    assert evaluate(sample_run, "--output", tmp_path / "again") == 0
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == REPORT
    before, after = load(sample_run, "metrics.json"), load(tmp_path / "again", "metrics.json")
    out, err = capsys.readouterr()
    assert "SAMPLE" not in out
    assert err.count("\n") == 1
    assert "learned and judged on a sample" in err
    assert before.pop("judge_seconds") != after.pop("judge_seconds")
    assert before == after


def test_evaluate_on_other_images_leaves_the_runs_own_files(sample_run, small_dir, capsys):
    own = {name: (sample_run / name).read_bytes() for name in REPORT}
    assert evaluate(sample_run, "--data-dir", small_dir) == 0
    out = capsys.readouterr().out
    assert "of 50 unseen images" in out
    assert "SAMPLE" not in out
    assert {name: (sample_run / name).read_bytes() for name in REPORT} == own
    (other,) = sample_run.glob("metrics-custom-*.json")
    metrics = load(sample_run, other.name)
    assert metrics["test_size"] == 50
    assert (
        metrics["calibration"]["temperature"]
        == (load(sample_run, "metrics.json")["calibration"]["temperature"])
    )
    for path in sample_run.glob("*-custom-*"):
        path.unlink()


def test_evaluate_takes_the_images_that_validated_in_the_run(tmp_path, monkeypatch):
    images, labels, *test = small_arrays()
    labels[::3] = 9 - labels[::3]  # wrong ones, of which the temperature depends on each
    hard = write_idx_folder(tmp_path / "hard", [images, labels, *test])
    few = replace(DNN, epochs=1, validation_share=1 / 5)
    monkeypatch.setattr(standard, "DNN", few)
    assert train("--quiet", "--data-dir", hard, "--output", tmp_path / "run") == 0
    monkeypatch.undo()  # a recipe may change; a run stays what it was
    assert evaluate(tmp_path / "run", "--output", tmp_path / "again") == 0
    before, after = (load(tmp_path / run, "metrics.json") for run in ("run", "again"))
    assert (before["train_size"], before["validation_size"]) == (160, 40)
    assert after["calibration"] == before["calibration"]
    assert 0.1 < before["calibration"]["temperature"] < 10


def test_a_place_that_cannot_be_written_to_is_named_before_anything_is_judged(
    sample_run, tmp_path, capsys
):
    (tmp_path / "file").write_text("")
    assert evaluate(sample_run, "--output", tmp_path / "file") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "name another --output" in err


def test_two_runs_are_compared_in_plain_words(sample_run, tmp_path, capsys):
    other = tmp_path / "other"
    assert train("--epochs", 1, "--seed", 1, "--quiet", "--output", other) == 0
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(["compare", str(sample_run), str(other)])
    out = " ".join(capsys.readouterr().out.split())
    assert left.value.code == 0
    assert "1,000 test images of sample" in out
    assert "run 1 and run 2: run 1 reads better than run 2" in out
    assert "images only run 1 has right" in out
    with pytest.raises(SystemExit):
        main(["compare", str(sample_run), str(sample_run)])
    assert "no difference is shown" in " ".join(capsys.readouterr().out.split())


def test_evaluate_refuses_images_that_the_run_has_seen(sample_run, capsys, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    for path in sample_run.iterdir():
        (full / path.name).write_bytes(path.read_bytes())
    config = load(full, "config.json")
    (full / "config.json").write_text(json.dumps({**config, "dataset": "mnist"}))
    with pytest.raises(SystemExit) as left:
        main(["evaluate", str(full), "--dataset", "sample"])
    assert left.value.code == 2
    assert "of which the sample is a part" in capsys.readouterr().err


def test_options_reach_the_training(small_dir, tmp_path, capsys):
    output = tmp_path / "run"
    arguments = ("--data-dir", small_dir, "--epochs", 2, "--batch-size", 7, "--seed", 9)
    assert train(*arguments, "--output", output) == 0
    config = load(output, "config.json")
    assert (config["recipe"]["epochs"], config["recipe"]["batch_size"]) == (2, 7)
    assert load(output, "metrics.json")["epochs"] == 2
    out = capsys.readouterr().out
    assert str(small_dir) in out.replace("\n", "").replace(" ", "")
    assert "SAMPLE" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_environment_names_the_folder_too_and_quiet_prints_the_result_alone(
    small_dir, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("MNIST_DATA_DIR", str(small_dir))
    assert train("--epochs", 1, "--quiet", "--output", tmp_path / "run") == 0
    assert load(tmp_path / "run", "metrics.json")["dataset"] == "custom"
    lines = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines() if line[0] != " "]
    assert lines == ["Test loss", "Test accuracy", "Random", "Saved in"]


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_saves_what_was_learned(launcher, small_dir, tmp_path):
    output = tmp_path / "run"
    process = launcher.start(
        *("--data-dir", small_dir, "--epochs", 10000, "--batch-size", 4, "--output", output),
        program=("mnist_images_classification.py",),
        cwd=ROOT,
    )
    for line in process.stdout:
        if line.split()[:1] == ["2"]:  # the second epoch is over, the third under way
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted" in out
    assert sorted(path.name for path in output.iterdir()) == sorted([*FILES, "checkpoints"])
    metrics = load(output, "metrics.json")
    assert metrics["interrupted"]
    assert metrics["epochs"] >= 2
    assert metrics["test_size"] == 50


@pytest.mark.skipif(sys.platform != "linux", reason="uses Linux's way of opening pictures")
def test_with_a_display_figures_open_and_training_does_not_wait(launcher, small_dir, tmp_path):
    opened = tmp_path / "opened"
    viewer = tmp_path / "bin" / "xdg-open"
    viewer.parent.mkdir()
    viewer.write_text(f'#!/bin/sh\necho "$1" >> {opened}\nexec sleep 30\n')
    viewer.chmod(0o755)
    began = time.monotonic()
    with Path(os.devnull).open("w") as nowhere:
        launcher.run(
            *("train", "-q", "--data-dir", small_dir, "--epochs", 1, "--output", tmp_path / "run"),
            stdout=nowhere,
            DISPLAY=":99",
            PATH=f"{viewer.parent}:{os.environ['PATH']}",
        ).check_returncode()
    assert time.monotonic() - began < 30, "training waited for a viewer to be closed"
    assert sorted(Path(line).name for line in opened.read_text().split()) == FIGURES


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])  # TensorFlow learns `sample_run`
def test_every_back_end_learns_the_sample_and_needs_no_tensorflow(tmp_path, backend):
    pytest.importorskip(backend)
    output = tmp_path / "run"
    hidden = "import sys; sys.modules['tensorflow'] = None"
    program = f"{hidden}; from mnist_images_classification import main; main()"
    subprocess.run(
        [sys.executable, "-c", program, "train", "-q", "--epochs", "4", "--output", output],
        cwd=ROOT,
        env={**os.environ, **UNOPTIMIZED, "KERAS_BACKEND": backend},
        check=True,
    )
    assert load(output, "metrics.json")["test_accuracy"] > 0.92
    assert backend in load(output, "config.json")["versions"]
