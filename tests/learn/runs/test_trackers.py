import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.fixture
def train(launcher, small_dir, tmp_path):
    def run(*options, **environment):
        asked = ("--quiet", "--data-dir", small_dir, "--epochs", 2, "--output", "run")
        return launcher.run("train", *asked, *options, cwd=tmp_path, **environment)

    return run


def metrics(folder):
    return json.loads((folder / "run" / "metrics.json").read_text())


@pytest.mark.filterwarnings("ignore")  # of what TensorBoard uses
def test_tensorboard_shows_curves_test_figures_settings_and_pictures(train, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    done = train("--tensorboard")
    assert done.returncode == 0, done.stderr
    assert "tensorboard --logdir run/tensorboard" in done.stdout

    told = {}
    for part in ("train", "validation", "test"):
        events = EventAccumulator(str(tmp_path / "run" / "tensorboard" / part)).Reload()
        for tag in events.Tags()["tensors"]:
            values = [make_ndarray(event.tensor_proto) for event in events.Tensors(tag)]
            told[f"{part}/{tag}"] = [str(v) if v.dtype == object else float(v) for v in values]
    assert len(told["train/loss"]) == len(told["validation/accuracy"]) == 2
    assert told["test/accuracy"] == pytest.approx([metrics(tmp_path)["test_accuracy"]])
    assert "| recipe.epochs | 2 |" in told["train/settings"][0]
    assert {f"test/figures/{name}" for name in ("example", "loss", "accuracy")} <= set(told)


@pytest.mark.filterwarnings("ignore")  # of what MLflow uses
def test_mlflow_keeps_the_run_in_a_local_store(train, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    done = train("--mlflow", MLFLOW_TRACKING_URI=store)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "mlflow.db" in done.stdout

    client = mlflow.MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name("mnist").experiment_id])
    assert (run.info.run_name, run.info.status) == ("run", "FINISHED")
    assert run.data.params["recipe.epochs"] == "2"
    assert len(client.get_metric_history(run.info.run_id, "val_loss")) == 2
    assert run.data.metrics["test_accuracy"] == pytest.approx(metrics(tmp_path)["test_accuracy"])
    monkeypatch.chdir(tmp_path)  # where the store's files are
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"config.json", "loss.png", "metrics.json", "model.keras"} <= files


def test_a_store_that_cannot_be_used_is_one_line_and_leaves_no_folder(train, tmp_path):
    pytest.importorskip("mlflow")
    done = train("--mlflow", MLFLOW_TRACKING_URI="carrier-pigeon://loft")
    assert done.returncode == 2
    assert done.stderr.startswith("error: MLflow's store carrier-pigeon://loft cannot be used")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.filterwarnings("ignore")  # of what MLflow uses
def test_a_store_that_fails_while_a_network_trains_stops_nothing(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    from mnist_classifier.learn.runs.trackers import MLflow

    (tmp_path / "run").mkdir()
    store = tmp_path / "mlflow.db"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{store}")
    try:
        tracker = MLflow(tmp_path / "run")
        tracker.on_epoch_end(0, {"loss": 0.5})
        store.write_bytes(b"not a database" * 1000)
        tracker.on_epoch_end(1, {"loss": 0.4})
        said = tracker.finish({"epochs": 2, "interrupted": False})
    finally:
        mlflow.set_tracking_uri(before)
    assert "failed" in said
    assert "the run folder has everything" in said
    assert "\n" not in said


@pytest.mark.parametrize("extra", ["tensorboard", "mlflow"])
def test_without_the_extra_one_line_names_it(extra):
    code = f"""
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "{extra}" else find(name, *rest)
from mnist_images_classification import main
main(["train", "--{extra}"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f'pip install ".[{extra}]"' in done.stderr
