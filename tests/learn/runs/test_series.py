import contextlib
import json
import os
import shutil
import sys
from dataclasses import replace

import keras
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_classifier.errors import MnistError, OutputError, RunError, SettingsError
from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.runs.series import opened, saved, summary
from mnist_classifier.learn.runs.settings import LARGEST_SEED, Settings
from mnist_images_classification import main


@pytest.fixture
def dataset(small_dir):
    return load_dataset(data_dir=small_dir)


def result(seed, accuracy, seconds=1.0):
    return {
        "seed": seed,
        "test_accuracy": accuracy,
        "test_loss": 0.1,
        "epochs": 3,
        "fit_seconds": seconds,
    }


def finish(series, seed, accuracy):
    """Leave what a finished run leaves, as far as a series reads it."""
    run = series.run(seed)
    run.path.mkdir()
    run.save_json("config.json", {})
    run.save_json("metrics.json", {**result(seed, accuracy), "interrupted": False})


def test_a_summary_is_that_computed_by_hand():
    accuracies = [0.984, 0.986, 0.985, 0.989, 0.981]
    seconds = [10.0, 14.0, 11.0, 30.0, 9.0]
    found = summary(
        [result(7 + i, *pair) for i, pair in enumerate(zip(accuracies, seconds, strict=True))]
    )
    # Squared differences from 0.985 in millionths: 1, 1, 0, 16, 16; their sum over 4 is 8.5.
    deviation = 8.5e-6**0.5
    margin = 2.7764451 * deviation / 5**0.5  # Student's t, 97.5 %, 4 degrees of freedom
    assert found == {
        "finished": 5,
        "mean_accuracy": pytest.approx(0.985),
        "standard_deviation": pytest.approx(deviation),
        "mean_interval": pytest.approx([0.985 - margin, 0.985 + margin]),
        "worst_accuracy": 0.981,
        "worst_seed": 11,
        "median_fit_seconds": 11.0,
        "fit_seconds_range": [9.0, 30.0],
    }


def test_a_single_seed_has_no_deviation_and_no_interval():
    found = summary([result(0, 0.98)])
    assert found["mean_accuracy"] == found["worst_accuracy"] == 0.98
    assert found["standard_deviation"] is found["mean_interval"] is None


def test_the_interval_of_a_share_ends_at_0_and_at_1():
    assert summary([result(0, 1.0), result(1, 0.99)])["mean_interval"][1] == 1
    assert summary([result(0, 0.0), result(1, 0.01)])["mean_interval"][0] == 0


def test_a_series_is_read_from_its_folder_alone(dataset, tmp_path):
    with opened(Settings(output=tmp_path / "series", seed=2), 3, dataset) as series:
        finish(series, 2, 0.9)
        finish(series, 3, 0.8)
    found = saved(series.path)
    assert (found.seeds, found.settings.seed) == (3, 2)
    assert found.results() == [result(2, 0.9), result(3, 0.8)]
    config = json.loads((series.path / "series.json").read_text())
    (series.path / "series.json").write_text(json.dumps({**config, "seeds": "many"}))
    with pytest.raises(RunError, match='seeds is "many"'):
        saved(series.path)


def test_finished_seeds_are_kept_half_trained_ones_go_on_and_others_begin(dataset, tmp_path):
    settings = Settings(output=tmp_path / "series", seed=3)
    with opened(settings, 4, dataset) as series:
        assert list(series.all_seeds()) == [3, 4, 5, 6]
        finish(series, 3, 0.9)
        series.run(4).path.mkdir()
        series.run(4).save_json("config.json", {})
        series.run(5).path.mkdir()  # killed before anything was learned
    with opened(settings, 4, dataset) as series:
        assert [series.is_finished(seed) for seed in series.all_seeds()] == [True] + [False] * 3
        half, killed, new = (series.settings_of(seed) for seed in (4, 5, 6))
    assert (half.seed, half.resume, half.output) == (4, series.path / "seed-4", None)
    assert (killed.seed, killed.resume, killed.output) == (5, None, series.path / "seed-5")
    assert (new.seed, new.resume, new.output) == (6, None, series.path / "seed-6")
    assert not killed.output.exists()
    saved = json.loads((series.path / "series.json").read_text())
    assert saved["runs"] == [result(3, 0.9)]
    assert saved["summary"]["finished"] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="makes a link")
