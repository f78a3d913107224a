"""Deformations by JAX: of the same distribution as the processor's."""

from dataclasses import replace

import numpy as np
import pytest

from mnist_classifier.learn.data.augmentation import Deformation, deform
from mnist_classifier.learn.recipes.standard import CNN_BEST

pytest.importorskip("jax")
from mnist_classifier.learn.data import device_augmentation
from mnist_classifier.learn.data.device_augmentation import DeviceImages

device_augmentation._TOGETHER = 500
COUNT = 1499  # images, no multiple of those that are deformed together
NONE = Deformation(0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0)
ALONE = {
    "rotation": 25.0,
    "scale": 0.3,
    "stretch": 0.3,
    "shear": 0.4,
    "shift": 3.0,
    "elastic": 2.0,
    "stroke": 1.0,
    "blur": 1.0,
    "contrast": 3.0,
    "noise": 0.2,
}


def digits(sample, n):
    images = sample.train_images[:n].astype(np.float32) / 255
    return images, images.reshape(n, -1)


def by_jax(x, deformation, seed=0, epoch=0):
    # All tests share one compiled function, for as many images and the same amounts.
    return np.asarray(DeviceImages(x, [Deformation()]).deformed(deformation, seed, epoch))


def moments(images):
    """Return for all images ink, its middle, its spread, its slant and how dark it is at most."""
    ink = images.reshape(-1, 28, 28)
    y, x = np.mgrid[:28, :28]
    mass = ink.sum((1, 2))
    middle_x, middle_y = (ink * x).sum((1, 2)) / mass, (ink * y).sum((1, 2)) / mass
    across, down = x - middle_x[:, None, None], y - middle_y[:, None, None]
    spread = [(ink * part).sum((1, 2)) / mass for part in (across**2, down**2, across * down)]
    return np.stack([mass, middle_x, middle_y, *spread, ink.max((1, 2)), (ink**2).sum((1, 2))])


@pytest.mark.parametrize("name", ALONE)
def test_each_amount_moves_images_as_far_as_on_the_processor(sample, name):
    # One digit many times: so all that differs between its copies is what was drawn.
    images, x = (np.repeat(part[:1], COUNT, axis=0) for part in digits(sample, 1))
    deformation = replace(NONE, **{name: ALONE[name]})
    there = moments(by_jax(x, deformation))
    here = moments(deform(images, np.random.default_rng(0), deformation))
    for quantiles in (0.1, 0.3, 0.5, 0.7, 0.9):
        a, b = (np.quantile(part, quantiles, axis=1) for part in (there, here))
        assert np.all(abs(a - b) < 0.25 * here.std(axis=1) + 2e-3 * abs(b) + 1e-3), (
            quantiles,
            a,
            b,
        )


@pytest.mark.parametrize("deformation", [CNN_BEST.deformation, Deformation()])
def test_images_have_the_same_mean_and_spread_as_on_the_processor(sample, deformation):
    images, x = digits(sample, COUNT)
    there = by_jax(x, deformation)
    here = deform(images, np.random.default_rng(0), deformation).reshape(there.shape)
    assert abs(there.mean(0) - here.mean(0)).max() < 0.05
    assert abs(there.std(0) - here.std(0)).max() < 0.05


def test_nothing_changes_when_all_is_switched_off(sample):
    _, x = digits(sample, COUNT)
    assert np.allclose(by_jax(x, NONE), x, atol=1e-6)
    assert np.array_equal(np.asarray(DeviceImages(x, []).deformed(None, 0, 0)), x)


def test_a_seed_and_an_epoch_always_give_the_same_images(sample):
    _, x = digits(sample, COUNT)
    first, again, later, other = (
        by_jax(x, CNN_BEST.deformation, *drawn) for drawn in ((1, 2), (1, 2), (1, 3), (2, 2))
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, later)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], by_jax(np.repeat(x[:1], COUNT, 0), CNN_BEST.deformation)[1])


def test_images_do_not_touch_each_other_and_stay_in_their_order():
    x = np.zeros((COUNT, 28, 28), np.float32)
    x[1::2, 10:18, 10:18] = 1
    deformed = by_jax(x.reshape(COUNT, -1), CNN_BEST.deformation)
    assert deformed.shape == (COUNT, 784)
    assert deformed[::2].max() == 0
    assert (deformed[1::2].max(axis=1) > 0.5).all()
