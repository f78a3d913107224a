"""Composed lines: the same for a seed, of the digits given, with the truth beside them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mnist_classifier.learn.data import foreign, workers
from mnist_classifier.learn.data.lines import Composer, encode, fixed_lines
from mnist_classifier.learn.data.paper import KINDS, Extent, draw_kind, draw_paper
from mnist_classifier.learn.data.texts import ALPHABET, MOST_CHARACTERS, draw_text
from mnist_classifier.learn.data.workers import composing
from mnist_classifier.learn.data.writing import Writer, draw_style, ink_rows


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
    text = Extent(20, 6, 90, 26)
    for kind in KINDS:
        papers = [draw_paper(generator, kind, 128, 32, text) for _ in range(20)]
        assert all(paper.shape == (32, 128) and np.isfinite(paper).all() for paper in papers)
        assert (papers[0] != papers[1]).any()
    assert {draw_kind(generator) for _ in range(100)} == set(KINDS)


def test_no_binding_lies_on_the_text():
    generator = np.random.default_rng(0)
    text = Extent(20, 6, 90, 26)
    for _ in range(100):
        paper = draw_paper(generator, "bound", 128, 32, text)
        assert np.median(paper[6:26, 20:90]) > 0.3


@pytest.fixture(scope="module")
def writer(sample):
    return Writer(sample.train_images, sample.train_labels)


@pytest.fixture
def style():
    """Of MNIST's digits, upright and of one size."""
    drawn = draw_style(np.random.default_rng(0), 40)
    hand = replace(drawn.hand, slant=0.0, stretch=1.0, pen=0.1)
    return replace(
        drawn, hand=hand, gap=0.5, wide=0.0, slope=0.0, uneven=0.0, hang=0.0, shapes=(None,) * 10
    )


def test_an_even_hand_leans_alike(writer, style):
    slants = {}
    for even in (True, False):
        one = replace(style, even=even)
        inks = [writer.write("4", one, np.random.default_rng(i)).ink for i in range(60)]
        moments = [cv2.moments(ink) for ink in inks]
        slants[even] = np.std([each["mu11"] / each["mu02"] for each in moments])
    assert slants[True] < 0.7 * slants[False]


def test_digits_hang_below_the_base_line(writer, style):
    feet = {}
    for digit, hang in (("9", 0.3), ("9", 0.0), ("2", 0.3)):
        ink = writer.write(digit, replace(style, hang=hang), np.random.default_rng(0)).ink
        feet[digit, hang] = ink_rows(ink)[1]
    assert feet["9", 0.3] - feet["9", 0.0] == pytest.approx(0.3 * 40, abs=1)
    assert feet["2", 0.3] == pytest.approx(feet["9", 0.0], abs=3)


def test_what_is_no_number_has_ink_or_none():
    generator = np.random.default_rng(0)
    inks = [
        foreign.instead_of_number(draw_style(generator, 30), generator).max() for _ in range(200)
    ]
    assert 20 < inks.count(0) < 90
    assert np.mean([ink in (0, 255) for ink in inks]) > 0.7


def test_neighbours_are_cut_off(splits):
    """Less than half of the lines above and below is seen: what is seen whole is to be read."""
    generator = np.random.default_rng(0)
    composer = Composer.of(splits.train)
    for _ in range(100):
        style = draw_style(generator, 40.0)
        layer = np.zeros((64, 256), np.uint8)
        composer._neighbours(layer, style, Extent(0, 10, 128, 24), generator)
        rows = layer.max(axis=1) > 50
        assert not rows[23:45].any()


def test_several_processes_compose_the_same(splits, monkeypatch):
    lines = {}
    monkeypatch.setattr(workers, "_CHUNK", 40)
    for cores in (1, 3):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        with composing(Composer.of(splits.train, 32), 100) as begin:
            lines[cores] = begin(100, (0, 1))()
    (x, y), (other_x, other_y) = lines.values()
    assert len(x) == 100
    assert (x == other_x).all()
    assert (y == other_y).all()
    assert (x[:40] != x[40:80]).any()
