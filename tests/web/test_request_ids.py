"""Request IDs: the client's if it is well-formed, a new one otherwise, on every answer."""

import re
import uuid

import pytest

from tests.read.drawing import png, write


@pytest.mark.parametrize("sent", ["a", "0123-4567.89_ab", 128 * "z", str(uuid.UUID(int=7))])
@pytest.mark.parametrize("path", ["/", "/healthz", "/static/main.js", "/nothing", "/v1/read"])
def test_the_clients_id_comes_back(service, path, sent):
    answer = service.client.get(path, headers={"X-Request-ID": sent})
    assert answer.headers.get_list("x-request-id") == [sent]
    if answer.is_error:
        assert answer.json()["request_id"] == sent


@pytest.mark.parametrize(
    "sent", [b"", b"a b", b"a\tb", b"a\xc3\xa4", b'a"b', b"a;b", b"a\x85b", 129 * b"z", None]
)
def test_another_is_replaced(service, sent):
    headers = {} if sent is None else {b"X-Request-ID": sent}
    answers = [service.client.get("/healthz", headers=headers) for _ in range(2)]
    first, second = (uuid.UUID(answer.headers["x-request-id"]) for answer in answers)
    assert first != second


def test_an_answer_that_is_no_error_has_it_too(service):
    headers = {"Content-Type": "image/png", "X-Request-ID": "mine"}
    answer = service.client.post("/v1/read", content=png(write("42")), headers=headers)
    assert (answer.json()["text"], answer.headers["x-request-id"]) == ("42", "mine")


def test_pages_elsewhere_may_send_and_see_it(serve):
    client = serve("--cors-origin", "https://example.org").client
    asked = {"Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "X-Request-ID"
    headers = {"Origin": "https://example.org", "X-Request-ID": "mine"}
    preflight = client.options("/v1/read", headers=headers | asked)
    assert preflight.status_code == 200
    assert "X-Request-ID" in preflight.headers["access-control-allow-headers"]
    assert preflight.headers["x-request-id"] == "mine"
    answer = client.get("/healthz", headers=headers)
    shown = re.split(", *", answer.headers["access-control-expose-headers"])
    assert set(shown) == {"Retry-After", "X-Request-ID"}
