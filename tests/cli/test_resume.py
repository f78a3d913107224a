"""`mnist train --resume`: a training killed at any moment goes on as if it had not been."""

import contextlib
import json
import signal
import subprocess
import sys

import pytest

from tests.conftest import write_idx_folder
from tests.launcher import PROGRAM


def start(launcher, *arguments):
    return launcher.start("train", "--no-show", *arguments, stderr=subprocess.STDOUT, TERM="dumb")


def run(launcher, *arguments):
    process = start(launcher, *arguments)
    output, _ = process.communicate()
    return process.returncode, output


def settings(images, folder):
    few_steps = ("--batch-size", 20)  # nine an epoch
    return "--data-dir", images, "--epochs", 12, *few_steps, "--deterministic", "--output", folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_idx_folder(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def whole(launcher, images, tmp_path_factory):
    """A run of seed 1 that was left alone."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    code, output = run(launcher, *settings(images, folder), "--seed", 1)
    assert code == 0, output
    assert not (folder / "checkpoints").exists()
    return folder


def results(folder):
    """What must be alike: the curves, the test's figures, and each bit of the weights."""
    import keras

    metrics = json.loads((folder / "metrics.json").read_text())
    weights = keras.models.load_model(folder / "model.keras").get_weights()
    return (
        (folder / "history.csv").read_text(),
        metrics["test_loss"],
        metrics["test_accuracy"],
        metrics["best_epoch"],
        [array.tobytes() for array in weights],
    )


def wait_for_a_new_checkpoint(process, folder):
    """Wait until a training has saved a checkpoint, or has ended."""
    seen = set(folder.glob("checkpoints/epoch-?????"))
    while process.poll() is None and not set(folder.glob("checkpoints/epoch-?????")) - seen:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.005)


@pytest.mark.slow
def test_a_killed_training_goes_on_bit_for_bit(launcher, images, whole, tmp_path):
    cut = tmp_path / "cut"
    process = start(launcher, *settings(images, cut), "--seed", 1)
    wait_for_a_new_checkpoint(process, cut)
    process.kill()
    process.communicate()
    assert not (cut / "metrics.json").exists()
    # In a Python of its own, whose hashes have another seed.
    command = [*PROGRAM, "train", "--no-show", "--resume", cut]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    assert results(cut) == results(whole)
    assert not (cut / "checkpoints").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_a_killed_series_goes_on_bit_for_bit(launcher, images, whole, tmp_path):
    cut = tmp_path / "series"
    process = start(launcher, *settings(images, cut), "--seeds", 2)
    wait_for_a_new_checkpoint(process, cut / "seed-1")
    process.kill()
    process.communicate()
    assert (cut / "seed-0" / "report.html").exists()
    assert not (cut / "seed-1" / "metrics.json").exists()
    code, output = run(launcher, "--resume", cut)
    assert code == 0, output
    assert "mean of 2 seeds" in output
    assert results(cut / "seed-1") == results(whole)


@pytest.mark.slow
def test_sigterm_saves_what_was_learned_and_training_can_go_on(launcher, small_dir, tmp_path):
    folder = tmp_path / "run"
    process = start(launcher, "--data-dir", small_dir, "--epochs", 3000, "--output", folder)
    wait_for_a_new_checkpoint(process, folder)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert process.returncode == 130, output
    assert "--resume" in output
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["interrupted"]
    rows = (folder / "history.csv").read_text().splitlines()
    assert len(rows) == metrics["epochs"] + 1
    assert (folder / "model.keras").exists()
    assert (folder / "checkpoints").exists()


def test_mistakes_are_one_line_and_exit_code_2(launcher, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{}")
    for arguments, message in (
        (["--resume", tmp_path / "none"], "does not exist"),
        (["--resume", broken], "train anew"),
        (["--resume", broken, "--epochs", 3], "leave the others out"),
    ):
        code, output = run(launcher, *arguments)
        assert code == 2, output
        assert message in output
        assert output.count("\n") == 1
