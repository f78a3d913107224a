import json
from dataclasses import replace

import keras
import pytest

from mnist_classifier.errors import OutputError, RunError, SettingsError
from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.runs.series import opened, saved, summary
from mnist_classifier.learn.runs.settings import LARGEST_SEED, Settings


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
