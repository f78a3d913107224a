"""What the service answers, to good requests and to bad ones."""

import base64
import json
import re
import subprocess
import sys

import cv2
import httpx
import numpy as np
import pytest

from tests.conftest import ROOT, small_arrays
from tests.read.drawing import png, write
from tests.web.conftest import MISTAKES

PNG = {"Content-Type": "image/png"}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
JSON = {"Content-Type": "application/json"}
BYTES = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def client(service):
    return service.client


def digit_image(text="7"):
    small = cv2.resize(
        255 - write(text, margin=40)[:, :, 0], (28, 28), interpolation=cv2.INTER_AREA
    )
    return small.astype(np.uint8)


def check_problem(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]
    return problem["detail"]


def test_a_picture_is_read_as_on_the_command_line(client, tmp_path):
    path = tmp_path / "42.png"
    path.write_bytes(png(write("42")))
    command = [sys.executable, "-m", "mnist_classifier", "read", str(path), "--json"]
    expected = json.loads(subprocess.check_output(command))
    as_body = client.post("/v1/read", content=path.read_bytes(), headers=PNG).json()
    as_form = client.post("/v1/read", files={"picture": ("42.png", path.read_bytes())}).json()
    assert as_body == {**expected, "picture": None}
    assert as_form == {**expected, "picture": "42.png"}
    assert as_body["text"] == "42"


@pytest.mark.parametrize(
    "head",
    ["data:image/png;base64", "DATA:IMAGE/PNG;BASE64", "data:;base64",
     "data:application/octet-stream;base64", "data:image/png;name=a.png;base64"],
)  # fmt: skip
def test_a_data_url_is_read_like_the_picture_in_it(client, head):
    picture = png(write("42"))
    body = {"image": f"{head},{base64.b64encode(picture).decode()}"}
    expected = client.post("/v1/read", content=picture, headers=PNG).json()
    assert client.post("/v1/read", json=body).json() == expected
    assert expected["text"] == "42"


def test_the_images_judged_are_sent_when_asked_for(client):
    answer = client.post("/v1/read?images=true", content=png(write("42")), headers=PNG).json()
    images = [base64.b64decode(digit["image"]) for digit in answer["digits"]]
    judged = client.post("/v1/read-images", content=b"".join(images), headers=BYTES).json()
    assert judged["labels"] == [4, 2]


def test_a_refused_picture_is_an_answer_in_words(client):
    answer = client.post("/v1/read", content=png(write(" ")), headers=PNG)
    assert answer.status_code == 200
    assert answer.json()["text"] == ""
    assert "nothing is written" in answer.json()["refused"]


def test_many_images_as_bytes_and_as_base64(client, reader):
    images = np.stack([digit_image(text) for text in "0123456789"] + [np.zeros((28, 28), np.uint8)])
    expected = reader.read_images(images)
    raw = client.post("/v1/read-images", content=images.tobytes(), headers=BYTES).json()
    assert raw["labels"] == expected.labels.tolist()
    assert raw["accepted"] == expected.accepted.tolist()
    assert raw["confidences"] == pytest.approx(expected.confidences.tolist(), abs=1e-5)
    encoded = {"images": base64.b64encode(images.tobytes()).decode()}
    more = client.post("/v1/read-images?probabilities=true", json=encoded).json()
    probabilities = np.array(more.pop("probabilities"))
    assert np.abs(probabilities - expected.probabilities).max() < 1e-5
    assert more == raw


def test_requests_that_come_together_each_get_their_own_answer(service):
    import asyncio

    images = [digit_image(str(i % 10)) for i in range(40)]

    async def ask_all():
        async with httpx.AsyncClient(base_url=service.url, timeout=20) as client:
            posts = (
                client.post("/v1/read-images", content=each.tobytes(), headers=BYTES)
                for each in images
            )
            return [answer.json()["labels"] for answer in await asyncio.gather(*posts)]

    together = asyncio.run(ask_all())
    alone = [
        service.client.post("/v1/read-images", content=each.tobytes(), headers=BYTES).json()
        for each in images[:10]
    ]
    assert together == 4 * [answer["labels"] for answer in alone]


def test_an_explanation_of_answer_and_second_choice(client):
    image = digit_image()
    answer = client.post("/v1/explain", content=image.tobytes(), headers=BYTES).json()
    assert "Zeiler and Fergus 2014" in answer["method"]
    assert len(set(answer["labels"])) == 2
    evidence = np.array(answer["evidence"])
    assert evidence.shape == (2, 28, 28)
    assert not evidence[:, image == 0].any()
    assert evidence[0].max() > 0
    two = image.tobytes() * 2
    check_problem(client.post("/v1/explain", content=two, headers=BYTES), 422)


