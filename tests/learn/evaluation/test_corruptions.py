import numpy as np
import pytest

from mnist_classifier.learn.evaluation.corruptions import CORRUPTIONS, corrupt


def test_there_are_mnist_cs_fifteen_kinds():
    assert len({kind.name for kind in CORRUPTIONS}) == 15


@pytest.mark.parametrize("kind", CORRUPTIONS, ids=lambda kind: kind.name)
def test_a_corruption_is_seen_and_is_the_same_for_the_same_seed(kind, sample):
    images = sample.test_images[:20]
    before = images.copy()
    once, again, other = (corrupt(kind, images, seed) for seed in (1, 1, 2))
    assert (once.shape, once.dtype) == (images.shape, np.uint8)
    assert (images == before).all()
    assert (once == again).all()
    assert all((one != image).any() for one, image in zip(once, images, strict=True))
    by_chance = kind.name not in ("scale", "brightness", "stripe", "canny edges")
    assert (once != other).any() == by_chance


def test_strengths_are_what_they_say(sample):
    by_name = {kind.name: kind for kind in CORRUPTIONS}
    blank = np.zeros((200, 28, 28), np.uint8)
    grains = corrupt(by_name["impulse noise"], blank, 0)
    assert (grains == 255).mean() == pytest.approx(0.085, abs=0.005)
    assert (corrupt(by_name["brightness"], blank, 0) == 128).all()
    dot = blank.copy()
    dot[:, 14, 14] = 255
    places = {tuple(np.argwhere(image)[0]) for image in corrupt(by_name["translate"], dot, 0)}
    assert places == {(11, 11), (11, 17), (17, 11), (17, 17)}
    mud = corrupt(by_name["spatter"], blank, 0)
    assert (mud == 64).mean() == pytest.approx(0.25, abs=0.01)
    striped = corrupt(by_name["stripe"], blank, 0)
    assert (striped == [255] * 7 + [0] * 14 + [255] * 7).all()
