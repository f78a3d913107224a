"""`mnist export`: a run becomes one file that `mnist read` uses."""

import json
import os
import subprocess

import keras
import numpy as np
import pytest
from keras import layers

from mnist_classifier import DigitReader
from mnist_classifier.errors import OutputError
from mnist_classifier.learn.export.run import export_run
from tests.launcher import PROGRAM


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Input((784,)), layers.Dense(10, "softmax")])
    model.save(folder / "model.keras")
    (folder / "config.json").write_text(json.dumps({"dataset": "sample", "seed": 3}))
    (folder / "metrics.json").write_text(json.dumps({"test_accuracy": 0.125, "test_size": 1000}))
    return folder


def test_a_run_becomes_a_file_that_the_reader_uses(run, tmp_path):
    out = tmp_path / "mo\n\x1bdel.onnx"
    command = [*PROGRAM, "export", run, "--output", out]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "differ by at most" in done.stdout
    assert [line.isprintable() for line in done.stdout.split("\n")[:-1]] == [True] * 3
    reader = DigitReader(out)
    assert reader.model.card["test_accuracy"] == 0.125
    assert reader.model.card["seed"] == 3
    assert reader.model.refusal.measure == "confidence"
    assert reader.read_images(np.zeros((2, 28, 28))).probabilities.shape == (2, 10)
    card = json.loads(out.with_suffix(".json").read_text())
    assert len(card.pop("sha256")) == 64
    assert card == reader.model.card


@pytest.mark.slow
def test_litert_where_keras_can(launcher, run, tmp_path):
    out = tmp_path / "model.tflite"
    done = launcher.run("export", run, "--format", "litert", "--output", out)
    if done.returncode:
        assert done.returncode == 2
        assert "cannot export LiteRT" in done.stderr
        assert "Traceback" not in done.stderr
    else:
        assert out.read_bytes()[4:8] == b"TFL3"


def test_nothing_is_replaced_but_an_earlier_export(run, tmp_path):
    picture = tmp_path / "picture.png"
    (tmp_path / "notes.json").write_text("mine")
    picture.write_bytes(b"mine")
    before = {path: path.read_bytes() for path in run.iterdir()}
    for output in (run / "model.keras", run / "config.onnx", picture, tmp_path / "notes.onnx"):
        with pytest.raises(OutputError, match="exists and is no earlier export"):
            export_run(run, output)
    assert {path: path.read_bytes() for path in run.iterdir()} == before
    assert picture.read_bytes() == b"mine"
    earlier = tmp_path / "earlier.onnx"
    for _ in range(2):
        assert export_run(run, earlier).path == earlier


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a FIFO")
@pytest.mark.parametrize("name", ["digits.onnx", "digits.json"])
def test_a_pipe_in_the_run_folder_is_not_written_to(run, name):
    os.mkfifo(run / name)
    try:
        with pytest.raises(OutputError, match="cannot write .*: no ordinary file; expected"):
            export_run(run)
    finally:
        (run / name).unlink()


def test_mistakes_are_one_line_and_exit_code_2(launcher, run, tmp_path):
    for arguments in (
        [tmp_path / "none"],
        [run, "--format", "png"],
        [run, "--output", run / "model.keras" / "x.onnx"],
    ):
        done = launcher.run("export", *arguments)
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr
        # TensorFlow before 2.21 writes notes on the processor when a graph is converted.
        told = [line for line in done.stderr.splitlines() if "0000 00:00:" not in line]
        told = [line for line in told if not line.startswith("WARNING: All log messages")]
        assert len(told) <= 1 or "--help" in done.stderr
