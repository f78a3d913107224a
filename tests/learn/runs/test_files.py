"""A run folder that is damaged or hostile: one line says what is wrong, whatever is asked of it."""

import contextlib
import copy
import json
import os
import pickle
import shutil
import zipfile
from functools import partial

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_classifier.errors import MnistError, RunError
from mnist_classifier.learn.evaluate import evaluate_run
from mnist_classifier.learn.evaluation import figures, metrics, report
from mnist_classifier.learn.evaluation.comparison import common_predictions
from mnist_classifier.learn.export import digits, onnx_file
from mnist_classifier.learn.export.run import export_run
from mnist_classifier.learn.networks import loading
from mnist_classifier.learn.networks.architectures import line_network
from mnist_classifier.learn.runs.run import Run, resumed_run
from mnist_classifier.learn.runs.settings import Settings
from mnist_classifier.learn.training.checkpoints import Checkpoint, Checkpoints
from mnist_images_classification import main
from tests.conftest import asks_for_at_most
from tests.learn.conftest import SILENT


def evaluate(run):
    evaluate_run(run, None, None, None, SILENT)


def resume(run):
    config = Run(run).load_json("config.json")
    Settings.from_run(run, config)
    Run(run).can_go_on()


def compare(run):
    common_predictions([run, run])


@pytest.fixture
def run(finished_run, tmp_path):
    return shutil.copytree(finished_run, tmp_path / "run")


def change(path, name, value):
    """Give the value of a dotted name another value; take it away where that is ``...``."""
    values = inner = json.loads(path.read_text())
    *way, last = name.split(".")
    for part in way:
        inner = inner[part]
    inner.pop(last, None) if value is ... else inner.__setitem__(last, value)
    path.write_text(json.dumps(values))


def deep(levels):
    return "[" * levels + "]" * levels


def test_a_sound_run_passes(run):
    for verb in (evaluate, export_run, compare, resume):
        verb(run)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("seed", "a", 'seed is "a"; expected a whole number from 0 to 4,294,967,295'),
        ("seed", -1, "seed is -1"),
        ("seed", True, "seed is true"),
        ("seed", 2**32, "seed is 4294967296"),
        ("seed", ..., "seed is missing"),
        ("recipe", ..., "recipe is missing; expected an object"),
        ("recipe", "dnn", 'recipe is "dnn"; expected an object'),
        ("recipe.name", ..., "recipe.name is missing"),
        ("recipe.name", 7, "recipe.name is 7"),
        ("recipe.validation_share", 0, "recipe.validation_share is 0; expected a number from"),
        ("recipe.validation_share", "a", 'recipe.validation_share is "a"'),
        ("recipe.label_smoothing", [], r"recipe.label_smoothing is \[\]"),
        ("recipe.deformation", "\ud800", "surrogates not allowed"),
        ("data_dir", 7, "data_dir is 7; expected a text, or null"),
        ("data_dir", "a\0b", "null character"),
        ("data_dir", "a" * 5000, "name too long"),
        ("versions", "3.1", 'versions is "3.1"; expected an object of texts'),
        ("versions", {"keras": [1]}, "versions is"),
        ("sha256", "ab", 'sha256 is "ab"; expected four texts'),
        ("source", ..., "source is missing"),
    ],
)
def test_a_wrong_setting_is_named(run, name, value, told):
    change(run / "config.json", name, value)
    with pytest.raises(MnistError, match=told) as raised:
        evaluate(run)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("epochs", ..., "epochs is missing"),
        ("epochs", 7, "tells of 7 epochs, the best of them 1, and history.csv of 1"),
        ("best_epoch", 9, "the best of them 9"),
        ("interrupted", "no", 'interrupted is "no"; expected true or false'),
        ("fit_seconds", float("nan"), "fit_seconds is NaN"),
        ("validation_size", {}, "validation_size is {}"),
    ],
)
def test_a_wrong_figure_is_named(run, name, value, told):
    change(run / "metrics.json", name, value)
    with pytest.raises(RunError, match=told):
        evaluate(run)