def test_a_run_that_lies_elsewhere_is_not_gone_on_with(tmp_path, dataset):
    with opened(Settings(output=tmp_path / "series"), 2, dataset) as series:
        (tmp_path / "elsewhere").mkdir()
        series.run(1).path.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(RunError, match="seed-1 is a link"):
            series.settings_of(1)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"epochs": 5}, "epochs the recipe's, now 5"),
        ({"batch_size": 32}, "batch size the recipe's, now 32"),
        ({"seed": 1}, "seed 0, now 1"),
        ({"recipe": "reader"}, "began with recipe dnn, now reader;"),
        ({"deterministic": True}, "deterministic False, now True"),
    ],
)
def test_a_series_goes_on_only_as_it_began(dataset, tmp_path, change, difference):
    settings = Settings(output=tmp_path / "series")
    with opened(settings, 2, dataset) as series:
        finish(series, 0, 0.9)
    before = (series.path / "series.json").read_text()
    with (
        pytest.raises(SettingsError, match=difference) as raised,
        opened(replace(settings, **change), 2, dataset),
    ):
        pass
    assert "\n" not in str(raised.value)
    assert (series.path / "series.json").read_text() == before


def test_other_images_another_recipe_and_fewer_seeds_are_refused(dataset, sample, tmp_path):
    settings = Settings(output=tmp_path / "series")
    with opened(settings, 2, dataset) as series:
        finish(series, 0, 0.9)
    with pytest.raises(SettingsError, match="images custom .*, now sample"):
        opened(settings, 2, sample).__enter__()
    with pytest.raises(SettingsError, match="2 seeds, now 1"):
        opened(settings, 1, dataset).__enter__()
    path = series.path / "series.json"
    saved = json.loads(path.read_text())
    path.write_text(json.dumps({**saved, "recipe": {**saved["recipe"], "patience": 2}}))
    with pytest.raises(SettingsError, match="the recipe's patience 2, now 5"):
        opened(settings, 2, dataset).__enter__()
    path.write_text(json.dumps({**saved, "versions": {"torch": "2"}}))
    with pytest.raises(SettingsError, match=f"back end torch, now {keras.config.backend()}"):
        opened(settings, 2, dataset).__enter__()
    path.write_text(json.dumps({"recipe": "dnn"}))
    with pytest.raises(RunError, match=r"series\.json lacks a setting"):
        opened(settings, 2, dataset).__enter__()


def test_more_seeds_extend_a_series(dataset, tmp_path):
    settings = Settings(output=tmp_path / "series")
    with opened(settings, 1, dataset) as series:
        finish(series, 0, 0.9)
    with opened(settings, 3, dataset) as series:
        finish(series, 1, 0.8)
        series.save()
    saved = json.loads((series.path / "series.json").read_text())
    assert saved["seeds"] == 3
    assert [row["seed"] for row in saved["runs"]] == [0, 1]


def test_where_nothing_was_learned_nothing_stays_after_an_error(dataset, tmp_path):
    settings = Settings(output=tmp_path / "series")
    with pytest.raises(ZeroDivisionError), opened(settings, 2, dataset):
        raise ZeroDivisionError
    assert not (tmp_path / "series").exists()
    with pytest.raises(OutputError, match="exists already"):
        opened(Settings(output=tmp_path), 2, dataset).__enter__()


