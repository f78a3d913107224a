"""Composed lines: the same for a seed, of the digits given, with the truth beside them."""

import numpy as np
import pytest

from mnist_classifier.learn.data.lines import (
    ALPHABET,
    MOST_CHARACTERS,
    Composer,
    draw_text,
    encode,
    fixed_lines,
)
from mnist_classifier.learn.data.paper import KINDS, draw_paper


@pytest.fixture(scope="module")
def composer(splits):
    return Composer.of(splits.train)


@pytest.fixture(scope="module")
def lines(composer):
    return composer.compose(300, np.random.default_rng(0))


def test_the_same_seed_gives_the_same_lines(composer, lines):
    again = composer.compose(300, np.random.default_rng(0))
    assert (again.images == lines.images).all()
    assert (again.texts, again.papers) == (lines.texts, lines.papers)
    other = composer.compose(20, np.random.default_rng(1))
    assert other.texts != lines.texts[:20]


def test_lines_are_of_every_kind(lines):
    assert lines.images.shape == (300, 32, 128)
    assert lines.images.dtype == np.uint8
    assert set(lines.papers) == set(KINDS)
    assert "" in lines.texts
    assert set("".join(lines.texts)) == set(ALPHABET)
    assert max(map(len, lines.texts)) <= MOST_CHARACTERS


def test_ink_is_there_where_a_number_is(lines):
    plain = [
        image
        for image, text, paper in zip(lines.images, lines.texts, lines.papers, strict=True)
        if text and paper == "plain"
    ]
    assert len(plain) > 20
    assert np.mean([np.ptp(image.astype(int)) > 30 for image in plain]) > 0.9


def test_digits_are_those_given(splits):
    """Without digits of a class, its shapes are drawn; the others come from the split."""
    few = Composer(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8), 64)
    assert few.compose(20, np.random.default_rng(0)).images.shape == (20, 32, 64)


def test_encoding(lines):
    x, y = encode(lines)
    assert x.shape == (300, 32, 128, 1)
    assert x.dtype == np.float32
    assert -0.2 <= x.min() <= x.max() <= np.float32(1.2)
    assert y.shape == (300, MOST_CHARACTERS)
    for row, text in zip(y.astype(int), lines.texts, strict=True):
        assert "".join(ALPHABET[i - 1] for i in row if i) == text


def test_lines_for_measuring_are_fixed(splits):
    one, other = (fixed_lines(splits.test, 5) for _ in range(2))
    assert (one.images == other.images).all()


def test_texts_are_numbers():
    generator = np.random.default_rng(0)
    texts = [draw_text(generator) for _ in range(2000)]
    assert all(0 < len(text) <= MOST_CHARACTERS and set(text) <= set(ALPHABET) for text in texts)
    assert {"-", "."} & {text[-1] for text in texts}
    assert all(any(c.isdigit() for c in text) for text in texts)


def test_papers_differ():
    generator = np.random.default_rng(0)
    papers = [draw_paper(generator, 128, 32, 6, 26) for _ in range(100)]
    assert {kind for _, kind in papers} == set(KINDS)
    assert all(paper.shape == (32, 128) and np.isfinite(paper).all() for paper, _ in papers)
