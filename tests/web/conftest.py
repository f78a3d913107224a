"""A service as a process of its own, on a free port."""

import os
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest


class Service:
    def __init__(self, *arguments, port=0, environment=None):
        command = [sys.executable, "-m", "mnist_classifier", "serve", "--port", str(port)]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
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
def service():
    """One service for all tests that do it no harm; that is checked at the end."""
    running = Service()
    yield running
    assert running.client.get("/healthz").status_code == 200
    assert running.stop() == (0, "")


@pytest.fixture
def serve():
    """Start services with settings of their own."""
    running = []

    def start(*arguments, **options):
        running.append(Service(*arguments, **options))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.stop()


@pytest.fixture(scope="session")
def reader():
    from mnist_classifier import DigitReader

    return DigitReader()
