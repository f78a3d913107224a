"""What a picture may cost is counted: the strangest is refused in words, and soon."""

import cv2
import numpy as np
import pytest

from mnist_classifier import DigitReader
from mnist_classifier.read.work import (
    MOST_MARKS,
    MOST_TRIED,
    SAMPLE,
    TooMuchWorkError,
    Work,
    check_marks,
)

from .drawing import write

SIDE = 1000


def checkerboard(cell):
    return ((np.indices((SIDE, SIDE)) // cell).sum(0) % 2 * 255).astype(np.uint8)


def dots(pitch, radius, height=SIDE, width=SIDE):
    page = np.full((height, width), 255, np.uint8)
    for x, y in np.mgrid[pitch:width:pitch, pitch:height:pitch].reshape(2, -1).T.tolist():
        cv2.circle(page, (x, y), radius, 0, -1)
    return page


def printed(size):
    page = np.full((SIDE, SIDE), 255, np.uint8)
    for y in range(round(35 * size), SIDE, round(35 * size)):
        text = "the quick brown fox jumps over " * 6
        cv2.putText(page, text, (5, y), cv2.FONT_HERSHEY_SIMPLEX, size, 0, 1, cv2.LINE_AA)
    return page


def rings(pitch):
    page = np.full((SIDE, SIDE), 255, np.uint8)
    for radius in range(pitch, SIDE // 2 - 5, pitch):
        cv2.rectangle(page, (500 - radius,) * 2, (500 + radius,) * 2, 0, 1)
    return page


@pytest.fixture
def judged(monkeypatch):
    """A reader, and how many images its network has judged."""
    reader, counts = DigitReader(), []
    judge = reader.model.judge

    def counted(images, threshold):
        counts.append(len(images))
        return judge(images, threshold)

    monkeypatch.setattr(reader.model, "judge", counted)
    return reader, counts


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (checkerboard(16), "too many marks that may be parts of digits|more than 600 marks"),
        (dots(8, 1), "more than 600 marks"),
        (dots(50, 2), "too many marks that are no digits"),
        (printed(0.4), "more than 600 marks"),
        (printed(0.6), "more than 600 marks|too many marks that may be parts of digits"),
        (rings(10), "more than 8 marks one in the other"),
    ],
    ids=["checkerboard", "fine dots", "dots", "small print", "print", "rings"],
)
def test_what_no_number_is_costs_no_more_than_a_page_of_digits(judged, picture, reason):
    reader, counts = judged
    reading = reader.read(picture)
    assert reading.refused
    assert any(reading.refused.startswith(part) for part in reason.split("|"))
    assert sum(counts) <= 2 * MOST_MARKS + MOST_TRIED


@pytest.mark.parametrize(
    ("pitch", "most"), [(8, 0), (12, 0), (16, 0), (20, 2 * SAMPLE), (24, 2 * SAMPLE), (40, 300)]
)
def test_a_small_picture_costs_little(judged, monkeypatch, pitch, most):
    reader, counts = judged
    widths = []
    columns = reader.line_model.columns

    def counted(strips):
        widths.extend(strip.shape[1] for strip in strips)
        return columns(strips)

    monkeypatch.setattr(reader.line_model, "columns", counted)
    assert reader.read(dots(pitch, pitch // 4, 240, 320)).refused
    assert sum(counts) <= most
    assert sum(widths) <= 20_000  # four times what windows over any picture take


@pytest.mark.parametrize("side", [10, 20])
def test_a_sheet_of_images_as_small_as_mnist_s_is_within_the_limits(reader, side):
    image = reader.read(write("7", scale=0.6, pen=3)).digits[0].image
    tile = 255 - np.round(255 * image).astype(np.uint8)
    sheet = np.pad(np.tile(tile, (side, side)), 14, constant_values=255)
    reading = reader.read(sheet)
    assert reading.number == "\n".join([side * "7"] * side)


def test_the_reason_says_what_to_do():
    for pixels in (1, 1_000_000):
        with pytest.raises(TooMuchWorkError, match="expected a number or a page .* crop to it"):
            check_marks(MOST_MARKS + 1, 0, pixels)
    check_marks(MOST_MARKS, 0, 1_000_000)
    with pytest.raises(TooMuchWorkError, match="more than 60 marks"):
        check_marks(61, 0, 1)
    work = Work(1_000_000)
    work.spend(MOST_TRIED, 0)
    with pytest.raises(TooMuchWorkError, match="expected a number or a page .* crop to it"):
        work.spend(0, 10_000)


def test_a_page_of_digits_is_within_the_limits(reader):
    page = "\n".join(["0123456789"] * 20)
    assert reader.read(write(page, scale=0.35, pen=12)).text == page


def test_a_plain_number_costs_one_strip(reader, monkeypatch):
    strips = []
    columns = reader.line_model.columns
    monkeypatch.setattr(reader.line_model, "columns", lambda s: strips.extend(s) or columns(s))
    assert reader.read(write("2350", scale=0.4)).number == "2350"
    assert len(strips) == 1
