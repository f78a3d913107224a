"""A reading is drawn on a copy of its picture."""

import cv2
import pytest

from mnist_classifier.errors import MnistError
from mnist_classifier.read.annotate import annotate, save_annotated

from .drawing import write


def test_annotate_draws_on_a_copy(reader, tmp_path):
    picture = write("35")
    reading = reader.read(picture)
    drawn = annotate(picture, reading)
    assert drawn.shape[0] > picture.shape[0]
    x, y, _, _ = reading.digits[0].box
    scale = drawn.shape[1] / picture.shape[1]
    assert drawn[round(y * scale), round(x * scale)].tolist() != [255, 255, 255]
    save_annotated(tmp_path / "out.png", picture, reading)
    assert cv2.imread(str(tmp_path / "out.png")).shape == drawn.shape
    with pytest.raises(MnistError, match="cannot write"):
        save_annotated(tmp_path / "none" / "out.png", picture, reading)
