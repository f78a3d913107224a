import json
import os
import subprocess
import sys
import tempfile
import zipfile
from contextlib import nullcontext

import keras
import pytest

from mnist_classifier.errors import OutputError, RunError
from mnist_classifier.learn.networks.layers import (
    MeanOverTTA,
    MomentNormalization,
    RotationTTA,
    softmax_with_reject,
)
from mnist_classifier.learn.runs.run import Run, new_run, resumed_run
from mnist_classifier.learn.training.checkpoints import Checkpoint, Checkpoints
from tests.conftest import ROOT


def test_an_existing_folder_is_left_as_it_is(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(OutputError, match="exists already"), new_run(tmp_path, "dnn"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = set()
    for _ in range(5):
        with new_run(None, "dnn") as run:
            run.save_json("config.json", {})
        paths.add(run.path)
    assert len(paths) == 5
    assert all(path.parent.name == "runs" and path.name.startswith("dnn-") for path in paths)


def test_what_is_needed_to_go_on_goes_when_a_run_is_finished(tmp_path):
    checkpoint = Checkpoint([], [], {})
    for metrics, left in (({"interrupted": True}, True), ({"interrupted": False}, False)):
        path = tmp_path / str(left)
        with new_run(path, "dnn") as run:
            run.save_json("config.json", {})
            Checkpoints(path).save(1, checkpoint)
            run.save_json("metrics.json", metrics)
        assert (path / "checkpoints").exists() is left
    with resumed_run(tmp_path / "True") as run:
        assert run.path == tmp_path / "True"
    with (
        pytest.raises(RunError, match="is finished.*a new run with --epochs"),
        resumed_run(tmp_path / "False"),
    ):
        pass


def test_checkpoints_stay_after_an_error(tmp_path):
    path = tmp_path / "new"
    with pytest.raises(ZeroDivisionError), new_run(path, "dnn"):
        Checkpoints(path).save(1, Checkpoint([], [], {}))
        raise ZeroDivisionError
    assert (path / "checkpoints" / "epoch-00001").exists()


def test_a_folder_in_which_nothing_was_learned_does_not_stay_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), new_run(tmp_path / "new", "dnn") as run:
        run.save_json("config.json", {"seed": 1})
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_was_learned_stays_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), new_run(tmp_path / "new", "dnn") as run:
        run.save_history({"loss": [0.5]})
        raise ZeroDivisionError
    assert (tmp_path / "new" / "history.csv").read_text().splitlines() == ["epoch,loss", "1,0.5"]


def test_a_file_in_the_way_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="cannot be made"),
        new_run(tmp_path / "file" / "x", "dnn"),
    ):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs resource limits")
def test_no_room_is_found_before_training(tmp_path):
    # A limit on file size refuses what a full disk would, with an OSError as well.
    code = f"""
import resource, signal, pathlib
from mnist_classifier.learn.runs.run import Run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
Run(pathlib.Path({str(tmp_path)!r})).reserve(4 << 20)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "OutputError" in done.stderr
    assert "free some" in done.stderr
    assert list(tmp_path.iterdir()) == []


def small_model():
    return keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax")])


def test_a_model_comes_back_as_it_was_saved(tmp_path):
    model, run = small_model(), Run(tmp_path)
    run.save("model.keras", model.save)
    for saved, loaded in zip(model.get_weights(), run.load_model().get_weights(), strict=True):
        assert (saved == loaded).all()
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_a_model_with_the_projects_own_layer_comes_back_where_nothing_else_is_imported(
    launcher, tmp_path
):
    model = keras.Sequential([keras.Input((784,)), MomentNormalization(), keras.layers.Dense(10)])
    Run(tmp_path).save("model.keras", model.save)
    code = f"""
import pathlib
from mnist_classifier.learn.runs.run import Run
print(Run(pathlib.Path({str(tmp_path)!r})).load_model().count_params())
"""
    done = launcher.run(program=("-c", code))
    assert done.stdout.split() == [str(784 * 10 + 10)], done.stderr


@pytest.mark.parametrize("content", [None, b"", b"no zip", "cut"])
def test_a_missing_or_damaged_model_is_refused(tmp_path, content):
    run = Run(tmp_path)
    if content is not None:
        run.save("model.keras", small_model().save)
        path = tmp_path / "model.keras"
        path.write_bytes(path.read_bytes()[:-300] if content == "cut" else content)
    with pytest.raises(RunError, match=r"model\.keras is (missing|damaged)"):
        run.load_model()


def test_a_model_that_carries_code_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((784,)), keras.layers.Lambda(lambda x: x)])
    run = Run(tmp_path)
    run.save("model.keras", model.save)
    with pytest.raises(RunError, match=r"cannot be loaded .*Lambda") as raised:
        run.load_model()
    assert "\n" not in str(raised.value)


def rewrite(path, change, more=()):
    """Rewrite a ``.keras`` file with its configuration changed and further members added."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = json.dumps(change(json.loads(members["config.json"]))).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, **dict(more)}.items():
            archive.writestr(name, content)


def test_a_model_saved_before_our_layers_had_their_names_is_loaded(tmp_path):
    earlier = {
        "RotationTTA": "TurnedViews",
        "MeanOverTTA": "MeanOfViews",
        "softmax_with_reject": "softmax_or_nothing",
        "networks.layers": "views",
    }

    def as_it_was(config):
        text = json.dumps(config)
        for name, before in earlier.items():
            assert name in text
            text = text.replace(name, before)
        return json.loads(text)

    model = keras.Sequential(
        [
            keras.Input((784,)),
            RotationTTA(7),
            keras.layers.Dense(10),
            MeanOverTTA(),
            keras.layers.Activation(softmax_with_reject),
        ]
    )
    run = Run(tmp_path)
    rewrite(run.save("model.keras", model.save), as_it_was)
    loaded = run.load_model()
    assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in model.layers]
    assert loaded.layers[-1].activation is softmax_with_reject
    assert (loaded.get_weights()[0] == model.get_weights()[0]).all()


@pytest.mark.parametrize(
    ("module", "name", "refused"),
    [
        ("keras.activations", "relu", False),
        ("keras.utils", "get_file", True),
        ("os", "system", True),
        ("builtins", "eval", True),
    ],
)
def test_a_model_names_no_function_but_kerass_own(tmp_path, module, name, refused):
    run = Run(tmp_path)
    run.save("model.keras", small_model().save)

    def change(config):
        config["config"]["layers"][1]["config"]["activation"] = {
            "module": module,
            "class_name": "function",
            "config": name,
            "registered_name": name,
        }
        return config

    rewrite(tmp_path / "model.keras", change)
    with pytest.raises(RunError, match="cannot be loaded") if refused else nullcontext():
        run.load_model()


def test_a_model_writes_nothing_outside_its_folder(tmp_path, monkeypatch):
    home, work = tmp_path / "home", tmp_path / "home" / "run"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setattr(tempfile, "tempdir", str(home))  # Keras unpacks there for a moment
    run = Run(work)
    run.save("model.keras", small_model().save)
    sound = (work / "model.keras").read_bytes()
    for name in ("../mark", "../../mark", "../run/mark", f"{tmp_path}/mark", "assets/../../mark"):
        (work / "model.keras").write_bytes(sound)
        rewrite(work / "model.keras", lambda config: config, [(name, b"x")])
        with pytest.raises(RunError, match="leads elsewhere"):
            run.load_model()
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert left == ["home", "home/run", "home/run/model.keras"]


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_damaged_config_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(RunError, match=r"config\.json"):
        Run(tmp_path).load_json("config.json")
