"""Ink is found whatever the paper; marks come in reading order."""

import cv2
import numpy as np
import pytest

from mnist_classifier.read.ink import find_ink
from mnist_classifier.read.segmentation import (
    Mark,
    find_marks,
    group_lines,
    join_broken,
    resegment,
    without_edges,
)
from mnist_classifier.read.work import Work

from .drawing import write


def marks_of(picture):
    return join_broken(find_marks(find_ink(picture)))


@pytest.mark.parametrize(
    ("paper", "ink"),
    [
        ((255, 255, 255), (0, 0, 0)),
        ((0, 0, 0), (255, 255, 255)),
        ((60, 50, 40), (200, 230, 230)),
        ((250, 250, 250), (200, 60, 30)),  # blue on white
        ((90, 200, 240), (40, 40, 190)),  # red on yellow
        ((120, 120, 120), (150, 150, 150)),
    ],
)
def test_ink_of_any_colour_on_paper_of_any_colour(paper, ink):
    marks = marks_of(write("27", paper=paper, ink=ink))
    assert len(marks) == 2


def test_boxes_lie_around_the_ink():
    picture = write("3")
    rows, columns = np.nonzero(picture[:, :, 0] < 128)
    (mark,) = marks_of(picture)
    x, y, width, height = mark.box
    expected = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    assert np.abs(np.array([x, y, width, height]) - expected).max() <= 5


def test_uneven_light_and_shadow():
    picture = write("38", pen=10).astype(np.float32)
    height, width = picture.shape[:2]
    light = np.linspace(0.5, 1, width)[None, :, None] * np.ones((height, 1, 1))
    light[:, : width // 2] *= 0.7  # a shadow with a hard edge, between the digits
    marks = marks_of((picture * light).astype(np.uint8))
    boxes = sorted(mark.box for mark in marks)
    assert len([box for box in boxes if box[3] > 100]) == 2


def test_graph_paper_is_no_ink():
    picture = write("25", pen=10, margin=120)
    for at in range(25, max(picture.shape[:2]), 60):
        cv2.line(picture, (at, 0), (at, picture.shape[0]), (215, 205, 190), 2)
        cv2.line(picture, (0, at), (picture.shape[1], at), (215, 205, 190), 2)
    marks = marks_of(picture)
    assert len([mark for mark in marks if mark.box[3] > 80]) == 2
    assert max(mark.box[3] for mark in marks) < 170


def test_dark_rules_are_taken_away():
    picture = write("6", pen=10, margin=120)
    cv2.line(picture, (0, 330), (picture.shape[1], 330), (30, 30, 30), 2)
    marks = marks_of(picture)
    assert len(marks) == 1


def test_thin_rules_are_taken_from_small_pictures_and_ones_are_not():
    picture = np.full((200, 70, 3), 255, np.uint8)
    cv2.line(picture, (20, 0), (20, 200), (0, 0, 0), 5)  # a 1 as high as the picture
    cv2.line(picture, (50, 0), (50, 200), (0, 0, 0), 1)
    marks = marks_of(picture)
    assert [mark.box[0] < 30 for mark in marks] == [True]


def mark(x, y, width, height):
    return Mark((x, y, width, height), np.ones((height, width), np.float32), 255.0)


def test_ink_that_the_edge_cuts_off_is_left_out_beside_whole_marks():
    digits = [mark(40, 50, 20, 30), mark(70, 50, 20, 30)]
    rule, other_line = mark(110, 0, 4, 200), mark(50, 185, 30, 15)
    neighbour = mark(115, 52, 5, 28)  # level with the digits, and no longer than they are
    everything = [*digits, rule, other_line, neighbour]
    assert without_edges(everything, (200, 120)) == [*digits, neighbour]
    for few in ([digits[0], rule], [rule, other_line], digits):
        assert without_edges(few, (200, 120)) == few


@pytest.mark.parametrize("value", [0, 255, 77])
def test_plain_paper_has_no_marks(value):
    for shape in ((1, 1, 3), (28, 28, 3), (300, 500, 3)):
        assert marks_of(np.full(shape, value, np.uint8)) == []


def test_reading_order():
    marks = marks_of(write("123\n45"))
    lines = group_lines(marks)
    assert [len(line) for line in lines] == [3, 2]
    for line in lines:
        assert [mark.box[0] for mark in line] == sorted(mark.box[0] for mark in line)
    assert lines[0][0].box[1] < lines[1][0].box[1]


def test_a_sloping_line_is_one_line():
    picture = write("123456", margin=200)
    slope = np.array([[1, 0, 0], [0.12, 1, -60]])
    height, width = picture.shape[:2]
    sloping = cv2.warpAffine(picture, slope, (width, height), borderValue=(255, 255, 255))
    assert [len(line) for line in group_lines(marks_of(sloping))] == [6]


def test_a_five_with_a_loose_bar_is_one_mark():
    picture = np.full((220, 200, 3), 255, np.uint8)
    cv2.line(picture, (70, 40), (150, 36), (0, 0, 0), 8)
    body = np.array([[66, 60], [62, 100], [100, 92], [130, 120], [110, 170], [50, 165]])
    cv2.polylines(picture, [body], False, (0, 0, 0), 8)
    assert len(marks_of(picture)) == 1


@pytest.mark.parametrize(("second", "count"), [(35, 1), (65, 2)])
def test_strokes_half_over_each_other_are_one_digit_if_that_is_surer(second, count):
    """Each is surely a 1, and both together are more surely a 4; so of slanted strokes alone."""

    def classify(marks):
        scores = [0.99 if mark.box[2] > 60 else 0.95 for mark in marks]
        return np.array(scores, np.float32), np.ones(len(marks), np.int64)

    ink = np.ones((70, 60), np.float32)
    marks = [Mark((x, 0, 60, 70), ink, 255.0) for x in (0, second)]
    ((*found,),) = resegment([marks], classify, Work(1_000_000))
    assert len(found) == count