@pytest.mark.parametrize("verb", [evaluate, export_run])
def test_a_network_that_is_not_its_recipes_is_refused(run, verb):
    change(run / "config.json", "recipe.name", "lines")
    with pytest.raises(RunError, match=r"\(None, 784\) to \(None, 10\), not lines to columns"):
        verb(run)
    change(run / "config.json", "recipe.name", "dnn")
    line_network(15).save(run / "model.keras")
    with pytest.raises(RunError, match=r"not 784 to 10"):
        verb(run)


@pytest.mark.parametrize("name", ["config.json", "metrics.json"])
@pytest.mark.parametrize("levels", [30, 500, 10**5])
def test_deep_nesting_is_refused(run, name, levels):
    text = (run / name).read_text()
    (run / name).write_text(text.replace("{", f'{{"deep": {deep(levels)},', 1))
    with pytest.raises(RunError, match=rf"{name} cannot be read"):
        evaluate(run)


@pytest.mark.parametrize("text", ["loss\n" + "1\n" * 2**20, ",a" * 2**20 + "\n" + "1\n" * 10**4])
def test_a_history_of_many_rows_or_columns_takes_no_more_memory_than_ours(run, text):
    (run / "history.csv").write_text(text)
    with asks_for_at_most(2 * 10**8), pytest.raises(RunError, match=r"history\.csv"):
        evaluate(run)


TWICE = "epoch,loss,accuracy,val_loss,val_accuracy,loss\n1,1,1,1,1,1\n"


def test_a_history_of_several_networks_may_have_more_epochs_than_one(run):
    head, *_ = (run / "history.csv").read_text().splitlines()
    (run / "history.csv").write_text(head + 50_000 * "\n12345,0.5,0.5,0.5,0.5" + "\n")
    assert len(Run(run).load_history()["loss"]) == 50_000


@pytest.mark.parametrize(
    "text", ["", "epoch,loss\n1,0.5\n", "epoch\n1,2,3\n", "a\n\0\n", "\xff", TWICE]
)
def test_a_damaged_history_is_refused(run, text):
    (run / "history.csv").write_text(text, "latin-1")
    with pytest.raises(RunError, match=r"history\.csv"):
        evaluate(run)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a FIFO")
@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("config.json", evaluate),
        ("metrics.json", export_run),
        ("history.csv", evaluate),
        ("model.keras", evaluate),
        ("answers.npz", compare),
        ("config.json", resume),
        ("config.json", export_run),
        ("model.keras", export_run),
    ],
)
def test_what_is_no_ordinary_file_is_not_opened(run, name, verb):
    (run / name).unlink()
    os.mkfifo(run / name)
    with pytest.raises(MnistError, match=name):
        verb(run)


@pytest.mark.parametrize(
    ("state", "told"), [(None, "no checkpoint that is whole"), ({}, "tells of no training")]
)
def test_a_hostile_checkpoint_ends_resume_with_a_line(run, capsys, state, told):
    (run / "metrics.json").unlink()
    Checkpoints(run).save(1, Checkpoint([], [], state))
    if state is None:
        (run / "checkpoints" / "epoch-00001").write_bytes(pickle.dumps(os.getcwd))
    before = sorted((path, path.stat().st_size) for path in run.rglob("*"))
    with pytest.raises(SystemExit) as left:
        main(["train", "--resume", str(run), "--quiet", "--no-show"])
    out, err = capsys.readouterr()
    assert (left.value.code, out, err.count("\n")) == (2, "", 1)
    assert told in err
    assert sorted((path, path.stat().st_size) for path in run.rglob("*")) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a FIFO")
