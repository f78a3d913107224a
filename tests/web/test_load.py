"""A service under load: slow pictures, clients that leave. With real sockets."""

import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.read.drawing import png, write
from tests.web.conftest import until
from tests.web.test_server import PICTURE, answer_on
from tests.web.test_workers import in_flight

PNG = {"Content-Type": "image/png"}
PICTURES = [png(write(text)) for text in "1234"]


def dot_grid(pitch):
    page = np.full((700, 1000), 255, np.uint8)
    page[pitch::pitch, pitch::pitch] = 0
    return png(page)


DOT_GRIDS = [dot_grid(pitch) for pitch in range(8, 14)]


def status(client, path):
    return client.get(path).status_code


def read(client, picture):
    return client.post("/v1/read", content=picture, headers=PNG)


def check_busy(answer):
    assert answer.status_code == 503
    assert answer.json()["status"] == 503
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert 1 <= int(answer.headers["retry-after"]) <= 30


def leave_while_waiting(client, path, kind, body):
    """Send a request and leave; return once the service knows."""
    with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    left = f'path="{path}",status="400"}} 1.0'
    until(lambda: left in client.get("/metrics").text)


def test_while_all_threads_are_busy_for_too_long_the_service_is_not_ready(serve_here):
    client, gate = serve_here(timeout=1, threads=1)
    assert status(client, "/readyz") == 200
    late = read(client, PICTURES[0])
    check_busy(late)
    assert "no answer within 1 seconds" in late.json()["detail"]
    until(lambda: status(client, "/readyz") == 503)
    check_busy(client.get("/readyz"))
    refused = read(client, PICTURES[1])
    check_busy(refused)
    assert "all threads are busy" in refused.json()["detail"]
    assert status(client, "/healthz") == 200
    gate.open.set()
    until(lambda: status(client, "/readyz") == 200)
    assert read(client, PICTURES[2]).json()["text"] == "42"
    assert gate.pictures == [PICTURES[0], PICTURES[2]]  # the refused one was never begun


def test_a_picture_whose_client_has_left_is_not_begun(serve_here):
    client, gate = serve_here(threads=1)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(read, client, PICTURES[0])
        until(lambda: gate.pictures)
        leave_while_waiting(client, "/v1/read", "image/png", PICTURES[1])
        third = pool.submit(read, client, PICTURES[2])
        gate.open.set()
        assert first.result().status_code == third.result().status_code == 200
    assert gate.pictures == [PICTURES[0], PICTURES[2]]


def test_a_picture_whose_time_is_over_is_not_begun(serve_here):
    client, gate = serve_here(timeout=1, threads=1)
    with ThreadPoolExecutor() as pool:
        for answer in pool.map(lambda picture: read(client, picture), PICTURES):
            check_busy(answer)
    (begun,) = gate.pictures
    gate.open.set()
    until(lambda: status(client, "/readyz") == 200)
    assert read(client, PICTURES[0]).status_code == 200
    assert gate.pictures == [begun, PICTURES[0]]


def test_what_is_under_way_counts_until_it_ends(serve_here):
    client, gate = serve_here(timeout=1, threads=2, max_in_flight=1)
    check_busy(read(client, PICTURES[0]))
    refused = read(client, PICTURES[1])  # although a thread is free
    check_busy(refused)
    assert "1 requests are in flight" in refused.json()["detail"]
    check_busy(client.get("/readyz"))
    gate.open.set()
    until(lambda: status(client, "/readyz") == 200)
    assert gate.pictures == PICTURES[:1]


def test_as_many_pictures_are_read_at_once_as_there_are_threads(serve_here):
    client, gate = serve_here(threads=2)
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(read, client, picture) for picture in PICTURES]
        until(lambda: len(gate.pictures) == 2)
        gate.open.set()
        assert {answer.result().status_code for answer in answers} == {200}
    assert gate.most == 2
    assert sorted(gate.pictures) == sorted(PICTURES)


@pytest.mark.parametrize("threads", [1, 2])
def test_six_large_pictures_hold_up_no_small_one(serve_here, threads):
    client, gate = serve_here(threads=threads)
    gate.free.update(PICTURES)
    with ThreadPoolExecutor() as pool:
        large = [pool.submit(read, client, picture) for picture in DOT_GRIDS]
        until(lambda: gate.pictures)
        small = [read(client, picture) for picture in PICTURES]
        assert {answer.status_code for answer in small} == {200}
        assert len(gate.pictures) == 1 + len(PICTURES)
        gate.open.set()
        assert {answer.result().status_code for answer in large} == {200}


def test_while_large_pictures_wait_too_long_only_they_are_refused(serve_here):
    client, gate = serve_here(timeout=1, threads=2)
    gate.free.update(PICTURES)
    check_busy(read(client, DOT_GRIDS[0]))

    def is_refused():
        answer = read(client, DOT_GRIDS[1])
        check_busy(answer)
        return "all threads are busy" in answer.json()["detail"]

    until(is_refused)  # a second after the first was begun, which is a little after it came
    assert status(client, "/readyz") == 200
    assert read(client, PICTURES[0]).status_code == 200
    gate.open.set()
    until(lambda: read(client, DOT_GRIDS[2]).status_code == 200)
    assert DOT_GRIDS[1] not in gate.pictures


def test_the_body_that_arrives_for_longest_makes_room(serve):
    service = serve("--max-in-flight", 2)
    longest, other = in_flight(service), in_flight(service)
    assert service.client.get("/readyz").status_code == 200
    assert read(service.client, PICTURES[0]).status_code == 200
    refused, headers, problem = answer_on(longest)
    assert refused == problem["status"] == 503
    assert "slowest" in problem["detail"]
    assert headers["retry-after"] == "1"
    other.sendall(PICTURE)
    assert answer_on(other)[0] == 200
    longest.close()
    other.close()


def test_images_whose_client_has_left_are_not_judged(serve_here, monkeypatch):
    from mnist_classifier.read.reader import DigitReader

    judged = []
    judge = DigitReader.read_images

    def note_and_judge(reader, images):
        judged.append(len(images))
        return judge(reader, images)

    monkeypatch.setattr(DigitReader, "read_images", note_and_judge)
    client, gate = serve_here(threads=1)
    path, kind = "/v1/read-images", "application/octet-stream"
    with ThreadPoolExecutor() as pool:
        picture = pool.submit(read, client, PICTURES[0])
        until(lambda: gate.pictures)
        leave_while_waiting(client, path, kind, bytes(784))
        headers = {"Content-Type": kind}
        images = pool.submit(client.post, path, content=bytes(3 * 784), headers=headers)
        gate.open.set()
        assert picture.result().status_code == images.result().status_code == 200
    assert judged == [3]


def test_a_page_of_an_allowed_origin_can_read_a_refusal(serve_here):
    origin = "https://example.org"
    client, gate = serve_here(max_in_flight=1, cors_origins=(origin,))
    with ThreadPoolExecutor() as pool:
        first = pool.submit(read, client, PICTURES[0])
        until(lambda: gate.pictures)
        refused = client.get("/v1/gallery", headers={"Origin": origin})
        gate.open.set()
        assert first.result().status_code == 200
    check_busy(refused)
    assert refused.headers["access-control-allow-origin"] == origin
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
    assert refused.headers["x-content-type-options"] == "nosniff"