def test_the_gallery_shows_images_where_they_are_those_of_the_card(with_mistakes):
    gallery = with_mistakes.client.get("/v1/gallery").json()
    assert gallery["confusions"][3][5] == 1
    images = [mistake.pop("image") for mistake in gallery["mistakes"]]
    assert base64.b64decode(images[0]) == small_arrays()[2][13].tobytes()
    assert images[1] is None  # the card says 9, the folder 4
    assert gallery["mistakes"] == list(MISTAKES)


def test_without_images_the_gallery_has_what_the_card_says(client, reader):
    gallery = client.get("/v1/gallery").json()
    assert gallery["test_accuracy"] == reader.model.card["test_accuracy"]
    assert all(mistake["image"] is None for mistake in gallery["mistakes"])


def test_health_metrics_and_openapi(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    client.get("/nothing/of/the/kind")
    metrics = client.get("/metrics").text
    assert 'mnist_requests_total{method="GET",path="/healthz",status="200"}' in metrics
    assert "/nothing" not in metrics
    assert "mnist_request_seconds_bucket" in metrics
    document = client.get("/openapi.json").json()
    assert {"/v1/read", "/v1/read-images", "/v1/explain"} < set(document["paths"])


@pytest.mark.parametrize("path", ["/", "/docs", "/static/main.js", "/v1/gallery", "/nothing"])
def test_headers_of_every_answer(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_other_origins_only_when_asked(serve):
    client = serve("--cors-origin", "https://example.org").client
    allowed = client.get("/healthz", headers={"Origin": "https://example.org"})
    assert allowed.headers["access-control-allow-origin"] == "https://example.org"
    other = client.get("/healthz", headers={"Origin": "https://example.com"})
    assert "access-control-allow-origin" not in other.headers


GETS = ("/", "/docs", "/openapi.json", "/static/main.js", "/healthz", "/readyz", "/metrics")


@pytest.mark.parametrize("path", [*GETS, "/v1/gallery", "/nothing"])
def test_head_is_get_without_the_body(client, path):
    get, head = client.get(path), client.head(path)
    assert head.content == b""
    assert head.status_code == get.status_code
    for name in ("content-type", "content-security-policy"):
        assert head.headers[name] == get.headers[name]
    if path != "/metrics":  # they change
        assert head.headers["content-length"] == get.headers["content-length"]


def test_head_is_counted_as_head_and_is_no_way_to_post(client):
    assert client.head("/v1/read").status_code == 405
    client.head("/healthz")
    counted = 'mnist_requests_total{method="HEAD",path="/healthz",status="200"}'
    assert counted in client.get("/metrics").text


CUT_SHORT = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\nPNG'


def bomb():
    """A PNG of 30,000 × 30,000 pixels in its header, and next to nothing in it."""
    content = bytearray(png(np.zeros((10, 10), np.uint8)))
    content[16:24] = (30_000).to_bytes(4, "big") * 2
    return bytes(content)


def data_url(picture):
    return b'{"image": "data:image/png;base64,%b"}' % base64.b64encode(picture)


@pytest.mark.parametrize(
    ("status", "content", "headers", "says"),
    [
        (422, b"this is no picture", PNG, "not a picture"),
        (422, b"", PNG, "empty body"),
        (415, b"x", {"Content-Type": "text/plain"}, "expected a picture file"),
        (415, b"x", {}, "got the content type none"),
        (415, b"%PDF-1.7", BYTES, "got a PDF file, which the service does not read: convert"),
        (415, b"\0\0\0\x1cftypheic", {"Content-Type": "image/heic"}, "save it as JPEG"),
        (415, b"x", {"Content-Type": "application/x-www-form-urlencoded"}, "expected a picture"),
        (422, png(write("42"))[:300], PNG, "picture"),
        (413, bytes(30_000_000), PNG, "at most 20,000,000"),
        (413, bomb(), PNG, "30,000 × 30,000 pixels"),
        (400, b"{", JSON, "no JSON"),
        (400, b"[" * 100_000, JSON, "no JSON"),
        (422, b'"data:image/png;base64,AAAA"', JSON, "other JSON"),
        (422, b'{"images": "data:image/png;base64,AAAA"}', JSON, "other JSON"),
        (422, b'{"image": null}', JSON, "no string"),
        (422, b'{"image": "AAAA"}', JSON, "no data URL"),
        (422, b'{"image": "data:text/html;base64,AAAA"}', JSON, "no data URL"),
        (422, b'{"image": "data:image/png,AAAA"}', JSON, "no data URL"),
        (422, b'{"image": "http://127.0.0.1/a.png"}', JSON, "no data URL"),
        (422, b'{"image": "file:///etc/passwd"}', JSON, "no data URL"),
        (422, b'{"image": "data:image/png;base64,A A"}', JSON, "no base64"),
        (422, b'{"image": "data:image/png;base64,\\ud800"}', JSON, "no base64"),
        (422, b'{"image": "data:image/png;base64,"}', JSON, "picture"),
        (422, b'{"image": "data:image/png;base64,AAAA"}', JSON, "not a picture"),
        (413, data_url(bomb()), JSON, "30,000 × 30,000 pixels"),
        (413, data_url(bytes(15_000_001)), JSON, "at most 20,000,000"),
        (400, b"x", {"Content-Type": "multipart/form-data"}, "malformed"),
        (400, b"nonsense", FORM, "malformed"),
        (400, b"--b\r\n\r\nx\r\n--b--", FORM, "malformed"),
        (422, CUT_SHORT, FORM, "has no file"),
    ],
)  # fmt: skip
def test_bad_pictures(client, status, content, headers, says):
    response = client.post("/v1/read", content=content, headers=headers)
    assert says in check_problem(response, status)


def test_a_body_of_unknown_length_is_bounded_too(client):
    def chunks():
        for _ in range(30):
            yield bytes(1_000_000)

    for _ in range(3):  # what is left of a body is no fault of the next request
        response = client.post("/v1/read", content=chunks(), headers=PNG)
        assert "at most 20,000,000" in check_problem(response, 413)
        assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("status", "content", "headers", "says"),
    [
        (413, bytes(784 * 10_000), BYTES, "got 10,000 images; expected at most 1,000"),
        (422, bytes(783), BYTES, "n × 784"),
        (415, bytes(784), PNG, "application/octet-stream"),
        (400, b"{", JSON, "no JSON"),
        (400, b"\xff\xfe{", JSON, "no JSON"),
        (400, b"[" * 100_000, JSON, "no JSON"),
        (422, b"[]", JSON, "other JSON"),
        (422, b'{"images": 3}', JSON, "no string"),
        (422, b'{"images": "a", "more": 1}', JSON, "other JSON"),
        (422, b'{"images": "\xc3\xa4"}', JSON, "no base64"),
        (422, b'{"images": ""}', JSON, "0 bytes"),
    ],
)
def test_bad_images(client, status, content, headers, says):
    response = client.post("/v1/read-images", content=content, headers=headers)
    assert says in check_problem(response, status)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path", ["/v1/read/", "/v1/read-images/", "/v1/gallery/", "/docs/", "/static"]
)
def test_another_slash_is_another_path_and_never_a_redirect(client, method, path):
    answer = client.request(method, path, content=png(write("42")), headers=PNG)
    assert path in check_problem(answer, 404)


