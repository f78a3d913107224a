"""`mnist compare` of series, and of what is neither a run nor a series."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mnist_classifier.learn.evaluation.predictions import Predictions
from mnist_images_classification import main

CONFIG = {
    "dataset": "sample",
    "data_dir": None,
    "epochs": None,
    "batch_size": None,
    "seed": 0,
    "tensorboard": False,
    "mlflow": False,
    "deterministic": False,
    "sha256": ["a", "b", "c", "d"],
    "versions": {"keras": "3", "tensorflow": "2"},
}


def make_series(folder, recipe, accuracies, **changed):
    """Leave what a series of finished runs leaves, as far as it is compared."""
    folder.mkdir()
    config = {**CONFIG, "recipe": {"name": recipe}, "seeds": len(accuracies), **changed}
    (folder / "series.json").write_text(json.dumps(config))
    for seed, accuracy in enumerate(accuracies):
        run = folder / f"seed-{seed}"
        run.mkdir()
        figures = {"test_accuracy": accuracy, "test_loss": 0.1, "epochs": 3, "fit_seconds": 1}
        (run / "metrics.json").write_text(json.dumps({"seed": seed, **figures}))
    return folder


@pytest.fixture
def series(tmp_path):
    better = make_series(tmp_path / "better", "cnn-fast", [0.990, 0.991, 0.992])
    return better, make_series(tmp_path / "worse", "dnn", [0.984, 0.985, 0.986, 0.985])


def compare(*folders, capsys):
    with pytest.raises(SystemExit) as left:
        main(["compare", *map(str, folders)])
    out, err = capsys.readouterr()
    return left.value.code, " ".join(out.split()), err


def test_two_series_are_compared_over_their_seeds(series, capsys):
    code, out, err = compare(*series, capsys=capsys)
    assert (code, err) == (0, "")
    assert "cnn-fast 3 99.10% ± 0.10% 99.00%" in out
    assert (
        "series 1 and series 2: series 1 reads better than series 2, by 0.60 points on average"
        in out
    )
    # By hand: t = 0.006 / √(10⁻⁶/3 + ⅔·10⁻⁶/4) = 8.485, of 3.857 degrees of freedom.
    assert f"p = {2 * stats.t.sf(8.485, 3.857):.2g})" in out
    assert "Welch's t-test over the seeds, two-sided; below 0.05" in out
    _, out, _ = compare(series[0], series[0], series[1], capsys=capsys)
    assert "series 1 and series 2: no difference is shown; chance in the seeds alone" in out
    assert "corrected for 3 pairs by Holm's method" in out


ODD = "o\n\x1b[2Jd[-b]"


def test_names_stay_in_their_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    make_series(Path(ODD), "dnn", [0.9, 0.91], dataset=ODD)
    for name in (ODD, f"{ODD}2"):
        Path(name).mkdir(exist_ok=True)
        labels = np.arange(10, dtype=np.uint8)
        answers = Predictions(ODD, ("a", "b"), labels, np.eye(10, dtype=np.float32))
        answers.save(Path(name, "answers.npz"))
    told = r"o\n\x1b[2Jd[-b]"
    for folders in ((ODD, ODD), (f"{ODD}2", f"{ODD}2")):
        with pytest.raises(SystemExit) as left:
            main(["compare", *folders])
        out, err = capsys.readouterr()
        assert (left.value.code, err) == (0, "")
        assert told in out.splitlines()[0]
        assert sum(told in line for line in out.splitlines()[1:]) == 2
        assert "\x1b" not in out


def test_what_cannot_be_compared_is_told_with_what_to_do(series, tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    (run / "model.keras").write_text("")
    empty = tmp_path / "empty"
    empty.mkdir()
    other = make_series(tmp_path / "other", "dnn", [0.9, 0.91], sha256=["a", "b", "e", "f"])
    single = make_series(tmp_path / "single", "dnn", [0.9])
    for folders, told in (
        ((run, empty), f"run  mnist evaluate {run}"),
        ((empty, empty), "leave it out"),
        ((series[0], run), f"name one of its runs, such as {series[0]}/seed-0"),
        ((series[0],), "got 1 series; expected two or more"),
        ((series[0], other), "other images; expected the same"),
        ((series[0], single), f"mnist train --resume {single} --seeds 5"),
    ):
        code, _, err = compare(*folders, capsys=capsys)
        assert code == 2
        assert told in err
        assert err.count("\n") == 1
    shutil.rmtree(series[0] / "seed-1")
    assert "cnn-fast 2 99.10%" in compare(*series, capsys=capsys)[1]
