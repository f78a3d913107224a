"""What is no digit: drawn the same for a seed."""

import numpy as np

from mnist_classifier.learn.data.drawings import nondigits


def test_nondigits(sample):
    draw = [
        nondigits(300, sample.train_images, sample.train_labels, np.random.default_rng(seed))
        for seed in (0, 0, 1)
    ]
    assert draw[0].shape == (300, 28, 28)
    assert draw[0].dtype == np.float32
    assert np.isfinite(draw[0]).all()
    assert 0 <= draw[0].min() <= draw[0].max() <= 1
    assert np.array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])
    assert len({image.tobytes() for image in draw[0]}) > 250
