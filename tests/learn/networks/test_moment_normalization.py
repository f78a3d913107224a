import cv2
import keras
import numpy as np
import pytest

from mnist_classifier.learn.data.dataset import scale
from mnist_classifier.learn.networks.layers import MomentNormalization

PLACE = np.arange(28)


def normalised(images):
    answers = MomentNormalization()(images.reshape(-1, 784).astype(np.float32))
    return keras.ops.convert_to_numpy(answers).reshape(-1, 28, 28)


def moments(images):
    """Return the middles (x, y), the slant, and the deviation of the height, in pixels."""
    ink = images.sum(axis=(1, 2))
    x = np.einsum("nyx,x->n", images, PLACE) / ink
    y = np.einsum("nyx,y->n", images, PLACE) / ink
    down, across = PLACE - y[:, None], PLACE - x[:, None]
    height = np.einsum("nyx,ny->n", images, down**2) / ink
    slant = np.einsum("nyx,ny,nx->n", images, down, across) / ink / height
    return x, y, slant, np.sqrt(height)


@pytest.fixture
def digits(sample):
    return scale(sample.train_images[:200]).reshape(-1, 28, 28)


def test_digits_come_out_in_the_middle_upright_and_of_one_height(digits):
    x, y, slant, height = moments(normalised(digits))
    np.testing.assert_allclose(x, 13.5, atol=0.15)
    np.testing.assert_allclose(y, 13.5, atol=0.15)
    np.testing.assert_allclose(slant, 0, atol=0.05)
    np.testing.assert_allclose(height, 5.2, atol=0.15)
    assert np.abs(moments(digits)[2]).max() > 0.5  # they did slant


@pytest.mark.parametrize(
    "way",
    [[[1, 0, 2], [0, 1, -1]], [[1, 0.3, -4], [0, 1, 0]], [[0.8, 0, 3], [0, 0.8, 3]]],
    ids=["shifted", "slanted", "smaller"],
)
def test_what_a_hand_varies_makes_little_difference(digits, way):
    moved = np.stack([cv2.warpAffine(image, np.float32(way), (28, 28)) for image in digits])
    before = np.abs(moved - digits).mean()
    after = np.abs(normalised(moved) - normalised(digits)).mean()
    assert after < before / 3


def test_a_one_stays_slim(sample):
    def columns_with_ink(digit):
        images = scale(sample.train_images[sample.train_labels == digit][:20])
        return (normalised(images).sum(axis=1) > 0.5).sum(axis=1).mean()

    assert columns_with_ink(1) < 3 / 4 * columns_with_ink(0)


def test_an_image_without_ink_stays_so():
    np.testing.assert_array_equal(normalised(np.zeros((2, 28, 28))), 0)


def test_ink_is_neither_negative_nor_more_than_it_was(digits):
    came = normalised(digits)
    assert came.min() >= 0
    assert came.max() <= digits.max() + 1e-6


def test_it_is_saved_with_its_network(digits, tmp_path):
    model = keras.Sequential([keras.layers.Input((784,)), MomentNormalization()])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    x = digits.reshape(-1, 784)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
