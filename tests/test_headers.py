"""Nothing larger than allowed is decoded, whatever a header says, and says twice."""

import contextlib
import struct
import zlib
from unittest import mock

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_classifier.errors import PictureError
from mnist_classifier.headers import HeaderError, picture_size
from mnist_classifier.read.picture import load_picture
from tests.read.drawing import write

PICTURE = write("7", scale=0.25)
HEIGHT, WIDTH = PICTURE.shape[:2]
FILES = {
    suffix: cv2.imencode(suffix, PICTURE)[1].tobytes()
    for suffix in (".png", ".jpg", ".webp", ".bmp", ".gif", ".tiff")
}
FILES["lossy .webp"] = cv2.imencode(".webp", PICTURE, [cv2.IMWRITE_WEBP_QUALITY, 50])[1].tobytes()
MOST = 2 * HEIGHT * WIDTH


def tiff(order, *entries, big=False):
    """A TIFF's header and first directory; each entry is a tag, its type and its value."""
    types = {3: "H", 4: "I", 16: "Q"}
    head = {"<": b"II", ">": b"MM"}[order]
    if big:
        head += struct.pack(order + "HHHQQ", 43, 8, 0, 16, len(entries))
    else:
        head += struct.pack(order + "HIH", 42, 8, len(entries))
    for tag, kind, value in entries:
        head += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, 1)
        head += struct.pack(order + types[kind], value).ljust(8 if big else 4, b"\0")
    return head + bytes(16)


@pytest.mark.parametrize("name", FILES)
def test_the_size_is_that_of_the_decoded_picture(name):
    assert picture_size(FILES[name]) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("big", "kind"), [(False, 3), (False, 4), (True, 3), (True, 16)])
def test_tiffs_of_both_orders_and_sizes(order, big, kind):
    content = tiff(order, (256, kind, 60), (257, kind, 50), big=big)
    assert picture_size(content) == (60, 50)


def test_a_tiff_with_two_widths_is_refused():
    content = tiff("<", (256, 3, 20_000), (257, 3, 20_000), (256, 3, 2), (257, 3, 2))
    with pytest.raises(HeaderError, match="two tags 256"):
        picture_size(content)
    with pytest.raises(PictureError, match="not a picture"):
        load_picture(content, max_pixels=1000)


def test_a_tiffs_tiles_count_as_much_as_its_picture():
    content = tiff("<", (256, 3, 2), (257, 3, 2), (322, 4, 16_384), (323, 4, 16_384))
    with pytest.raises(PictureError, match="16,384 × 16,384 pixels"):
        load_picture(content)


def test_a_jpeg_with_a_size_between_its_segments_is_refused():
    false_size = b"\xc0\x00\x11\x08\x00\x02\x00\x02" + bytes(9)
    content = FILES[".jpg"]
    with pytest.raises(HeaderError, match="between its segments"):
        picture_size(content[:2] + b"\xff\xe0\x00\x04ab" + false_size + content[2:])


@pytest.mark.parametrize(
    "content",
    [
        b"P6 2 2 255\n" + bytes(12),
        b"\x59\xa6\x6a\x95" + bytes(60),
        b"#?RADIANCE\n" + bytes(60),
        b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(60),
        b"\x00\x00\x00\x20ftypavif" + bytes(60),
        b"RIFF\x00\x00\x00\x00WAVE" + bytes(60),
    ],
    ids=["PNM", "Sun raster", "HDR", "JPEG 2000", "AVIF", "WAV"],
)
def test_other_formats_never_come_to_a_decoder(content):
    with mock.patch("cv2.imdecode") as decode, pytest.raises(PictureError, match="expected PNG"):
        load_picture(content)
    decode.assert_not_called()


CHUNKS = {
    "longer than the file": struct.pack(">I4s", 0x7FFFFFF0, b"tEXt") + bytes(60),
    "a palette longer than the file": struct.pack(">I4s", 0x40000000, b"PLTE"),
    "a frame longer than the file": struct.pack(">I4s", 0x7FFFFFF0, b"fdAT"),
    "more than a picture has": 100_000 * struct.pack(">I4sI", 0, b"tEXt", 0),
    "cut off in a chunk's head": None,
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_a_png_whose_chunks_are_not_there_is_not_decoded(chunks):
    content = FILES[".png"]
    head = 33  # bytes: the signature and IHDR
    content = content[:-5] if chunks is None else content[:head] + chunks + content[head:]
    with pytest.raises(HeaderError):
        picture_size(content)
    with mock.patch("cv2.imdecode") as decode, pytest.raises(PictureError, match="not a picture"):
        load_picture(content)
    decode.assert_not_called()


def chunk(kind, data=b""):
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


BLANK = cv2.imencode(".png", np.full((HEIGHT, WIDTH), 255, np.uint8))[1].tobytes()
MOVES = chunk(b"acTL", struct.pack(">II", 3, 0))
FRAME = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, WIDTH, HEIGHT, 0, 0, 1, 1, 0, 0))
END = chunk(b"IEND")
WITH_END = {
    "a picture": FILES[".png"],
    "a blank picture, whose further frames are looked at": BLANK[:33] + MOVES + BLANK[33:],
    "no picture": BLANK[:33] + END,
    "a frame, no picture": BLANK[:33] + MOVES + FRAME + END,
}


@pytest.mark.parametrize("content", WITH_END.values(), ids=WITH_END)
def test_nothing_after_a_pngs_end_comes_to_a_decoder(content):
    given = []

    def told(real):
        return lambda buffer, *others: given.append(bytes(buffer)) or real(buffer, *others)

    decoders = {name: told(getattr(cv2, name)) for name in ("imdecode", "imdecodeanimation")}
    with mock.patch.multiple(cv2, **decoders), contextlib.suppress(PictureError):
        load_picture(content + FRAME + struct.pack(">I4s", 0x7FFFFFF0, b"fdAT"))
    assert given
    assert set(given) == {content}


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(FILES)),
    edits=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=6),
    from_end=st.booleans(),
    inserted=st.binary(max_size=12),
    at=st.integers(0, 60),
)
def test_no_header_makes_more_pixels_than_allowed(name, edits, from_end, inserted, at):
    content = bytearray(FILES[name])
    for place, value in edits:
        content[-place if from_end else place] = value
    content[at:at] = inserted
    sizes = []

    def decode(*arguments, real=cv2.imdecode):
        decoded = real(*arguments)
        sizes.append(0 if decoded is None else decoded.shape[0] * decoded.shape[1])
        return decoded

    with mock.patch("cv2.imdecode", decode):
        try:
            picture, _ = load_picture(bytes(content), MOST)
            assert picture.dtype == np.uint8
        except PictureError as error:
            assert "expected" in str(error)
    assert max(sizes, default=0) <= MOST
