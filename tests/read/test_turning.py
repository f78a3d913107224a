"""A number on its side or upside down is turned, or refused; an upright one stands."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_classifier.read.segmentation import Mark
from mnist_classifier.read.turning import box_before, turned_marks

from .drawing import write


@pytest.mark.parametrize(
    ("text", "turns"), [("2047", 1), ("34527", 2), ("2047", 3), ("35247", 1), ("93 526", 3)]
)
def test_a_turned_number_is_read_and_its_boxes_lie_where_it_does(reader, text, turns):
    upright = write(text, scale=0.5)
    stored = np.ascontiguousarray(np.rot90(upright, turns))
    reading = reader.read(stored)
    assert reading.text == text
    for digit, expected in zip(reading.digits, reader.read(upright).digits, strict=True):
        there = box_before(digit.box, turns, stored.shape)
        assert np.abs(np.array(there) - expected.box).max() <= 3


def test_boxes_of_a_turned_large_jpeg_lie_in_its_pixels(reader):
    upright = cv2.resize(write("2047"), None, fx=4, fy=4)
    stored = np.ascontiguousarray(np.rot90(upright))
    assert stored.shape[0] * stored.shape[1] > 6_000_000 / 4
    page = np.full((3000, 2400, 3), 255, np.uint8)
    page[200 : 200 + stored.shape[0], 700 : 700 + stored.shape[1]] = stored
    reading = reader.read(cv2.imencode(".jpg", page)[1].tobytes())
    assert reading.text == "2047"
    for digit in reading.digits:
        x, y, width, height = digit.box
        assert page[y : y + height, x : x + width].min() < 50


@pytest.mark.parametrize("text", ["1", "6", "9", "69", "96", "1881", "2\n4\n7", "12\n34\n56"])
def test_an_upright_number_stands(reader, text):
    assert reader.read(write(text, scale=0.5)).text == text


def test_a_column_that_no_turn_makes_a_number_of_is_not_one_digit(reader):
    picture = np.full((600, 200), 255, np.uint8)
    for top in range(60, 500, 90):
        for left in (70, 100, 130):  # a comb
            cv2.line(picture, (left, top), (left, top + 60), 0, 8)
        cv2.line(picture, (60, top + 60), (140, top + 60), 0, 8)
    reading = reader.read(picture)
    assert reading.refused
    assert reading.digits == ()


def test_pictures_of_many_marks_are_not_turned(reader, monkeypatch):
    seen = []
    find = reader._finder.read
    monkeypatch.setattr(reader._finder, "read", lambda *rest: (seen.append(1), find(*rest))[1])
    page = np.full((900, 900), 255, np.uint8)
    for y in range(40, 860, 90):
        for x in range(40, 860, 90):
            cv2.line(page, (x - 20, y - 20), (x + 20, y + 20), 0, 5)
            cv2.line(page, (x + 20, y - 20), (x - 20, y + 20), 0, 5)
    assert reader.read(page).refused
    assert len(seen) == 1
    assert reader.read(page[:170, :170]).refused
    assert len(seen) == 1 + 4


boxes = st.tuples(*[st.integers(0, 50)] * 2, *[st.integers(1, 50)] * 2)


@given(box=boxes, turns=st.integers(1, 3))
def test_turning_back_undoes_turning(box, turns):
    x, y, width, height = box
    picture = np.zeros((120, 110), np.float32)
    picture[y : y + height, x : x + width] = 1
    (mark,) = turned_marks([Mark(box, np.ones((height, width)), 255.0)], turns, picture.shape)
    turned = np.rot90(picture, turns)
    left, top, across, down = mark.box
    assert turned[top : top + down, left : left + across].all()
    assert across * down == turned.sum() == mark.ink.size
    assert box_before(mark.box, turns, turned.shape) == box
