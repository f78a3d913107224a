"""Limits of time and number, signals, workers: with real sockets and processes."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import threading

import httpx
import numpy as np
import psutil
import pytest

from mnist_classifier.web.settings import ServiceSettings
from tests.launcher import PROGRAM
from tests.read.drawing import png, write

PICTURE = png(write("42"))
PNG = {"Content-Type": "image/png"}
HEAD = (
    "POST /v1/read HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    f"Content-Length: {len(PICTURE)}\r\n\r\n"
).encode()


def answer_on(connection):
    """Return status, headers and JSON of the answer that a socket brings."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536) or pytest.fail("closed without an answer")
    head, body = received.split(b"\r\n\r\n", 1)
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return int(status.split()[1]), headers, json.loads(body)


def test_slow_clients_are_let_go(serve):
    service = serve("--timeout", 0.5)
    silent, slow_headers, slow_body, after = (service.connect() for _ in range(4))
    slow_headers.sendall(HEAD[:40])
    slow_body.sendall(HEAD + PICTURE[:50])
    after.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer_on(after)[0] == 200

    def drip(connection, bytes_, stop):
        while not stop.wait(0.1):
            try:
                connection.sendall(bytes_)
            except OSError:
                return

    stop = threading.Event()
    drips = [
        threading.Thread(target=drip, args=(connection, bytes_, stop))
        for connection, bytes_ in ((slow_headers, b"a"), (slow_body, b"a"), (after, b"\r\n"))
    ]
    for each in drips:
        each.start()
    status, headers, problem = answer_on(slow_body)
    assert status == problem["status"] == 408
    assert headers["x-request-id"] == problem["request_id"]
    for connection in (silent, slow_headers, after):
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    stop.set()
    for each in drips:
        each.join()
    for connection in (silent, slow_headers, slow_body, after):
        connection.close()
    assert service.client.get("/healthz").status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(monkeypatch):
    from mnist_classifier.read.reader import DigitReader
    from mnist_classifier.web.app import create_app

    let_go = threading.Event()
    monkeypatch.setattr(DigitReader, "read", lambda *_: let_go.wait(10))
    app = create_app(ServiceSettings(timeout=0.1))

    async def ask():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.post("/v1/read", content=PICTURE, headers=PNG)

    answer = asyncio.run(ask())
    let_go.set()
    assert answer.status_code == 503
    assert "within 0.1 seconds" in answer.json()["detail"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's memory")
def test_a_lack_of_memory_is_503_in_a_line_of_the_log_and_other_requests_go_on(serve):
    service = serve()
    small = png(write("42"))
    large = png(np.full((6000, 6000, 3), 255, np.uint8))

    def ask(picture):
        return service.client.post("/v1/read", content=picture, headers=PNG)

    assert ask(small).json()["text"] == "42"
    process = psutil.Process(service.process.pid)
    process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + 80_000_000,) * 2)
    answers = [ask(picture) for picture in (large, small, large, small)]
    assert [answer.status_code for answer in answers] == [503, 200, 503, 200]
    for answer in answers[::2]:
        assert int(answer.headers["retry-after"]) > 0
        assert "not enough memory" in answer.json()["detail"]
    code, errors = service.stop()
    assert code == 0
    lines = errors.splitlines()
    assert len(lines) == 2
    assert all(' level=error message="no memory" request_id=' in line for line in lines)


def test_a_fault_is_an_answer_of_the_same_shape_and_the_service_lives(monkeypatch, caplog):
    from mnist_classifier.read.reader import DigitReader
    from mnist_classifier.web.app import create_app

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(DigitReader, "read_images", fail)
    app = create_app(ServiceSettings())

    async def ask():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            headers = {"Content-Type": "application/octet-stream"}
            return await client.post("/v1/read-images", content=bytes(784), headers=headers)

    answer = asyncio.run(ask())
    assert answer.status_code == answer.json()["status"] == 500
    assert "nosniff" in answer.headers["x-content-type-options"]
    assert "ZeroDivisionError" in caplog.text


def test_sigterm_while_it_starts_ends_it_too(serve):
    assert serve().stop() == (0, "")


def test_it_serves_in_a_python_of_its_own_too():
    started = subprocess.Popen(
        [*PROGRAM, "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = started.stdout.readline().split()[0]
    assert httpx.get(f"{url}/healthz", timeout=20).status_code == 200
    started.terminate()
    _, errors = started.communicate(timeout=30)
    assert (started.returncode, errors) == (0, "")


def test_the_numbers_of_all_workers_are_counted(serve):
    service = serve("--workers", 2)
    for _ in range(20):
        httpx.get(f"{service.url}/healthz", timeout=20)  # each on a connection of its own
    metrics = service.client.get("/metrics").text
    assert 'mnist_requests_total{method="GET",path="/healthz",status="200"} 20.0' in metrics


def test_ctrl_c_leaves_with_130(serve):
    service = serve()
    service.client.get("/healthz")
    assert service.stop(signal.SIGINT) == (130, "interrupted\n")


def test_headers_without_end_are_refused(serve):
    service = serve()
    with service.connect() as connection, contextlib.suppress(ConnectionError):
        connection.sendall(HEAD[:-2])
        for _ in range(20):
            connection.sendall(b"X-More: " + 5000 * b"x" + b"\r\n")
        status, headers, problem = answer_on(connection)
        assert status == problem["status"] == 431
        assert headers["x-request-id"] == problem["request_id"]
    assert service.client.get("/healthz").status_code == 200


def test_mistakes_at_the_start_are_one_line_and_exit_code_2(launcher, serve, tmp_path):
    port = str(serve().port)
    for arguments, says in (
        (["--port", port], f"cannot listen on 127.0.0.1, port {port}"),
        (["--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
        (["--model", tmp_path / "none.onnx"], "cannot read"),
        (["--data-dir", tmp_path], "has no test images"),
        (["--cors-origin", "example.org"], "cors_origins has 'example.org'"),
        (["--timeout", "0"], "timeout is 0.0; expected seconds"),
    ):
        done = launcher.run("serve", *arguments)
        assert done.returncode == 2, arguments
        assert says in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_server_loads_neither_tensorflow_nor_keras():
    program = (
        "import sys\n"
        "from mnist_classifier.web.app import create_app\n"
        "from mnist_classifier.web.settings import ServiceSettings\n"
        "create_app(ServiceSettings()).openapi()\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
