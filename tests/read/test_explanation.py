"""Occlusion: which ink speaks for a digit."""

import numpy as np

from mnist_classifier.read.explanation import explain


class Sum:
    """A network for which each pixel of the left half speaks for 1, of the right half for 0."""

    def logits(self, images):
        logits = np.zeros((len(images), 10), np.float32)
        logits[:, 1] = images[:, :, :14].sum(axis=(1, 2))
        logits[:, 0] = images[:, :, 14:].sum(axis=(1, 2))
        return logits


def test_ink_speaks_for_its_digit_and_paper_for_none():
    image = np.zeros((28, 28), np.float32)
    image[10, 4] = image[20, 20] = 1
    one, zero = explain(Sum(), image, [1, 0])
    assert one[10, 4] > 0 > one[20, 20]
    assert zero[20, 20] > 0 > zero[10, 4]
    assert np.count_nonzero(one) == np.count_nonzero(zero) == 2


def test_an_empty_image_has_nothing_to_say(reader):
    assert not explain(reader.model, np.zeros((28, 28), np.float32), [3]).any()


def test_without_the_ink_that_speaks_for_it_a_digit_is_less_sure(reader):
    image = np.zeros((28, 28), np.float32)
    image[4:24, 13:16] = 1
    (evidence,) = explain(reader.model, image, [1])
    row, column = np.unravel_index(evidence.argmax(), evidence.shape)
    changed = image.copy()
    changed[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = 0
    judged = reader.read_images(np.stack([image, changed]))
    assert judged.probabilities[1, 1] < judged.probabilities[0, 1]
