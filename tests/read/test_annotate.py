"""A reading is drawn on a copy of its picture."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mnist_classifier.errors import MnistError
from mnist_classifier.read.annotate import annotate, save_annotated
from mnist_classifier.read.decoding import Candidate
from mnist_classifier.read.reading import Line, Reading

from .drawing import write


def coloured(image):
    """Where something is drawn that is neither grey nor white."""
    return np.ptp(image.astype(int), axis=2) > 40


def test_annotate_draws_on_a_copy(reader, tmp_path):
    picture = write("35")
    before = picture.copy()
    reading = reader.read(picture)
    drawn = annotate(picture, reading)
    assert (picture == before).all()
    assert drawn.shape[0] > picture.shape[0]
    save_annotated(tmp_path / "out.png", picture, reading)
    assert cv2.imread(str(tmp_path / "out.png")).shape == drawn.shape
    with pytest.raises(MnistError, match="cannot write"):
        save_annotated(tmp_path / "none" / "out.png", picture, reading)


@pytest.mark.parametrize("scale", [0.15, 0.5, 3.0])
def test_labels_at_the_edge_are_whole(reader, scale):
    margin = round(47 * scale)
    picture = write("47", scale=scale)[margin:-margin, margin:-margin]
    reading = reader.read(picture)
    assert reading.text == "47"
    drawn = annotate(picture, reading)
    marked = coloured(drawn)
    rows = np.flatnonzero(marked.any(axis=1))
    along = marked.sum(axis=1)
    box_top = np.flatnonzero(along > 0.4 * along.max())[0]
    label = marked[:box_top]
    assert 10 <= box_top - rows[0] < 60
    assert cv2.connectedComponents(label.astype(np.uint8), connectivity=8)[0] >= 3
    for edge in (marked[0], marked[-1], marked[:, 0], marked[:, -1]):
        assert not edge.any()


def test_each_line_has_its_probability_and_unsure_ones_what_else_they_may_be(reader, monkeypatch):
    written = []
    put = cv2.putText
    monkeypatch.setattr(
        cv2, "putText", lambda image, text, *rest: (written.append(text), put(image, text, *rest))
    )
    picture = write("12\n34", scale=0.2)
    reading = reader.read(picture)
    sure, unsure = Line("12", 0.99999, ()), Line("34", 0.5, (Candidate("84", 0.25),))
    annotate(picture, replace(reading, lines=(sure, unsure)))
    assert written[-2:] == ["12   > 99.9% sure", "34   50.0% sure, or 84 25.0%"]
    why = "no digit: " + "the ink is none, " * 10
    drawn = annotate(picture, Reading("", (), why))
    assert " ".join(written[written.index(written[-1]) - 3 :]).startswith("refused: no digit")
    assert not coloured(drawn)[:, -1].any()