@pytest.mark.parametrize(("seed", "seeds"), [(0, 0), (0, -1), (LARGEST_SEED, 2)])
def test_senseless_numbers_of_seeds_are_refused(dataset, seed, seeds):
    with pytest.raises(SettingsError, match="give another --seeds"):
        opened(Settings(seed=seed), seeds, dataset).__enter__()


@pytest.fixture
def two(dataset, tmp_path):
    """A series of two finished seeds."""
    with opened(Settings(output=tmp_path / "series"), 2, dataset) as series:
        finish(series, 0, 0.9)
        finish(series, 1, 0.8)
        series.save()
    return series.path


def resume(path, dataset):
    found = saved(path)
    with opened(found.settings, found.seeds, dataset) as series:
        for seed in range(3):
            series.is_finished(seed)
            series.settings_of(seed)
        series.save()


def compare(path):
    """Compare a series with itself on the command line, which says what is wrong in a line."""
    with pytest.raises(SystemExit) as left:
        main(["compare", str(path), str(path)])
    return left.value.code


NAMES = [
    *("dataset", "data_dir", "output", "epochs", "batch_size", "seed", "recipe", "tensorboard"),
    *("mlflow", "deterministic", "source", "sha256", "versions", "seeds", "runs", "summary"),
    *("recipe.name", "recipe.epochs", "recipe.patience", "versions.keras", "sha256.2"),
]
FIGURES = ["seed", "test_accuracy", "test_loss", "epochs", "fit_seconds", "interrupted"]
VALUES = st.sampled_from(
    [
        ...,
        None,
        True,
        0,
        1,
        -1,
        0.5,
        1e308,
        2**32,
        10**30,
        float("nan"),
        "",
        "a\nb",
        "\x1b[2J",
        "dnn",
    ]
    + ["\ud800", [], [[]], ["a"] * 4, {}, {"a": []}]
)


def changed(values, name, value):
    """Give the value of a dotted name another value; take it away where that is ``...``."""
    inner, (*way, last) = values, name.split(".")
    for part in way:
        inner = inner[part]
    if isinstance(inner, list):
        inner[int(last)] = None if value is ... else value
    elif value is ...:
        inner.pop(last, None)
    else:
        inner[last] = value
    return values


@given(data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_whatever_a_series_says_only_a_line_comes(two, dataset, tmp_path, capsys, data):
    path = tmp_path / "changed"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(two, path)
    file, names = data.draw(
        st.sampled_from([("series.json", NAMES), ("seed-1/metrics.json", FIGURES)])
    )
    values = json.loads((path / file).read_text())
    values = changed(values, data.draw(st.sampled_from(names)), data.draw(VALUES))
    (path / file).write_text(json.dumps(values))
    with contextlib.suppress(MnistError):
        resume(path, dataset)
    code = compare(path)
    err = capsys.readouterr().err
    assert (code, err.count("\n")) in ((0, 0), (2, 1)), err
    assert err.rstrip("\n").isprintable()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 10**5, b'{"a": ' * 10**5])
def test_a_series_that_is_no_json_object_is_refused(two, dataset, content):
    (two / "series.json").write_bytes(content)
    with pytest.raises(RunError, match=r"series\.json"):
        resume(two, dataset)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a FIFO")
@pytest.mark.parametrize("name", ["series.json", "seed-1/metrics.json"])
def test_a_pipe_in_a_series_is_not_opened(two, dataset, name):
    (two / name).unlink()
    os.mkfifo(two / name)
    assert compare(two) == 2
    with pytest.raises(RunError, match=name):
        resume(two, dataset)


def test_a_series_of_all_seeds_takes_no_longer(two):
    config = json.loads((two / "series.json").read_text())
    (two / "series.json").write_text(json.dumps({**config, "seeds": LARGEST_SEED + 1}))
    assert [row["seed"] for row in saved(two).results()] == [0, 1]


def test_a_seed_counts_once_however_folders_are_named(two):
    shutil.copytree(two / "seed-1", two / "seed-01")
    assert [row["seed"] for row in saved(two).results()] == [0, 1]
