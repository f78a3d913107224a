"""Forms: whatever encoding a client states and whatever name it sends, the answer is no fault."""

import encodings
import json
import pkgutil

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.read.drawing import png, write

PICTURE = png(write("42"))
BLANK = png(np.full((16, 16), 255, np.uint8))
ENCODINGS = sorted({module.name for module in pkgutil.iter_modules(encodings.__path__)})


def send(client, name, kind, picture):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="picture"; filename="'
        + name
        + b'"\r\n\r\n'
        + picture
        + b"\r\n--b--\r\n"
    )
    headers = {"Content-Type": b"multipart/form-data; boundary=b" + kind}
    return client.post("/v1/read", content=body, headers=headers)


def encoded(name, encoding):
    """Return a name in an encoding, or as UTF-8 where that has no such characters."""
    try:
        return name.encode(encoding)
    except (LookupError, UnicodeError):
        return name.encode("utf-8", "surrogatepass")


names = st.text(st.characters(exclude_characters='"\\\r\n\0'), max_size=20)


def test_a_name_in_any_encoding_is_no_fault(serve_here):
    client, gate = serve_here()
    gate.open.set()  # what the picture shows is no matter: it need not be read each time

    @settings(max_examples=5, derandomize=True, deadline=None, database=None)
    @given(name=st.one_of(st.binary(max_size=20), names))
    @example(name=b"+2AA-")  # a lone surrogate in UTF-7
    @example(name=rb"\ud800.png")  # and one in Python's escapes
    @example(name=b"\xed\xa0\x80")
    def check(encoding, name):
        if isinstance(name, str):
            name = encoded(name, encoding)
        answer = send(client, name, b"; charset=" + encoding.encode("latin-1"), BLANK)
        assert answer.status_code in (200, 400, 422), encoding
        answer.json()

    for encoding in (*ENCODINGS, "unknown", "", "\xff"):
        check(encoding)
    assert len(gate.pictures) > 900  # of some 1,000; the others were refused


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [(b"", "utf-8"), (b"; charset=utf-8", "utf-8"), (b"; charset=shift_jis", "shift_jis")],
)
def test_names_arrive_as_they_were_sent(service, kind, encoding):
    answer = send(service.client, "字.png".encode(encoding), kind, PICTURE).json()
    assert answer["picture"] == "字.png"
    assert answer["text"] == "42"


def test_half_a_character_in_a_card_is_no_fault(serve, tmp_path, reader):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(ROOT / "mnist_classifier/read/pretrained/digits.onnx")
    card = {**reader.model.card, "test_accuracy": "\ud800"}
    model.metadata_props[0].value = json.dumps(card)
    onnx.save(model, tmp_path / "model.onnx")
    gallery = serve("--model", tmp_path / "model.onnx").client.get("/v1/gallery")
    assert gallery.json()["test_accuracy"] == "?"
