"""The code on docs/exported-model.md, run as it stands there, says what the package says."""

import json
import os
import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from mnist_classifier import DigitReader
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "exported-model.md").read_text("utf-8")
SHIPPED = ROOT / "mnist_classifier" / "read" / "pretrained"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def images(sample):
    """Digits, noise and nothing, as bytes of shape (n, 28, 28)."""
    noise = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    return np.concatenate([sample.test_images[:40], noise, np.zeros_like(noise[:1])])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with a run's network in both forms; it has not learned what is no digit."""
    keras = pytest.importorskip("keras")
    from mnist_classifier.learn.export.run import export_run

    folder = tmp_path_factory.mktemp("exported")
    keras.utils.set_random_seed(0)
    layers = [keras.Input((784,)), keras.layers.Dense(10, "softmax")]
    keras.Sequential(layers).save(folder / "model.keras")
    (folder / "config.json").write_text(json.dumps({"dataset": "sample", "seed": 3}))
    (folder / "metrics.json").write_text("{}")
    export_run(folder)
    export_run(folder, form="litert")
    return folder


def assert_same(answers, model, images):
    """Compare labels, probabilities and refusals with the package's own."""
    labels, probabilities, accepted = answers
    expected = DigitReader(model).read_images(images)
    assert list(labels) == expected.labels.tolist()
    np.testing.assert_allclose(probabilities, expected.probabilities, atol=1e-4)
    assert list(accepted) == expected.accepted.tolist()


def answers_of(namespace):
    return [namespace[name] for name in ("digits", "probabilities", "accepted")]


def run_python(folder, images, monkeypatch):
    """Run the page's code for ONNX Runtime in a folder with a model; return its names."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")  # so that it is as before in the end
    np.save("images.npy", images.astype(np.float32) / 255)
    code = blocks("python")[0]
    assert "mnist_classifier" not in code
    namespace = {}
    exec(code, namespace)
    return namespace


def test_onnx_runtime_in_python(tmp_path, images, monkeypatch):
    for name in ("digits.onnx", "digits.json"):
        shutil.copy(SHIPPED / name, tmp_path)
    answers = answers_of(run_python(tmp_path, images, monkeypatch))
    assert_same(answers, tmp_path / "digits.onnx", images)
    assert any(answers[2])
    assert not all(answers[2])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")
def test_litert_with_the_card_of_onnx(exported, images, monkeypatch):
    namespace = run_python(exported, images, monkeypatch)
    assert_same(answers_of(namespace), exported / "digits.onnx", images)
    del namespace["digits"], namespace["probabilities"], namespace["accepted"]
    exec(blocks("python")[1], namespace)
    assert_same(answers_of(namespace), exported / "digits.onnx", images)


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """A folder with the page's JavaScript and onnxruntime-web from the npm registry."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no Node.js with npm on this machine")
    folder = tmp_path_factory.mktemp("scripts")
    module, script = blocks("js")
    (folder / "digits.mjs").write_text(module, "utf-8")
    (folder / "node.mjs").write_text(script, "utf-8")
    (folder / "index.html").write_text(f"<!doctype html>\n{blocks('html')[0]}", "utf-8")
    (folder / "package.json").write_text("{}")
    # Elsewhere the network is a closed door to tests.
    environment = {k: v for k, v in os.environ.items() if k not in ("http_proxy", "https_proxy")}
    install = ["npm", "install", "--ignore-scripts", "--fetch-retries=1", "onnxruntime-web"]
    done = subprocess.run(install, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"npm cannot have onnxruntime-web: {done.stderr[-300:]}")
    return folder


@pytest.fixture(params=["shipped", "exported"])
def javascript(request, scripts, images):
    """The folder of scripts with a model and images in it."""
    source = SHIPPED if request.param == "shipped" else request.getfixturevalue("exported")
    for name in ("digits.onnx", "digits.json"):
        shutil.copy(source / name, scripts)
    (scripts / "images.bin").write_bytes(images.tobytes())
    return scripts


def assert_same_objects(answers, model, images):
    names = ("digit", "probabilities", "accepted")
    columns = [[answer[name] for answer in answers] for name in names]
    assert_same(columns, model, images)


@pytest.mark.slow
def test_javascript_in_node(javascript, images):
    done = subprocess.run(["node", "node.mjs"], cwd=javascript, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_same_objects(json.loads(done.stdout), javascript / "digits.onnx", images)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.mark.slow
def test_javascript_in_a_browser(browser, javascript, images):
    handler = partial(Quiet, directory=javascript)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        page.wait_for_function("document.body.textContent.startsWith('[')")
        answers = json.loads(page.text_content("body"))
        page.close()
        server.shutdown()
    assert_same_objects(answers, javascript / "digits.onnx", images)
