"""The log: a line a request, whole, and with nothing that was sent but path and request ID."""

import asyncio
import json
import logging.config
import re
import shlex
import sys

import httpx
import pytest

from mnist_classifier.web import log
from mnist_classifier.web.app import create_app
from mnist_classifier.web.settings import ServiceSettings
from tests.read.drawing import png, write

PICTURE = png(write("42"))
FIELDS = ["time", "level", "message", "request_id", "client", "method", "path", "status", "ms"]
FIELDS += ["bytes_in", "bytes_out"]
FORGERY = '/x%0atime=now%20level=error%20message="forged"%1b[2J%E2%80%A8%7F'
SECRET = "31337"


@pytest.fixture(scope="module", autouse=True)
def no_earlier_handlers():
    """Let logging forget the handlers of libraries before a test has output of its own.

    Whoever configures logging closes them, and absl's, which TensorFlow brings, then closes the
    file that it writes to, unless that is standard error at that time: it would be pytest's.
    """
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})


def send_all(service):
    """Send requests of which much must not be logged; return what must be, in order."""
    client = service.client
    named = {"Content-Type": "image/png", "X-Request-ID": "a-1"}
    answers = [
        client.post(f"/v1/read?pattern={SECRET}", content=PICTURE, headers=named),
        client.post("/v1/read", files={SECRET: (f"{SECRET}.png", PICTURE)}),
        client.post("/v1/read-images", json={"images": SECRET}),
        client.head("/healthz"),
        client.get(FORGERY, headers={"X-Request-ID": f'{SECRET}"', "Cookie": SECRET}),
    ]
    with service.connect() as connection:
        connection.sendall(f"{SECRET} is no HTTP\r\n\r\n".encode())
        refused = b"".join(iter(lambda: connection.recv(65536), b""))
    found = re.search(rb"x-request-id: (\S+)", refused)
    return [
        (
            each.headers["x-request-id"],
            each.request.method,
            str(each.status_code),
            len(each.content),
        )
        for each in answers
    ] + [(found[1].decode(), None, "400", len(refused.split(b"\r\n\r\n", 1)[1]))]


def check(lines, expected):
    assert [line["request_id"] for line in lines] == [request_id for request_id, *_ in expected]
    for line, (_, method, status, size) in zip(lines, expected, strict=True):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert (line["level"], line["message"]) == ("info", "request")
        assert line["client"] == "127.0.0.1"
        assert line.get("method") == method
        assert str(line["status"]) == status
        assert int(line["bytes_out"]) == size
        if method:
            assert list(line) == FIELDS
            assert float(line["ms"]) >= 0
    assert lines[0]["request_id"] == "a-1"
    assert (lines[0]["path"], str(lines[0]["status"])) == ("/v1/read", "200")
    assert int(lines[0]["bytes_in"]) == len(PICTURE)
    assert lines[4]["path"].startswith("/x\ntime=now level=error")


def test_json(serve):
    service = serve("--access-log", "json")
    expected = send_all(service)
    code, written = service.stop()
    assert code == 0
    assert written.isascii()
    assert SECRET not in written
    check([json.loads(line) for line in written.splitlines()], expected)


def test_text(serve):
    service = serve("--access-log", "text")
    expected = send_all(service)
    _, written = service.stop()
    assert re.fullmatch(r"[ -~\n]*", written)
    assert SECRET not in written
    lines = [
        {name: value for name, _, value in (part.partition("=") for part in shlex.split(line))}
        for line in written.splitlines()
    ]
    lines[4]["path"] = lines[4]["path"].replace("\\n", "\n")
    check(lines, expected)


def test_without_it_no_request_is_logged(serve):
    service = serve()
    send_all(service)
    assert service.stop() == (0, "")


def test_several_workers_write_whole_lines(serve):
    service = serve("--workers", 2, "--access-log", "json")
    path = "/" + 300 * "x"

    async def ask_all():
        async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
            await asyncio.gather(
                *(client.get(path, headers={"X-Request-ID": f"r{i}"}) for i in range(100))
            )

    asyncio.run(ask_all())
    lines = [json.loads(line) for line in service.stop()[1].splitlines()]
    assert sorted(line["request_id"] for line in lines) == sorted(f"r{i}" for i in range(100))
    assert {line["path"] for line in lines} == {path[:200]}


@pytest.mark.parametrize("workers", [1, 2])
def test_libraries_write_nothing_between_the_lines(serve, workers):
    service = serve("--workers", workers)
    damaged = bytearray(PICTURE)
    damaged[-20] ^= 1  # libpng says so on standard error
    headers = {"Content-Type": "image/png"}
    answer = service.client.post("/v1/read", content=bytes(damaged), headers=headers)
    assert answer.status_code == 422
    assert service.stop() == (0, "")


def fail(depth=60):
    if depth:
        fail(depth - 1)
    try:
        json.loads(SECRET + "é")
    except ValueError as error:
        raise ZeroDivisionError(SECRET) from error


def fault(monkeypatch, capsys, style):
    """Make a fault of the service; return its answer and what is logged about it."""
    from mnist_classifier.read.reader import DigitReader

    monkeypatch.setattr(DigitReader, "read_images", lambda *_: fail())
    app = create_app(ServiceSettings(access_log=style))
    logging.config.dictConfig(log.configuration(style))

    async def ask():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            headers = {"Content-Type": "application/octet-stream"}
            return await client.post("/v1/read-images", content=bytes(784), headers=headers)

    answer = asyncio.run(ask())
    written = capsys.readouterr().err
    assert SECRET not in written
    assert all(len(line) < 4096 for line in written.splitlines())
    return answer, written


def test_a_fault_and_its_request_have_one_id_in_json(monkeypatch, capsys):
    answer, written = fault(monkeypatch, capsys, "json")
    wrong, request = map(json.loads, written.splitlines())
    assert wrong["request_id"] == request["request_id"] == answer.headers["x-request-id"]
    assert answer.json()["request_id"] in answer.json()["detail"]
    assert (wrong["level"], wrong["message"], request["status"]) == ("error", "fault", 500)
    assert (wrong["method"], wrong["path"]) == ("POST", "/v1/read-images")
    assert "in fail" in wrong["traceback"]
    assert wrong["traceback"].endswith("builtins.ZeroDivisionError")


@pytest.mark.parametrize("style", ["text", "none"])
def test_a_fault_in_text_has_its_traceback_below_it(monkeypatch, capsys, style):
    answer, written = fault(monkeypatch, capsys, style)
    head, *trace = written.splitlines()
    assert f"message=fault request_id={answer.headers['x-request-id']} " in head
    requests = [trace.pop()] if style == "text" else []
    assert all("status=500" in line for line in requests)
    assert all(line.startswith("  ") for line in trace)
    assert trace[-1] == "  builtins.ZeroDivisionError"


def test_a_short_traceback_has_the_causes_too():
    try:
        fail(0)
    except ZeroDivisionError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "fault", (), sys.exc_info())
    made = log.configuration("json")["formatters"]["line"]["()"]().format(record)
    assert "json.decoder.JSONDecodeError" in json.loads(made)["traceback"]
