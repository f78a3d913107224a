"""Texts of columns, likeliest first; patterns hold, and are used while decoding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_classifier.errors import SettingsError
from mnist_classifier.read.decoding import candidates
from mnist_classifier.read.pattern import Pattern
from tests.test_ctc import by_counting, columns

ALPHABET = "01."


def texts(own):
    """Return each text's probability, by counting."""
    return {"".join(ALPHABET[i - 1] for i in text): p for text, p in by_counting(own).items()}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_the_likeliest_texts_come_first(seed):
    own = columns(seed)
    known = texts(own)
    found = candidates(own, ALPHABET)
    assert found[0].text == max(known, key=known.get)
    for one in found:
        assert one.probability == pytest.approx(known[one.text])
    assert [c.probability for c in found] == sorted((c.probability for c in found), reverse=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["##", "#{1,2}", "0?1", "#.#"]))
def test_a_pattern_is_held_while_decoding(seed, text):
    pattern = Pattern.parse(text)
    for one in candidates(columns(seed), ALPHABET, pattern):
        state = pattern.start
        for character in one.text:
            state = pattern.step(state, character)
        assert pattern.ends(state)


def test_a_pattern_finds_what_is_not_the_likeliest():
    # A stroke before a 1 that is rather 1 than nothing: of two digits, 11; of one, 1.
    own = np.array([[0.4, 0, 0.6, 0], [1.0, 0, 0, 0], [0.05, 0, 0.95, 0]])
    assert candidates(own, ALPHABET)[0].text == "11"
    assert candidates(own, ALPHABET, Pattern.parse("#"))[0].text == "1"


def test_characters_that_a_pattern_does_not_name_count_as_none():
    own = np.array([[0.0, 1, 0, 0], [0.1, 0, 0, 0.9], [0.0, 0, 1, 0]])
    assert candidates(own, ALPHABET)[0].text == "0.1"
    assert candidates(own, ALPHABET, Pattern.parse("##"))[0].text == "01"


def test_nothing_matches():
    assert candidates(np.eye(4)[[1, 0]], ALPHABET, Pattern.parse("###")) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("", "is empty"),
        ("#a", "has 'a'"),
        ("#{3,1}", "repeats"),
        ("#{0}", "repeats"),
        ("#{41}", "expected at most 40"),
        ("{3}", "has '{'"),
    ],
)
def test_what_is_no_pattern_is_said(wrong, message):
    with pytest.raises(SettingsError, match=message):
        Pattern.parse(wrong)


@given(st.text(max_size=60))
def test_any_text_is_a_pattern_or_refused(text):
    try:
        steps = Pattern.parse(text).steps
    except SettingsError:
        return
    assert 0 < len(steps) <= 40
