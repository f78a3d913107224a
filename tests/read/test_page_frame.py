"""What lies around a page is cut off, and nothing else is."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mnist_classifier.read.page_frame import page_frame


def page(shape=(300, 240), paper=225, ink=40):
    """Return a page with some writing, and grain."""
    grey = np.full(shape, paper, np.uint8)
    cv2.putText(grey, "4711", (shape[1] // 4, shape[0] // 2), 0, 1.0, ink, 3)
    noisy = grey + np.random.default_rng(0).normal(0, 3, shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def around(inner, left, top, right, bottom, tone=12):
    return cv2.copyMakeBorder(inner, top, bottom, left, right, cv2.BORDER_CONSTANT, value=tone)


def frame(grey):
    return page_frame(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))


@pytest.mark.parametrize(
    "sides",
    [(90, 0, 0, 0), (0, 60, 0, 0), (0, 0, 50, 0), (0, 0, 0, 70), (80, 60, 70, 90)],
    ids=["left", "top", "right", "bottom", "all round"],
)
@pytest.mark.parametrize("tones", [(225, 40, 12), (40, 220, 240)], ids=["light", "dark"])
def test_what_lies_beside_a_page_is_cut_off(sides, tones):
    paper, ink, beside = tones
    x, y, width, height = frame(around(page(paper=paper, ink=ink), *sides, tone=beside))
    assert (x, y) == pytest.approx(sides[:2], abs=3)
    assert (width, height) == pytest.approx((240, 300), abs=6)


def test_a_large_picture_is_measured_in_its_own_pixels():
    large = around(page((3000, 2400)), 900, 0, 0, 0)
    assert frame(large) == pytest.approx((900, 0, 2400, 3000), abs=16)


@pytest.mark.parametrize(
    "grey",
    [
        page(),
        page(paper=40, ink=220),
        around(page(), 4, 0, 0, 0),  # a thin rule at the edge
        np.full((200, 200), 128, np.uint8),
        np.tile(np.linspace(60, 230, 300).astype(np.uint8), (200, 1)),  # a shadow
        cv2.circle(np.zeros((280, 280), np.uint8), (140, 140), 80, 255, 20),  # a large digit
        cv2.line(np.full((280, 280), 255, np.uint8), (30, 0), (30, 280), 0, 30),  # a large 1
    ],
)
def test_a_picture_without_anything_beside_the_page_stays_whole(grey):
    assert frame(grey) == (0, 0, grey.shape[1], grey.shape[0])


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=120)))
@settings(max_examples=50, deadline=None)
def test_the_frame_lies_in_the_picture(grey):
    x, y, width, height = frame(grey)
    assert 0 <= x < x + width <= grey.shape[1]
    assert 0 <= y < y + height <= grey.shape[0]


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=20, deadline=None)
def test_bars_of_any_kind_leave_a_page(left, right):
    x, _, width, _ = frame(around(page((120, 120)), left, 0, right, 0))
    assert width >= 100
    assert x <= left + 5
