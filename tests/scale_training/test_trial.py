"""A trial of a sweep, without a cluster: what it reports, and on which images."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("ray.tune", reason="Ray is not installed")
pytest.importorskip("optuna", reason="Optuna is not installed")

from mnist_classifier.learn.runs.settings import Settings
from mnist_classifier.learn.scale import trial
from mnist_classifier.learn.scale.trial import DIVERGED, Trials, run_trial
from tests.conftest import small_arrays, write_idx_folder

pytestmark = [pytest.mark.ray]
CHANGES = {"learning_rate": 2e-3, "batch_size": 64}


@pytest.fixture
def reports(monkeypatch):
    """What is reported to Tune; stops after ``most`` reports."""
    told = []
    limits = SimpleNamespace(told=told, most=100)

    def report(values):
        told.append(values)
        if len(told) >= limits.most:
            raise SystemExit  # as Tune ends a trial

    monkeypatch.setattr(trial.tune, "report", report)
    context = SimpleNamespace(get_trial_id=lambda: "one")
    monkeypatch.setattr(trial.tune, "get_context", lambda: context)
    return limits


@pytest.fixture
def trials(small_dir, tmp_path):
    return Trials(Settings(data_dir=small_dir, epochs=3), tmp_path / "trials", splits=2)


def test_it_is_judged_on_validation_images_alone_and_goes_on(reports, trials, tmp_path):
    run_trial(CHANGES, trials)
    whole = list(reports.told)
    assert [report["percent"] for report in whole] == [16, 33, 50, 66, 83, 100]
    assert whole[-1]["loss"] < whole[0]["loss"]
    # Other test images change nothing; what is cut short goes on and ends alike.
    train, train_labels, test, test_labels = small_arrays()
    others = write_idx_folder(
        tmp_path / "others", [train, train_labels, np.roll(test, 9, axis=2), test_labels[::-1]]
    )
    settings = dataclasses.replace(trials.settings, data_dir=others)
    again = Trials(settings, tmp_path / "again", splits=2)
    reports.told.clear()
    reports.most = 4
    with pytest.raises(SystemExit):
        run_trial(CHANGES, again)
    assert reports.told == whole[:4]
    reports.told.clear()
    reports.most = 100
    run_trial(CHANGES, again)
    assert reports.told == whole


def test_a_loss_that_is_no_number_is_a_bad_one(reports):
    trial._report([1.0, float("nan")], [0.1, 0.1], 0.5)
    assert reports.told == [{"loss": DIVERGED, "accuracy": 0.1, "percent": 50}]