def test_nothing_is_written_through_a_link_or_into_a_pipe(run, tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("precious")
    (run / ".metrics.json").symlink_to(mine)
    (run / ".space").symlink_to(mine)
    (run / "digits.onnx").symlink_to(mine)
    (run / "digits.json").hardlink_to(mine)
    os.mkfifo(run / ".report.html")
    evaluate(run)
    export_run(run)
    assert mine.read_text() == "precious"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes links")
@pytest.mark.parametrize("name", ["checkpoints", "tensorboard", "checkpoints/teacher", "notes"])
def test_training_does_not_go_on_where_a_link_lies(run, tmp_path, name):
    (run / "metrics.json").unlink()
    (run / name).parent.mkdir(exist_ok=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "epoch-00001").write_text("precious")
    (run / name).symlink_to(elsewhere)
    with pytest.raises(RunError, match="is a link"), resumed_run(run):
        pass
    assert (elsewhere / "epoch-00001").read_text() == "precious"


@pytest.mark.parametrize("name", ["config.json", "metrics.json", "history.csv"])
def test_a_file_longer_than_any_of_ours_is_not_read(run, name):
    os.truncate(run / name, 2**23 + 1)
    with asks_for_at_most(10**7), pytest.raises(RunError, match=f"{name} cannot be read"):
        evaluate(run)


def test_a_run_killed_before_its_figures_were_saved_is_judged(run):
    (run / "metrics.json").unlink()
    evaluate(run)
    assert json.loads((run / "metrics.json").read_text())["test_size"] == 50


def rewrite(path, change_config=lambda config: None, compression=zipfile.ZIP_STORED, more=()):
    """Write a ``.keras`` file again with its configuration changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change_config(config["config"]["layers"])
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in {**members, **dict(more)}.items():
            archive.writestr(name, content)


def _units(layers, units):
    layers[1]["config"]["units"] = units
    layers[2].pop("build_config")


def _repeat(layers, times):
    layers.insert(1, {**layers[1], "class_name": "RepeatVector", "config": {"n": times}})
    layers[1].pop("build_config")
    layers.insert(2, {**layers[1], "class_name": "GlobalMaxPooling1D", "config": {}})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (partial(_units, units=2**31), "weights in"),
        (partial(_units, units=2**20), "weights in"),
        (partial(_repeat, times=2**30), "values an image"),
        (lambda layers: layers.pop(), r"it maps .* to \(None, 128\), not 784 to 10"),
        (lambda layers: layers.clear(), "cannot be loaded"),
        (lambda layers: layers[1].pop("config"), "cannot be loaded"),
        (lambda layers: layers[1]["config"].update(units=-3), "cannot be loaded"),
        (lambda layers: layers[1]["config"].update(units="a"), "cannot be loaded"),
        (lambda layers: layers[0]["config"].update(batch_shape=7), "cannot be loaded"),
    ],
)
def test_a_network_that_its_file_cannot_hold_is_refused_before_it_is_made(run, changed, told):
    rewrite(run / "model.keras", changed)
    with pytest.raises(RunError, match=told) as raised:
        evaluate(run)
    assert "\n" not in str(raised.value)


def test_a_refused_network_is_not_made_later_either(run, monkeypatch):
    rewrite(run / "model.keras", partial(_units, units=50_000))
    with pytest.raises(RunError, match="weights in"):
        Run(run).load_model()
    made, draw = [], keras.initializers.VarianceScaling.__call__

    def record(self, shape, **options):
        made.append(tuple(shape))
        return draw(self, shape, **options)

    monkeypatch.setattr(keras.initializers.VarianceScaling, "__call__", record)
    shaped = keras.layers.Lambda(lambda x: x)  # Keras runs it, to see what it gives
    keras.Sequential([keras.Input((784,)), shaped, keras.layers.Dense(3)])
    assert made == [(784, 3)]


def test_a_model_that_unpacks_to_far_more_is_refused(run):
    zeros = {"assets/zeros": bytes(10**9 // 4)}
    rewrite(run / "model.keras", compression=zipfile.ZIP_DEFLATED, more=zeros)
    with pytest.raises(RunError, match="that unpack to"):
        evaluate(run)


def test_weights_of_which_only_the_shape_was_written_are_refused(run, tmp_path):
    import h5py

    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file.create_dataset("x", (2**20, 2**15), "f4", chunks=(1024, 1024))
    content = (tmp_path / "weights.h5").read_bytes()
    rewrite(run / "model.keras", more={"model.weights.h5": content, "assets/x": bytes(10**7)})
    with pytest.raises(RunError, match="arrays of 137,438,953,472 bytes"):
        evaluate(run)


@pytest.mark.parametrize(
    "arrays",
    [
        {"labels": np.zeros(50)},
        {"labels": np.zeros((50, 2), np.uint8)},
        {"probabilities": np.full((50, 10), "a")},
        {"probabilities": np.zeros((50, 3), np.float32)},
        {"sha256": np.array(7)},
        {"labels": np.zeros(0, np.uint8), "probabilities": np.zeros((0, 10), np.float32)},
    ],
)
def test_answers_that_are_none_are_refused(run, arrays):
    with np.load(run / "answers.npz") as archive:
        whole = dict(archive)
    np.savez(run / "answers.npz", **{**whole, **arrays})
    with pytest.raises(RunError, match=r"answers\.npz cannot be read"):
        compare(run)


@pytest.fixture
def judged(run, monkeypatch):
    """A run whose answers are remembered: to judge or to export it again takes no time."""
    known = {}

    def remember(module, name, copied=True):
        work = getattr(module, name)

        def once(*arguments):
            if name not in known:
                known[name] = work(*arguments)
            return copy.deepcopy(known[name]) if copied else known[name]

        monkeypatch.setattr(module, name, once)

    history_figure, svg, drawn = figures.history_figure, figures.svg, {}

    def curves(*arguments):
        figure = history_figure(*arguments)
        figure.shows = repr(arguments)
        return figure

    def drawn_once(figure):
        """Draw a figure; curves of the same numbers only once."""
        shows = getattr(figure, "shows", None)
        if shows not in drawn or shows is None:
            drawn[shows] = svg(figure)
        return drawn[shows]

    monkeypatch.setattr(figures, "history_figure", curves)
    monkeypatch.setattr(figures, "svg", drawn_once)
    remember(metrics, "evaluate")
    remember(report, "draw")
    remember(loading, "load_network", copied=False)
    remember(digits, "logits_network", copied=False)
    remember(digits, "largest_difference")
    remember(onnx_file, "to_onnx")
    evaluate(run)
    export_run(run)
    return run


VALUES = st.sampled_from(
    [..., None, True, 0, -1, 0.5, 1e308, 10**30, float("nan"), "", "a", "lines", "ensemble"]
    + [[], [[]], {}, {"a": []}]
)


@given(data=st.data())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_whatever_a_json_file_says_only_an_explained_error_comes(judged, tmp_path, data):
    run = tmp_path / "changed"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(judged, run)
    name = data.draw(st.sampled_from(["config.json", "metrics.json"]))
    values = json.loads((run / name).read_text())
    names = [*values, *(f"recipe.{part}" for part in values.get("recipe", ()))]
    names += [f"{key}.0" for key, value in values.items() if isinstance(value, dict)]
    change(run / name, data.draw(st.sampled_from(names)), data.draw(VALUES))
    for verb in (resume, evaluate, export_run):
        with contextlib.suppress(MnistError):
            verb(run)


@given(data=st.data())
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_whatever_bytes_are_damaged_only_an_explained_error_comes(finished_run, tmp_path, data):
    run = tmp_path / "run"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(finished_run, run)
    path = run / data.draw(st.sampled_from(["answers.npz", "model.keras", "history.csv"]))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1) | st.integers(0, 400))
    content[min(place, len(content) - 1)] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([None, place]))])
    load = {"answers.npz": compare, "model.keras": lambda run: Run(run).load_model()}
    with contextlib.suppress(MnistError):
        load.get(path.name, lambda run: Run(run).load_history())(run)
