"""How sure a reading is, in words."""

from mnist_classifier.read.certainty import percent


def test_nothing_is_wholly_sure():
    assert [percent(p) for p in (0.0, 0.5, 0.9994, 0.9996, 1.0)] == [
        "0.0%",
        "50.0%",
        "99.9%",
        "> 99.9%",
        "> 99.9%",
    ]
