"""PDF and HEIC: read with the extra [formats], within limits; without it, a line that helps."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_classifier.errors import MnistError, PictureError
from mnist_classifier.read import formats
from mnist_classifier.read.picture import load_picture, page_names

from .drawing import write
from .scans import pdf, scanned, stream

HEIC = Path(__file__).with_name("four.heic").read_bytes()  # drawing.write("4", scale=0.35)


def nested(depth):
    """A PDF that draws 10 ** depth squares, in forms within forms."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R"
        b"/Resources<</XObject<</F 5 0 R>>>>>>",
        stream(b"", b"/F Do"),
    ]
    for level in range(depth):
        inner = b"/Resources<</XObject<</F %d 0 R>>>>" % (6 + level)
        form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]"
        objects.append(stream(form + inner, b"/F Do " * 10))
    objects.append(stream(b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]", b"0 0 1 1 re f"))
    return pdf(*objects)


@pytest.fixture
def pypdfium2():
    return pytest.importorskip("pypdfium2")


@pytest.fixture
def pi_heif():
    return pytest.importorskip("pi_heif")


def test_a_page_is_read(reader, pypdfium2):
    reading = reader.read(scanned("2047"))
    assert reading.text == "2047"
    left, top, width, height = reading.digits[0].box
    scale = 200 / 72 * 400 / write("2047").shape[1]  # a page has 200 pixels an inch
    expected = np.array([62, 55, 80, 130]) * scale
    assert np.abs(np.array([left, top, width, height]) - expected).max() < 40


def test_each_page_of_several_has_a_name(reader, pypdfium2, tmp_path):
    path = tmp_path / "two.PDF"
    path.write_bytes(scanned("12", "345"))
    assert page_names(str(path)) == [f"{path}#page=1", f"{path}#page=2"]
    assert [reader.read(name).text for name in page_names(str(path))] == ["12", "345"]
    assert reader.read(Path(f"{path}#page=2")).text == "345"
    assert page_names(f"{path}#page=2") == [f"{path}#page=2"]
    for name, message in (
        (path, r"a PDF of 2 pages; expected one: name one, as in FILE\.pdf#page=2"),
        (f"{path}#page=3", "no page 3; expected 1 to 2"),
        (f"{path}#page=0", "no page 0; expected 1 to 2"),
    ):
        with pytest.raises(PictureError, match=message):
            reader.read(name)
    (tmp_path / "one.pdf").write_bytes(scanned("12"))
    assert page_names(str(tmp_path / "one.pdf")) == [str(tmp_path / "one.pdf")]


def test_heic_is_read(reader, pi_heif):
    reading = reader.read(HEIC)
    assert reading.text == "4"
    assert load_picture(HEIC)[0].shape == write("4", scale=0.35).shape


def test_a_large_page_is_drawn_at_half_its_size(pypdfium2):
    picture, scale = load_picture(scanned("2047", side=1440))
    assert (picture.shape[1], scale) == (2000, 2.0)


def test_pages_and_photos_are_limited_in_pixels(pypdfium2, pi_heif):
    for content, size in ((scanned("4", side=14_400), "40,000 × "), (HEIC, "70 × 84")):
        with pytest.raises(PictureError, match=f"{size}.* pixels; expected at most 1,000 in all"):
            load_picture(content, max_pixels=1000)


def test_work_and_memory_of_a_page_are_limited(pypdfium2, monkeypatch):
    assert load_picture(nested(2))[0].shape == (25, 25, 3)
    for limit, value in (("_MOST_MEMORY", 1 << 28), ("_SECONDS", 1)):
        with monkeypatch.context() as limited:
            limited.setattr(formats, limit, value)
            with pytest.raises(PictureError, match="damaged, or takes more than .* to decode"):
                load_picture(nested(12))


def test_without_the_library_a_line_says_what_helps(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    path = tmp_path / "scan.pdf"
    for content, name, help in ((scanned("4"), "pypdfium2", "pdftoppm"), (HEIC, "pi_heif", "JPEG")):
        path.write_bytes(content)
        with pytest.raises(PictureError, match=rf'scan\.pdf: .*{name}.*"\.\[formats\]".*{help}'):
            load_picture(path)


def test_what_is_no_page_is_said_to_be_none(pypdfium2, pi_heif):
    locked = pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>").replace(
        b"/Root 1 0 R",
        b"/Root 1 0 R/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>"
        % (b"00" * 32, b"00" * 32),
    )
    for content, message in (
        (locked, "locked by a password; expected an open PDF"),
        (b"%PDF-1.7\n", "damaged, or takes more than"),
        (HEIC[:300], "damaged, or takes more than"),
    ):
        with pytest.raises(PictureError, match=message):
            load_picture(content)


def test_where_a_person_is_runs_no_code(pypdfium2, tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    assert load_picture(scanned("4"))[0].shape[2] == 3


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.sampled_from([scanned("4"), HEIC]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=20),
)
def test_damaged_files_raise_nothing_but_our_own(pypdfium2, pi_heif, seed, edits):
    content = bytearray(seed)
    for place, value in edits:
        content[int(place * (len(content) - 1))] = value
    try:
        load_picture(bytes(content), 1_000_000)
    except MnistError as error:
        assert "expected" in str(error)


def test_other_files_of_such_a_kind_are_no_picture():
    with pytest.raises(PictureError, match="not a picture"):
        load_picture(b"\x00\x00\x00\x1cftypavif" + bytes(60))
