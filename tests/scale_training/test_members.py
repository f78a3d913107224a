"""An ensemble's members as tasks, carried out here one by one: the run is the same."""

from dataclasses import replace

import pytest

pytest.importorskip("ray", reason="Ray is not installed")

from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.networks.architectures import dnn_layers
from mnist_classifier.learn.recipes import ensemble
from mnist_classifier.learn.recipes.ensemble import EnsembleRecipe
from mnist_classifier.learn.recipes.standard import DNN
from mnist_classifier.learn.runs import series
from mnist_classifier.learn.runs.settings import Settings
from mnist_classifier.learn.scale import seeds
from mnist_classifier.learn.training.checkpoints import Checkpoints
from mnist_images_classification import learn_digits
from tests.cli.test_resume import results
from tests.learn.conftest import SILENT

pytestmark = [pytest.mark.ray]


def test_members_trained_apart_make_the_same_ensemble(small_dir, tmp_path, monkeypatch):
    tiny = EnsembleRecipe("ensemble", replace(DNN, epochs=2, patience=None), (dnn_layers,) * 2)
    monkeypatch.setattr(ensemble, "ENSEMBLE", tiny)
    settings = Settings(data_dir=small_dir, recipe="ensemble", seed=3)
    whole = replace(settings, output=tmp_path / "whole")
    learn_digits(whole, SILENT, show=False)
    dataset = load_dataset(None, small_dir)
    with series.opened(replace(settings, output=tmp_path / "series"), 1, dataset) as begun:
        task = seeds._Seed(begun.path, None, 3)
        seeds._begin(task)
        for number in (1, 0):
            seeds._learn_member(task, number, None)
        assert Checkpoints(begun.run(3).path).epochs() == 4
        assert seeds._finish(learn_digits, task) == (False, "")
        assert begun.is_finished(3)
        assert seeds._finish(learn_digits, task) == (False, "")  # again, of a worker that was lost
    assert results(begun.run(3).path) == results(tmp_path / "whole")
