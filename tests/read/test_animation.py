"""Of an animation, the first frame on which something is written is read."""

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_classifier.errors import MnistError
from mnist_classifier.read.animation import further_frames
from mnist_classifier.read.picture import load_picture

from .drawing import write

FORMATS = (".gif", ".png")
DIGIT, OTHER = write("4", scale=0.3), write("7", scale=0.3)
BLANK = np.full_like(DIGIT, 255)


def animated(suffix, *frames):
    animation = cv2.Animation()
    animation.frames = [np.dstack([frame, np.full(frame.shape[:2], 255)]).astype(np.uint8)
                        for frame in frames]  # fmt: skip
    animation.durations = np.full(len(frames), 100, np.int32)
    return cv2.imencodeanimation(suffix, animation)[1].tobytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_blank_frames_are_passed_over(reader, suffix):
    assert reader.read(animated(suffix, BLANK, BLANK, DIGIT, OTHER)).text == "4"
    assert reader.read(animated(suffix, OTHER, DIGIT)).text == "7"


@pytest.mark.parametrize("suffix", FORMATS)
def test_only_blank_frames_are_nothing_written(reader, suffix):
    assert "nothing is written" in reader.read(animated(suffix, BLANK, BLANK, BLANK)).refused
    assert "nothing is written" in reader.read(cv2.imencode(suffix, BLANK)[1].tobytes()).refused


def test_frames_are_decoded_within_bounds():
    many = animated(".gif", *[BLANK] * 120, DIGIT)
    assert (load_picture(many)[0] > 200).all()
    assert len(further_frames(many, BLANK.size)) == 99
    assert further_frames(many, 13_000_000) == []


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.sampled_from([animated(suffix, BLANK, BLANK, DIGIT) for suffix in FORMATS]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    length=st.floats(0.1, 1),
)
def test_damaged_animations_raise_nothing_but_our_own(seed, edits, length):
    content = bytearray(seed)
    for place, value in edits:
        content[int(place * (len(content) - 1))] = value
    try:
        picture, _ = load_picture(bytes(content[: max(1, int(length * len(content)))]), 10_000)
        assert picture.shape[0] * picture.shape[1] <= 10_000
    except MnistError as error:
        assert "expected" in str(error)
