"""Strips lie where they say, level with slanting lines, and are bounded in number."""

import cv2
import numpy as np
import pytest

from mnist_classifier.read.strips import (
    Pyramid,
    about,
    closer,
    cut,
    neighbours,
    to_grey,
    whole,
    windows,
)


def picture(shape=(300, 500), spot=(320, 180), size=6):
    grey = np.full(shape, 220, np.uint8)
    cv2.circle(grey, spot, size, 20, -1)
    return Pyramid(grey)


@pytest.mark.parametrize("angle", [0.0, 0.2, -0.3])
@pytest.mark.parametrize("height", [24.0, 60.0, 150.0])
def test_a_point_of_a_strip_is_the_pictures(angle, height):
    strip = cut(picture(), (300, 170), 260, height, angle)
    assert strip.image.shape[0] == 32
    assert strip.image.shape[1] % 4 == 0
    y, x = np.unravel_index(np.argmin(cv2.blur(strip.image, (3, 3))), strip.image.shape)
    assert strip.in_picture(x, y) == pytest.approx((320, 180), abs=6 + strip.scale)


def test_paper_goes_on_beyond_the_edges():
    strip = cut(picture(), (0, 0), 100, 100, 0.0)
    assert strip.image[0, 0] == 220


@pytest.mark.parametrize("made", [about, closer, neighbours])
def test_strips_about_a_line_are_level_with_it(made):
    boxes = np.array([[40 + 60 * i, 60 + 12 * i, 30, 40] for i in range(6)], float)
    for strip in made(picture(), boxes):
        run, rise = np.array(strip.in_picture(100, 16)) - strip.in_picture(0, 16)
        assert rise / run == pytest.approx(0.2, abs=0.01)


def test_a_closer_look_varies():
    made = list(closer(picture(), np.array([[100, 100, 40, 60], [150, 100, 40, 60]], float)))
    assert [strip.plain for strip in made] == [True, True, False, False, False]
    assert len({strip.image.tobytes() for strip in made}) == 5


@pytest.mark.parametrize("top", [0, 120, 270])
def test_neighbours_are_looked_for_from_the_top_to_the_bottom(top):
    boxes = np.array([[200, top, 20, 30], [230, top, 20, 30]], float)
    middles = [strip.in_picture(0, 15.5)[1] for strip in neighbours(picture(), boxes)]
    assert middles[:3] == pytest.approx([top + 15] * 3, abs=1)
    assert min(middles) < 25
    assert max(middles) > 275
    assert np.diff(sorted(middles)).max() < 10


def test_the_nearest_neighbours_come_first():
    boxes = np.array([[500, 780, 30, 40], [550, 780, 50, 40]], float)
    made = list(neighbours(picture((1600, 1200)), boxes))
    away = [abs(strip.in_picture(0, 15.5)[1] - 799.5) for strip in made]
    assert away == sorted(away)
    assert len({strip.scale for strip in made}) == 3
    assert max(away) > 100


@pytest.mark.parametrize("shape", [(1, 1), (900, 1), (60, 200), (1600, 1200), (4000, 3000)])
@pytest.mark.parametrize("height", [1, 40])
def test_neighbours_are_bounded(shape, height):
    boxes = np.array([[0, 0, 0.8 * shape[1], min(height, shape[0])]], float)
    made = neighbours(Pyramid(np.full(shape, 200, np.uint8)), boxes)
    assert sum(strip.image.shape[1] for strip in made) <= 12_000 + 2048


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (28, 28), (60, 200), (1600, 1200)])
def test_windows_are_bounded(shape):
    grey = Pyramid(np.full(shape, 200, np.uint8))
    made = [*whole(grey), *windows(grey)]
    assert sum(strip.image.shape[1] for strip in made) <= 8000
    assert all(strip.image.shape[0] == 32 for strip in made)


def test_the_channel_with_the_most_contrast_is_taken():
    coloured = np.full((50, 80, 3), 250, np.uint8)
    coloured[20:30, 10:70] = (250, 180, 90)  # a blue pen, BGR
    grey = to_grey(coloured)
    assert int(grey.level(1).min()) == 90


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (301, 77), (640, 480)])
@pytest.mark.parametrize("scale", [0.3, 1, 1.9, 2, 5, 1000])
def test_a_level_has_all_pixels_that_are_needed_and_not_many_more(shape, scale):
    grey = Pyramid(np.full(shape, 200, np.uint8))
    level = grey.level(scale)
    assert (level == 200).all()
    for side, whole_side in zip(level.shape, shape, strict=True):
        assert side >= min(whole_side, whole_side / max(1, scale))
    assert level.size == 1 or min(level.shape) == 1 or level.shape[0] <= 2 * shape[0] / scale + 2
