"""The columns' probabilities give those of texts: compared with counting every way."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_classifier.ctc import (
    column_probabilities,
    likeliest_path,
    own_log_likelihoods,
    own_probabilities,
    places,
    text_probabilities,
)


def columns(seed, count=5, kinds=3, sharpness=2.0):
    logits = np.random.default_rng(seed).normal(0, sharpness, (count, 1 + kinds))
    return column_probabilities(logits)


def by_counting(own):
    """Return the probability of each text: the sum over every way through the columns."""
    texts = {}
    for way in itertools.product(range(own.shape[1]), repeat=len(own)):
        text = tuple(key for key, _ in itertools.groupby(way) if key)
        share = np.prod([own[i, index] for i, index in enumerate(way)])
        texts[text] = texts.get(text, 0) + share
    return texts


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.1, 8))
def test_a_text_has_the_probability_of_all_its_ways(seed, sharpness):
    own = columns(seed, sharpness=sharpness)
    for text, probability in by_counting(own).items():
        assert own_probabilities([own], [text])[0] == pytest.approx(probability, rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.lists(st.lists(st.integers(1, 3), max_size=8), min_size=1, max_size=5),
    st.integers(0, 2**32),
)
def test_texts_in_lines_of_any_length_have_the_probability_they_have_alone(lengths, texts, seed):
    lines = [columns(seed + i, count=count) for i, count in enumerate(lengths)]
    found = text_probabilities(lines, texts)
    assert found.shape == (len(lines), len(texts))
    owns = [texts[i % len(texts)] for i in range(len(lines))]
    expected = [found[i, i % len(texts)] for i in range(len(lines))]
    assert own_probabilities(lines, owns) == pytest.approx(expected, rel=1e-9)
    for own, of_line in zip(lines, found, strict=True):
        counted = by_counting(own)
        expected = [counted.get(tuple(text), 0) for text in texts]
        assert of_line == pytest.approx(expected, rel=1e-9)


def test_a_text_longer_than_the_columns_has_none():
    assert own_probabilities([columns(0, count=2)], [(1, 2, 3)]) == 0
    assert own_probabilities([columns(0, count=2)], [(1, 1)]) == 0  # needs one between


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 3), max_size=4), min_size=1, max_size=4),
    st.integers(1, 7),
    st.integers(0, 2**32),
)
def test_log_likelihoods_are_the_logarithms_of_probabilities(texts, count, seed):
    lines = np.stack([columns(seed + i, count=count) for i in range(len(texts))])
    found = own_log_likelihoods(np.log(lines), texts)
    assert np.exp(found) == pytest.approx(own_probabilities(list(lines), texts), rel=1e-9)


def test_a_likelihood_may_be_too_small_for_a_number():
    never = np.full((1, 40, 3), -500.0)  # each column is sure of "no character"
    never[..., 0] = 0
    assert own_log_likelihoods(never, [[1, 2, 1, 2]]) == pytest.approx(
        -4 * 500 + np.log(math.comb(40, 4)), rel=1e-12
    )
    assert own_log_likelihoods(never, [[]]) == 0


def test_the_likeliest_path():
    own = 0.9 * np.eye(4)[[0, 1, 1, 0, 1, 2, 0]] + 0.025
    own[2, 1] += 0.01
    assert likeliest_path(own) == ([1, 1, 2], [2, 4, 5])
    assert likeliest_path(np.eye(4)[[0, 0]]) == ([], [])


def test_places_are_where_the_characters_stand():
    own = 0.9 * np.eye(4)[[0, 1, 0, 1, 2, 0, 3]] + 0.025
    assert places(own, [1, 1, 2, 3]) == [1, 3, 4, 6]
    assert places(own, []) == []


@settings(max_examples=50, deadline=None)
@given(st.integers(9, 20), st.lists(st.integers(1, 3), max_size=4), st.integers(0, 2**32))
def test_characters_stand_one_after_the_other(count, text, seed):
    where = places(columns(seed, count=count), text)
    assert len(where) == len(text)
    assert where == sorted(set(where))
    assert all(0 <= column < count for column in where)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20), st.integers(0, 2**32))
def test_the_likeliest_path_is_its_texts_best_way(count, seed):
    own = columns(seed, count=count)
    text, where = likeliest_path(own)
    assert where == places(own, text)


def test_a_temperature_flattens():
    logits = np.array([[0.0, 3.0]])
    assert column_probabilities(logits, 3.0)[0, 1] == pytest.approx(1 / (1 + np.exp(-1)))
