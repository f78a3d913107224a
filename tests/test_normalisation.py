"""One digit's ink becomes an image like MNIST's."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mnist_classifier.normalisation import (
    BOX,
    SIDE,
    grey_quantiles,
    ink_box,
    is_normalised,
    normalise,
    quantile,
    stroke_width,
)


def bar(width, height=140, margin=30):
    ink = np.zeros((height + 2 * margin, width + 2 * margin), np.float32)
    ink[margin : margin + height, margin : margin + width] = 1
    return ink


@pytest.mark.parametrize("width", [4, 9, 20, 35])
def test_stroke_width(width):
    assert stroke_width(bar(width, 400)) == pytest.approx(width, rel=0.25, abs=1)


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (10, 7), (2000, 1500)])
def test_fits_the_box_and_is_centred_by_mass(shape):
    ink = np.zeros(shape, np.float32)
    points = np.array([[0.1, 0.1], [0.9, 0.15], [0.5, 0.6], [0.3, 0.9]]) * shape[::-1]
    pen = max(1, max(shape) // 15)
    cv2.polylines(ink, [points.astype(np.int32)], False, 1.0, pen)
    image = normalise(ink)
    assert image.shape == (SIDE, SIDE)
    _, _, width, height = ink_box(image)
    assert max(width, height) in (BOX - 1, BOX)
    mass = image / image.sum()
    assert abs((mass.sum(axis=0) @ np.arange(SIDE)) - 14) <= 1
    assert abs((mass.sum(axis=1) @ np.arange(SIDE)) - 14) <= 1


@pytest.mark.parametrize("pen", [2, 6, 12, 40, 60])
def test_every_pen_becomes_one_of_mnists(pen):
    ink = np.zeros((500, 400), np.float32)
    cv2.ellipse(ink, (200, 250), (140, 200), 0, 0, 360, 1.0, pen)
    image = normalise(ink)
    large = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    assert 1.4 <= stroke_width(large) / 4 <= 4


def test_without_ink_there_is_nothing():
    assert not normalise(np.zeros((30, 40), np.float32)).any()


def test_mnist_stays_as_it_is(mnist_dir):
    from mnist_classifier.idx import load_folder

    _, (images, _) = load_folder(mnist_dir)
    ink = images[:500].astype(np.float32) / 255
    difference = np.abs(np.stack([normalise(image) for image in ink]) - ink).mean(axis=(1, 2))
    assert np.median(difference) < 0.02


@settings(deadline=None)
@given(
    arrays.arrays(
        np.float32,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=st.floats(0, 1, width=32),
    )
)
def test_anything_in_range_stays_in_range(ink):
    image = normalise(ink)
    assert image.dtype == np.float32
    assert np.isfinite(image).all()
    assert 0 <= image.min() <= image.max() <= 1


def test_an_image_in_mnists_form_stays_as_it_is(sample):
    for image in sample.test_images[:200]:
        ink = image.astype(np.float32) / 255
        assert is_normalised(ink)
        assert np.array_equal(normalise(ink), ink)
        assert not is_normalised(np.roll(ink, 2, axis=1))
        assert not is_normalised(ink[1:])


@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 70))),
    st.floats(0, 1),
)
def test_quantiles_are_numpys(greys, share):
    flat = greys.reshape(len(greys), -1)
    expected = np.quantile(flat, [share, 0.5], axis=1)
    np.testing.assert_allclose(grey_quantiles(greys, [share, 0.5]), expected, atol=1e-9)
    values = greys[0].astype(np.float32) / 7
    assert quantile(values, share) == pytest.approx(np.quantile(values, share), abs=1e-5)
