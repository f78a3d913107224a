"""Pictures in, digits out; what is no digit is refused; bad input is said to be bad."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mnist_classifier
from mnist_classifier import DigitReader
from mnist_classifier.errors import MnistError, PictureError, SettingsError
from mnist_classifier.idx import load_test_split

from .drawing import png, write


@pytest.mark.parametrize("digit", "0123456789")
def test_single_digits(reader, digit):
    reading = reader.read(png(write(digit)))
    assert (reading.text, reading.refused) == (digit, None)
    (found,) = reading.digits
    assert found.label == int(digit)
    assert found.probabilities.shape == (10,)
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert found.confidence == pytest.approx(found.probabilities.max())
    assert found.confidence > 0.9
    assert found.image.shape == (28, 28)
    assert found.image.dtype == np.float32
    assert found.image.min() >= 0
    assert found.image.max() <= 1


@pytest.mark.parametrize(
    "changes",
    [
        {"pen": 3},
        {"pen": 24},
        {"scale": 0.2},
        {"scale": 8.0},
        {"paper": (0, 0, 0), "ink": (255, 255, 255)},
        {"paper": (180, 220, 240), "ink": (130, 40, 30)},
    ],
)
def test_other_pens_sizes_and_colours(reader, changes):
    assert reader.read(write("2047", **changes)).text == "2047"


def test_lines_and_wide_gaps(reader):
    assert reader.read(write("12 34\n567")).text == "12 34\n567"


def test_digits_that_touch(reader):
    assert reader.read(write("26", gap=-26, pen=8)).text == "26"


def test_a_tiny_picture_cut_at_its_edge_is_one_digit(reader):
    """Larger ones with several marks there are parts of something else."""
    tiny = np.zeros((16, 16), np.uint8)
    for stroke in ([(3, 0), (1, 8), (8, 9)], [(12, 2), (11, 15)]):
        cv2.polylines(tiny, [np.array(stroke, np.int32)], False, 255, 2)
    assert reader.read(tiny).text == "4"


def test_in_a_tiny_picture_one_mark_is_one_digit(reader, mnist_dir):
    images, _ = load_test_split(mnist_dir)
    for image in images[[164, 341, 761]]:  # of which lines say 10, 19 and 12
        left, top, width, height = cv2.boundingRect((image > 80).astype(np.uint8))
        close = image[top : top + height, left : left + width]
        tiny = cv2.resize(close, (16, 16), interpolation=cv2.INTER_AREA)
        reading = reader.read(((tiny <= 100) * 255).astype(np.uint8))
        assert len(reading.digits) <= 1
    bars = np.zeros((20, 20), np.uint8)
    bars[:, [2, 9, 17]] = bars[[2, 17], 12:15] = 255
    assert "the ink scores" in reader.read(bars).refused
    assert "several marks" in reader.read(np.pad(bars, ((0, 0), (0, 8)))).refused


def test_a_digit_in_a_corner(reader):
    picture = np.full((900, 1200, 3), 240, np.uint8)
    digit = write("5", scale=0.4)
    picture[-digit.shape[0] :, -digit.shape[1] :] = np.minimum(digit, 240)
    reading = reader.read(picture)
    assert reading.text == "5"
    x, y, width, height = reading.digits[0].box
    assert x > 1000
    assert y > 700
    assert x + width <= 1200
    assert y + height <= 900


@pytest.mark.parametrize("size", [(2697, 1871), (3784, 3823), (2777, 2999)])
def test_boxes_end_with_a_large_picture(reader, size):
    width, height = size
    ink = write("2058", scale=1.5)
    rows, columns = (np.flatnonzero(ink[..., 0].min(axis=axis) < 128) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    picture = np.full((height, width, 3), 255, np.uint8)
    picture[-ink.shape[0] :, -ink.shape[1] :] = ink
    reading = reader.read(picture)
    assert len(reading.digits) >= 4
    for x, y, wide, high in (digit.box for digit in reading.digits):
        assert 0 <= x < x + wide <= width
        assert 0 <= y < y + high <= height


def test_boxes_are_in_the_pixels_of_a_large_jpeg(reader):
    picture = np.full((3000, 4000, 3), 255, np.uint8)
    digit = write("8", scale=3)
    picture[1500 : 1500 + digit.shape[0], 2500 : 2500 + digit.shape[1]] = digit
    (found,) = reader.read(cv2.imencode(".jpg", picture)[1].tobytes()).digits
    assert np.abs(np.array(found.box[:2]) - (2500 + 3 * 70, 1500 + 3 * 50)).max() < 40


def test_what_is_no_digit_is_refused(reader):
    rng = np.random.default_rng(0)
    blank = np.full((200, 300), 255, np.uint8)
    lines = np.full((200, 200), 255, np.uint8)
    for _ in range(25):
        a, b = rng.integers(20, 180, (2, 2))
        cv2.line(lines, a.tolist(), b.tolist(), 0, 3)
    cross = np.full((200, 200), 255, np.uint8)
    cv2.line(cross, (60, 60), (140, 140), 0, 8)
    cv2.line(cross, (140, 60), (60, 140), 0, 8)
    cv2.line(cross, (100, 40), (100, 160), 0, 8)
    for picture in (blank, lines, cross, rng.integers(0, 256, (200, 200), np.uint8)):
        reading = reader.read(picture)
        assert reading.refused
        assert reading.text == ""
        assert reading.digits == ()


def test_the_threshold_can_be_set(reader):
    picture = write("6")
    assert DigitReader(threshold=0).read(picture).text == "6"
    image = reader.read(picture).digits[0].image[None]
    assert not DigitReader(threshold=1).read_images(image).accepted[0]
    assert DigitReader(threshold=0).read_images(np.zeros((1, 28, 28))).accepted[0]
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(SettingsError, match="expected a number from 0 to 1"):
            DigitReader(threshold=wrong)


def test_images_are_judged_directly_in_any_number(reader):
    images = np.stack([reader.read(write(d)).digits[0].image for d in "0123456789"])
    judged = reader.read_images(images)
    assert judged.labels.tolist() == list(range(10))
    assert judged.accepted.all()
    assert judged.probabilities.shape == (10, 10)
    many = reader.read_images(np.tile((images * 255).round().astype(np.uint8), (30, 1, 1)))
    assert many.labels.tolist() == list(range(10)) * 30
    assert reader.read_images(np.zeros((0, 28, 28), np.uint8)).labels.shape == (0,)


def test_images_come_in_the_shapes_that_libraries_give_them(reader):
    images = np.stack([reader.read(write(d)).digits[0].image for d in "407"])
    for shape in ((3, 28, 28), (3, 28, 28, 1), (3, 784)):
        assert reader.read_images(images.reshape(shape)).labels.tolist() == [4, 0, 7]
    assert reader.read_images(np.zeros((0, 784))).labels.shape == (0,)
    assert reader.read(images[0]).text == "4"
    with pytest.raises(PictureError, match=r"shape \(3, 28, 28\); .* go to read_images"):
        reader.read(images)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((28, 28), np.uint8),
        np.zeros((2, 28, 28, 3), np.uint8),
        np.zeros((2, 1, 28, 28), np.uint8),
        np.zeros(784, np.uint8),
        np.zeros((), np.uint8),
        np.zeros((1, 28, 27), np.uint8),
        np.zeros((1, 28, 28), np.int32),
        np.full((1, 28, 28), np.nan),
        np.full((1, 28, 28), 255.0),
        np.full((1, 28, 28), -1.0),
        [[1]],
    ],
)
def test_images_that_are_none(reader, images):
    with pytest.raises(PictureError, match=r"^got .*; expected "):
        reader.read_images(images)


def test_several_threads_say_the_same_as_one(reader):
    pictures = [png(write(text)) for text in ("12", "345", "6\n7", "890")] * 4
    alone = [reader.read(picture).text for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = [reading.text for reading in pool.map(reader.read, pictures)]
    assert together == alone == ["12", "345", "6\n7", "890"] * 4


def test_a_reader_can_be_sent_to_another_process():
    sent = pickle.loads(pickle.dumps(DigitReader(threshold=0.3, max_pixels=12_345, threads=1)))
    assert (sent.threshold, sent.max_pixels) == (0.3, 12_345)
    assert sent.read(write("42", scale=0.3)).text == "42"
    assert copy.copy(sent).read(write("42", scale=0.3)).text == "42"


def test_normalise_is_public():
    ink = 1 - write("4")[:, :, 0] / np.float32(255)
    assert mnist_classifier.normalise(ink).shape == (28, 28)
    assert "normalise" in mnist_classifier.__all__


def test_a_mark_that_is_no_digit_is_not_passed_over(reader):
    picture = write("47 1", margin=60)
    cv2.line(picture, (370, 60), (470, 200), (0, 0, 0), 9)
    cv2.line(picture, (470, 60), (370, 200), (0, 0, 0), 9)
    cv2.line(picture, (360, 130), (480, 130), (0, 0, 0), 9)
    assert reader.read(picture).text.replace(" ", "") == "47?1"


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (3, 20_000), (20_000, 3), (2, 2)])
def test_odd_shapes_are_no_crash(reader, shape):
    rng = np.random.default_rng(1)
    for picture in (np.zeros(shape, np.uint8), rng.integers(0, 256, shape, np.uint8)):
        reader.read(picture)


SEEDS = [png(write("4")), *(
    cv2.imencode(suffix, write("7", scale=0.3))[1].tobytes()
    for suffix in (".jpg", ".webp", ".bmp", ".gif", ".tiff")
)]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12),
    length=st.floats(0.02, 1),
)
def test_damaged_files_raise_nothing_but_our_own(reader, seed, edits, length):
    content = bytearray(seed)
    for place, value in edits:
        content[int(place * (len(content) - 1))] = value
    try:
        reader.read(bytes(content[: max(1, int(length * len(content)))]))
    except MnistError as error:
        assert "expected" in str(error)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_picture(reader, content):
    with pytest.raises(PictureError):
        reader.read(content)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    height=st.integers(1, 120),
    width=st.integers(1, 120),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["noise", "sparse", "lines", "blocks"]),
)
def test_any_array_is_read_or_refused(reader, height, width, seed, kind):
    rng = np.random.default_rng(seed)
    if kind == "noise":
        picture = rng.integers(0, 256, (height, width, 3), np.uint8)
    elif kind == "sparse":
        picture = (rng.random((height, width)) < rng.random() * 0.2).astype(np.uint8) * 255
    else:
        picture = np.full((height, width), int(rng.integers(256)), np.uint8)
        for _ in range(int(rng.integers(1, 12))):
            a, b = (rng.integers(0, (width, height)).tolist() for _ in range(2))
            value = int(rng.integers(256))
            if kind == "lines":
                cv2.line(picture, a, b, value, int(rng.integers(1, 9)))
            else:
                cv2.rectangle(picture, a, b, value, -1)
    reading = reader.read(picture)
    assert bool(reading.digits) == (reading.refused is None) == bool(reading.text)
    for digit in reading.digits:
        assert 0 <= digit.label <= 9
        assert np.isfinite(digit.probabilities).all()
        x, y, w, h = digit.box
        assert 0 <= x < width
        assert 0 <= y < height
        assert 1 <= w <= width
        assert 1 <= h <= height


def test_mnist_itself_through_the_whole_path(reader, mnist_dir):
    from mnist_classifier.idx import load_folder

    _, (images, labels) = load_folder(mnist_dir)
    judged = reader.read_images(images)
    assert (judged.labels == labels).mean() >= 0.996
    assert judged.accepted.mean() >= 0.99
    texts = [reader.read(image).text for image in images[:2000]]
    assert (np.array(texts) == labels[:2000].astype(str)).mean() >= 0.99


def test_inputs_met_on_the_way(reader):
    cv2.setRNGSeed(0)
    rng = np.random.default_rng(0)
    page = write("2047", paper=(205, 222, 228), ink=(70, 50, 45))
    lit = page * np.linspace(0.8, 1, page.shape[1])[:, None] + rng.normal(0, 4, page.shape)
    for colours in (8, 16, 64):
        few = cv2.kmeans(
            lit.reshape(-1, 3).astype(np.float32), colours, None, (3, 10, 1.0), 1,
            cv2.KMEANS_RANDOM_CENTERS,
        )  # fmt: skip
        picture = few[2][few[1].ravel()].reshape(page.shape).round().astype(np.uint8)
        assert reader.read(png(picture)).text == "2047", colours
    for deviation in (8, 11, 14):
        noisy = np.clip(page + rng.normal(0, deviation, page.shape), 0, 255).astype(np.uint8)
        assert reader.read(cv2.imencode(".jpg", noisy)[1].tobytes()).text == "2047", deviation
    assert reader.read((128 + 0.3 * (page - 128.0)).astype(np.uint8)).text == "2047"


def test_more_digits_than_a_page_has_are_none_read_and_said_so(reader):
    row = write("0123456789" * 5, scale=0.25, pen=12, margin=20)
    reading = reader.read(np.vstack([row] * 41))
    assert reading.refused.startswith("more than 1,200 marks; expected")
    assert reading.digits == ()
