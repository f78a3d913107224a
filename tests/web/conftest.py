"""A service as a process of its own, on a free port."""

import json
import signal
import socket
import threading
import time
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from tests.conftest import ROOT, write_idx_folder
from tests.launcher import Launcher
from tests.read.drawing import png, write


def until(condition):
    """Wait for something that happens in the service."""
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("it does not happen")


@pytest.fixture(scope="session")
def launcher():
    """Starts processes of the program with what serving needs loaded."""
    return Launcher("serving")


class Service:
    def __init__(self, launcher, *arguments, port=0):
        self.process = launcher.start("serve", "--port", port, *arguments)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.communicate()[1])
        self.url = line.split()[0]
        self.port = urlsplit(self.url).port
        self.client = httpx.Client(base_url=self.url, timeout=20)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def stop(self, with_signal=signal.SIGTERM):
        """End the service; return its exit code and what it wrote to standard error."""
        self.client.close()
        self.process.send_signal(with_signal)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@pytest.fixture(scope="session")
def service(launcher):
    """One service for all tests that do it no harm; that is checked at the end."""
    running = Service(launcher)
    yield running
    assert running.client.get("/healthz").status_code == 200
    assert running.stop() == (0, "")


@pytest.fixture
def serve(launcher):
    """Start services with settings of their own."""
    running = []

    def start(*arguments, **options):
        running.append(Service(launcher, *arguments, **options))
        return running[-1]

    yield start
    for each in running:
        each.client.close()
        if each.process.poll() is None:
            each.stop()


class Gate:
    """Stands in for `DigitReader.read`: each call waits until the gate is open.

    Pictures that are `free` do not wait.
    """

    def __init__(self, reading):
        self.open = threading.Event()
        self.pictures = []
        self.free = set()
        self.now = self.most = 0
        self._reading = reading
        self._lock = threading.Lock()

    def __call__(self, picture):
        with self._lock:
            self.pictures.append(picture)
            self.now += 1
            self.most = max(self.most, self.now)
        assert picture in self.free or self.open.wait(60)
        with self._lock:
            self.now -= 1
        return self._reading


@pytest.fixture
def serve_here(monkeypatch, reader):
    """Start a service in a thread of this process; return a client and the gate of its reader."""
    import uvicorn

    from mnist_classifier.read.reader import DigitReader
    from mnist_classifier.web import server
    from mnist_classifier.web.settings import ServiceSettings

    gate = Gate(reader.read(png(write("42"))))
    running = []

    def start(**settings):
        monkeypatch.setattr(DigitReader, "read", lambda _, picture, pattern: gate(picture))
        listener = server.listen("127.0.0.1", 0)
        one = uvicorn.Server(server.configuration(ServiceSettings(**settings), workers=1))
        thread = threading.Thread(target=one.run, args=([listener],))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = httpx.Client(base_url=url, timeout=60)
        running.append((one, thread, client))
        return client, gate

    yield start
    gate.open.set()
    for one, thread, client in running:
        client.close()
        one.should_exit = True
        thread.join()


MISTAKES = (
    {"index": 13, "label": 3, "answer": 5, "confidence": 0.9},
    {"index": 14, "label": 9, "answer": 4, "confidence": 0.8},
)


@pytest.fixture
def with_mistakes(serve, tmp_path, reader):
    """A service whose model's card lists mistakes, with a folder of test images."""
    onnx = pytest.importorskip("onnx")
    confusions = np.zeros((10, 10), int)
    confusions[[3, 9], [5, 4]] = 1
    card = {"test_size": 50, "confusions": confusions.tolist(), "mistakes": MISTAKES}
    model = onnx.load(ROOT / "mnist_classifier/read/pretrained/digits.onnx")
    model.metadata_props[0].value = json.dumps({**reader.model.card, **card})
    onnx.save(model, tmp_path / "model.onnx")
    folder = write_idx_folder(tmp_path / "data")
    return serve("--model", tmp_path / "model.onnx", "--data-dir", folder)


@pytest.fixture(scope="session")
def reader():
    from mnist_classifier import DigitReader

    return DigitReader()
