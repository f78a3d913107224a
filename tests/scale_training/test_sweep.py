"""`mnist sweep`: killed and resumed, it leaves a table, a figure and a recipe."""

import csv
import json
import os
import pickle
import signal
import subprocess
import sys

import pytest

from tests.cli.test_train import train
from tests.scale_training.conftest import until

pytest.importorskip("ray.tune", reason="Ray is not installed")
pytest.importorskip("optuna", reason="Optuna is not installed")
pytestmark = [pytest.mark.ray, pytest.mark.slow]

SPACE = """
learning_rate = {low = 1e-4, high = 1e-1, log = true}
batch_size = {choices = [32, 64]}
epochs = {low = 2, high = 4}
"""


def started(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "mnist_classifier", "sweep", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TUNE_GLOBAL_CHECKPOINT_S": "1", "TERM": "dumb"},
    )


def saved_trials(folder):
    """Return the trials that Tune's own state tells of: settings, and whether they are done."""
    found = []
    for path in (folder / "tune").glob("experiment_state-*.json"):
        for trial, _ in json.loads(path.read_text())["trial_data"]:
            told = json.loads(trial)
            found.append((told["config"], told["status"] == "TERMINATED"))
    return found


def test_a_sweep_killed_and_resumed(cluster, small_dir, tmp_path, capsys):
    (tmp_path / "space.toml").write_text(SPACE)
    folder = tmp_path / "sweep"
    process = started(
        *("dnn", "--space", tmp_path / "space.toml", "--data-dir", small_dir, "--trials", 4),
        *("--splits", 2, "--output", folder, "--ray", cluster, "--cpus", 2),
    )

    def one_is_done():
        try:
            return [config for config, done in saved_trials(folder) if done]
        except (OSError, ValueError):  # just being written
            return False

    before = until(one_is_done, process)
    assert before, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (folder / "best.json").exists()
    process = started("--resume", folder, "--ray", cluster, "--cpus", 2)
    told, _ = process.communicate()
    assert process.returncode == 0, told
    assert "4 trials: " in told
    assert "experiment" not in told

    with (folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    tried = [(float(row["learning_rate"]), int(row["batch_size"])) for row in rows]
    assert {(one["learning_rate"], one["batch_size"]) for one in before} <= set(tried)
    finished = [row for row in rows if row["ended"] == "finished"]
    assert float(rows[0]["loss"]) == min(float(row["loss"]) for row in finished)
    assert (folder / "sweep.png").read_bytes().startswith(b"\x89PNG")
    assert not (folder / "trials").exists()

    best = json.loads((folder / "best.json").read_text())
    assert best["changes"]["learning_rate"] == tried[0][0]
    run = tmp_path / "run"
    asked = ("--recipe-file", folder / "best.json", "--data-dir", small_dir)
    assert train(*asked, "--epochs", 1, "--output", run) == 0
    config = json.loads((run / "config.json").read_text())
    assert config["changes"] == best["changes"]
    assert config["recipe"]["name"] == "dnn"


def test_a_state_that_was_cut_off_is_known(tmp_path):
    from mnist_classifier.learn.scale.sweep import is_whole

    assert not is_whole(tmp_path)
    written = {
        "experiment_state-1.json": b"{}",
        "searcher-state-1.pkl": pickle.dumps({}),
        "search_gen_state-1.json": pickle.dumps({}),
    }
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
    assert is_whole(tmp_path)
    for name, content in written.items():
        for cut in (b"", content[:-1]):
            (tmp_path / name).write_bytes(cut)
            assert not is_whole(tmp_path), name
        (tmp_path / name).write_bytes(content)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("", "the space is empty"),
        ("learning_rate = 3", "learning_rate in the space is 3; expected low and high"),
        ("learning_rat = {low = 1, high = 2}", "no setting 'learning_rat'"),
        ("epochs = {low = 0.5, high = 2}", "is 0.5; expected a whole number from 1 to 10,000"),
        ("warmup = {low = 0.5, high = 0.1}", "goes from 0.5 to 0.1"),
        ("warmup = {low = 0, high = 0.1, log = true}", "above 0 with log"),
        ("warmup = {choices = [0.1, 7]}", "is 7; expected a number from 0 to 1"),
        ("warmup = {choices = [0.1]}", "has choices; expected low and high"),
        ("warmup = ", "cannot be read"),
    ],
)
def test_a_space_that_makes_no_sense_is_a_line(space, message, tmp_path):
    from mnist_classifier.errors import SettingsError
    from mnist_classifier.learn.recipes.registry import load
    from mnist_classifier.learn.scale.space import read, space_of

    (tmp_path / "space.toml").write_text(space)
    with pytest.raises(SettingsError, match=message):
        space_of(read(tmp_path / "space.toml"), load("dnn"))


def test_nested_settings_have_names_with_dots(tmp_path):
    from mnist_classifier.learn.recipes.registry import load
    from mnist_classifier.learn.scale.space import read, space_of

    (tmp_path / "space.toml").write_text("[deformation.rotation]\nlow = 0\nhigh = 15\n")
    space = space_of(read(tmp_path / "space.toml"), load("cnn-small"))
    assert list(space) == ["deformation.rotation"]
