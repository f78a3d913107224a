"""Digits drawn by strokes: every shape can be written, the same for a seed, and normalised."""

from dataclasses import replace

import numpy as np
import pytest

from mnist_classifier.learn.data.strokes import (
    ODDS,
    SHAPES,
    Hand,
    draw_digits,
    spline,
    write,
)
from mnist_classifier.normalisation import is_normalised

PLAIN = Hand(slant=0, stretch=1, pen=0.05, shake=0)


def test_every_shape_can_be_written():
    generator = np.random.default_rng(0)
    hand = Hand(slant=0.1, stretch=0.9, pen=0.1, shake=0.3)
    for label, shapes in SHAPES.items():
        assert 0 <= label <= 9
        for shape in shapes.values():
            ink = write(shape, hand, 40, generator)
            assert 20 < ink.shape[0] < 90
            assert ink.max() == 255
            assert ink[0].max() == ink[-1].max() == 0  # nothing is cut off


def test_a_spline_runs_through_its_points():
    points = np.array([[0, 0], [1, 2], [3, 1], [4, 4]], float)
    line = spline(points)
    assert line[::8] == pytest.approx(points)
    assert (spline(points[:2]) == points[:2]).all()


def test_the_table_can_be_read():
    assert list(SHAPES) == list(range(10))
    for shapes in SHAPES.values():
        assert len(shapes) <= 15
        for shape in shapes.values():
            assert all(len(stroke.strip("!").replace(".", "")) % 2 == 0 for stroke in shape.split())
    assert set(ODDS) <= {name for shapes in SHAPES.values() for name in shapes}


def test_a_dot_makes_a_corner():
    """A smooth line overshoots its corner; one with a dot there, or an angular one, does not."""
    heights = {}
    for shape in ("006066", "0060.66", "!006066"):
        ink = write(shape, PLAIN, 90, np.random.default_rng(0))
        heights[shape] = ink.shape[0]
    assert heights["0060.66"] == heights["!006066"] < heights["006066"]


def test_ink_fails():
    pen = replace(PLAIN, fails=0.5)
    whole, broken = (
        np.mean([write("3039", hand, 40, np.random.default_rng(i)).sum() for i in range(20)])
        for hand in (PLAIN, pen)
    )
    assert 0.3 < broken / whole < 0.8


def test_drawn_digits_look_like_mnists_of_their_class(sample):
    labels = np.repeat(np.arange(10, dtype=np.uint8), 100)
    drawn = draw_digits(labels, np.random.default_rng(0))
    assert (drawn.shape, drawn.dtype) == ((1000, 28, 28), np.uint8)
    assert (drawn == draw_digits(labels, np.random.default_rng(0))).all()
    # A mass far from the middle cannot be centred: its ink would leave the image.
    at_edge = drawn[:, [0, -1]].any(axis=(1, 2)) | drawn[:, :, [0, -1]].any(axis=(1, 2))
    assert at_edge.mean() < 0.02
    assert all(is_normalised(image / np.float32(255)) for image in drawn[~at_edge])
    means = np.stack(
        [sample.train_images[sample.train_labels == k].mean(axis=0) for k in range(10)]
    )
    likeness = np.corrcoef(drawn.reshape(1000, -1), means.reshape(10, -1))[:1000, 1000:]
    assert (likeness.argmax(axis=1) == labels).mean() > 0.4  # by chance 0.1
