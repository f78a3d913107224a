import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


def train(small_dir, folder, *options, **environment):
    return subprocess.run(
        [sys.executable, "-m", "mnist_classifier", "train", "--quiet", "--data-dir", small_dir]
        + ["--epochs", "2", "--output", "run", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )


def metrics(folder):
    return json.loads((folder / "run" / "metrics.json").read_text())


def test_tensorboard_shows_curves_test_figures_settings_and_pictures(small_dir, tmp_path):
    pytest.importorskip("tensorboard")
    done = train(small_dir, tmp_path, "--tensorboard")
    assert done.returncode == 0, done.stderr
    assert "tensorboard --logdir run/tensorboard" in done.stdout

    code = """
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray
told = {}
for part in ("train", "validation", "test"):
    events = EventAccumulator(f"run/tensorboard/{part}").Reload()
    for tag in events.Tags()["tensors"]:
        values = [make_ndarray(event.tensor_proto) for event in events.Tensors(tag)]
        told[f"{part}/{tag}"] = [str(v) if v.dtype == object else float(v) for v in values]
print(json.dumps(told))
"""
    out = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True)
    told = json.loads(out.splitlines()[-1])
    assert len(told["train/loss"]) == len(told["validation/accuracy"]) == 2
    assert told["test/accuracy"] == pytest.approx([metrics(tmp_path)["test_accuracy"]])
    assert "| recipe.epochs | 2 |" in told["train/settings"][0]
    assert {f"test/figures/{name}" for name in ("example", "loss", "accuracy")} <= set(told)


def test_mlflow_keeps_the_run_in_a_local_store(small_dir, tmp_path):
    pytest.importorskip("mlflow")
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    done = train(small_dir, tmp_path, "--mlflow", MLFLOW_TRACKING_URI=store)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "mlflow.db" in done.stdout

    code = """
import json, mlflow
client = mlflow.MlflowClient()
[run] = client.search_runs([client.get_experiment_by_name("mnist").experiment_id])
print(json.dumps({
    "name": run.info.run_name, "status": run.info.status, "params": run.data.params,
    "metrics": run.data.metrics,
    "losses": [m.value for m in client.get_metric_history(run.info.run_id, "val_loss")],
    "files": [file.path for file in client.list_artifacts(run.info.run_id)],
}))
"""
    out = subprocess.check_output(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "MLFLOW_TRACKING_URI": store},
        text=True,
    )
    kept = json.loads(out.splitlines()[-1])
    assert (kept["name"], kept["status"]) == ("run", "FINISHED")
    assert kept["params"]["recipe.epochs"] == "2"
    assert len(kept["losses"]) == 2
    assert kept["metrics"]["test_accuracy"] == pytest.approx(metrics(tmp_path)["test_accuracy"])
    assert {"config.json", "loss.png", "metrics.json", "model.keras"} <= set(kept["files"])


def test_a_store_that_cannot_be_used_is_one_line_and_leaves_no_folder(small_dir, tmp_path):
    pytest.importorskip("mlflow")
    done = train(small_dir, tmp_path, "--mlflow", MLFLOW_TRACKING_URI="carrier-pigeon://loft")
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