def test_bad_routes_methods_and_parameters(client):
    for path in ("/nothing", "/static/none.js", "/static/", "/v1", "/v1/read/more"):
        check_problem(client.get(path), 404)
    wrong_method = client.get("/v1/read")
    check_problem(wrong_method, 405)
    assert wrong_method.headers["allow"] == "POST"
    bad = client.post("/v1/read?images=perhaps", content=png(write("4")), headers=PNG)
    assert "images" in check_problem(bad, 422)


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd",
     "/static/%00", "/static/....//app.py", "/static/..\\app.py"],
)  # fmt: skip
def test_nothing_outside_the_page_can_be_read(service, path):
    with service.connect() as connection:  # a client would tidy the path up
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))
    assert b"application/problem+json" in answer


def test_what_is_no_http_is_a_problem_too(service):
    with service.connect() as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    head, body = answer.split(b"\r\n\r\n", 1)
    problem = json.loads(body)
    assert problem["status"] == 400
    assert f"x-request-id: {problem['request_id']}\r\n".encode() in head


def test_the_client_in_the_docs_works(service, tmp_path):
    page = (ROOT / "docs/service.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1)
    assert "http://127.0.0.1:8000" in code
    (tmp_path / "photo.jpg").write_bytes(cv2.imencode(".jpg", write("42"))[1].tobytes())
    done = subprocess.run(
        [sys.executable, "-c", code.replace("http://127.0.0.1:8000", service.url)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("42")
