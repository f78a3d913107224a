"""Deformed digits: like a seed, unlike each other, still digits."""

import numpy as np
import pytest

from mnist_classifier.learn.data.augmentation import Deformation, coarsen, deform

NONE = Deformation(0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0)


def some(sample, n=64):
    return sample.train_images[:n], sample.train_labels[:n]


def test_the_same_seed_gives_the_same_images(sample):
    images, _ = some(sample)
    first, again, other = (deform(images, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_shape_range_and_type(sample):
    images, _ = some(sample)
    for given in (images, images.astype(np.float32) / 255):
        deformed = deform(given, np.random.default_rng(0))
        assert (deformed.shape, deformed.dtype) == (images.shape, np.float32)
        assert 0 <= deformed.min() <= deformed.max() <= 1


def test_uint8_and_float_are_deformed_alike(sample):
    images, _ = some(sample)
    a = deform(images, np.random.default_rng(0))
    b = deform(images.astype(np.float32) / 255, np.random.default_rng(0))
    assert np.allclose(a, b, atol=1e-5)


def test_nothing_changes_when_all_is_switched_off(sample):
    images, _ = some(sample)
    assert np.allclose(deform(images, np.random.default_rng(0), NONE), images / 255, atol=1e-5)


def test_images_do_not_touch_each_other():
    images = np.zeros((3, 28, 28), np.uint8)
    images[1] = 255
    quiet = Deformation(noise=0)
    for seed in range(20):
        deformed = deform(images, np.random.default_rng(seed), quiet)
        assert deformed[0].max() < 0.01
        assert deformed[2].max() < 0.01


def test_more_images_than_opencv_has_rows_for():
    images = np.zeros((2100, 28, 28), np.uint8)
    images[:, 10:18, 10:18] = 255
    deformed = deform(images, np.random.default_rng(0))
    assert (deformed.max(axis=(1, 2)) > 0.2).all()


def test_coarse_digits_stay_where_they_were_with_fewer_shades(sample):
    images = some(sample, 300)[0] / np.float32(255)
    assert np.array_equal(coarsen(images, np.random.default_rng(0), 0.0), images)
    coarse = coarsen(images, np.random.default_rng(0), 1.0)
    assert (coarse.shape, coarse.dtype) == (images.shape, np.float32)
    assert 0 <= coarse.min() <= coarse.max() <= 1
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(images, coarse, strict=True)]
    assert 0.5 < np.mean(alike) < 0.95
    assert not coarsen(np.zeros((2, 28, 28), np.float32), np.random.default_rng(0), 1.0).any()
    changed = (coarsen(images, np.random.default_rng(0), 0.3) != images).any(axis=(1, 2))
    assert 0.2 < changed.mean() < 0.4


@pytest.mark.parametrize("turned", [20.0, 90.0])
def test_rotation_keeps_the_ink(turned):
    images = np.zeros((50, 28, 28), np.uint8)
    images[:, 8:20, 13:15] = 255
    only = Deformation(turned, *(0 for _ in range(5)), 4, 0, 0, 0, 0)
    deformed = deform(images, np.random.default_rng(0), only)
    assert np.allclose(deformed.sum(axis=(1, 2)), 24, rtol=0.12)
