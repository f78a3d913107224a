"""Several processes: they end together, and requests in flight are answered. With real sockets."""

import contextlib
import signal
import socket

import psutil
import pytest

from tests.web.conftest import until
from tests.web.test_server import HEAD, PICTURE, answer_on

ASKING = HEAD[:-2] + b"Expect: 100-continue\r\n\r\n"


def in_flight(service):
    """Return a connection on whose request a worker has begun."""
    connection = service.connect()
    connection.sendall(ASKING)
    received = b""
    while b"100 Continue\r\n\r\n" not in received:
        received += connection.recv(1024) or pytest.fail("closed")
    return connection


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=20).close()
    except ConnectionRefusedError:
        return True
    except ConnectionError:
        pass
    return False


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_answers_all_in_flight_and_takes_no_connection_that_it_cannot_serve(serve, workers):
    service = serve("--workers", workers)
    connections = [in_flight(service) for _ in range(30)]
    service.process.send_signal(signal.SIGTERM)
    until(lambda: refused(service.port))
    for connection in connections:
        connection.sendall(PICTURE)
    for connection in connections:
        status, _, answer = answer_on(connection)
        assert (status, answer["text"]) == (200, "42")
        connection.close()
    _, errors = service.process.communicate(timeout=60)
    assert (service.process.returncode, errors) == (0, "")


def test_workers_end_when_their_supervisor_is_killed_but_answer_what_is_in_flight(serve):
    service = serve("--workers", 2)
    connection = in_flight(service)
    workers = psutil.Process(service.process.pid).children(recursive=True)
    service.process.kill()
    until(lambda: refused(service.port))
    connection.sendall(PICTURE)
    assert answer_on(connection)[0] == 200
    connection.close()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive
    service.process.communicate(timeout=60)
    again = serve(port=service.port)
    assert again.client.get("/healthz").status_code == 200


def workers_of(service):
    found = set()
    for child in psutil.Process(service.process.pid).children():
        with contextlib.suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if "spawn_main" in " ".join(child.cmdline()):
                found.add(child.pid)
    return found


def test_a_worker_that_is_killed_is_replaced(serve):
    service = serve("--workers", 2)
    until(lambda: len(workers_of(service)) == 2)
    victim, other = workers_of(service)
    psutil.Process(victim).kill()
    until(lambda: len(workers_of(service) - {victim}) == 2)
    assert other in workers_of(service)
    assert service.client.get("/healthz").status_code == 200
    assert service.stop() == (0, "")
