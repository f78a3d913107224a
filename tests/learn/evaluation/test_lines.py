import numpy as np
import pytest

from mnist_classifier.errors import ModelError
from mnist_classifier.learn.data.lines import fixed_lines
from mnist_classifier.learn.evaluation.lines import answers_of


def test_a_network_of_other_characters_is_refused(splits):
    logits = np.zeros((1, 8, 4), np.float32)
    with pytest.raises(ModelError, match=r"knows 3 characters; expected 0123456789\.,-/:"):
        answers_of(logits, fixed_lines(splits.validation, 1))
