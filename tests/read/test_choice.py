"""Which of two readings is taken: of marks judged one by one, or of whole lines."""

from dataclasses import replace

import numpy as np
import pytest

from mnist_classifier.read.choice import choose
from mnist_classifier.read.decoding import Candidate
from mnist_classifier.read.reading import Digit, Line, Reading

REFUSED = Reading("", (), "no digit")


def reading(text, probability, confidence=None):
    """Return a reading of one line, each of its digits as sure as said."""
    sure = probability if confidence is None else confidence
    digits = []
    for label in map(int, filter(str.isdigit, text)):
        probabilities = np.full(10, (1 - sure) / 9, np.float32)
        probabilities[label] = sure
        image = np.zeros((28, 28), np.float32)
        digits.append(Digit(label, sure, probabilities, (0, 0, 1, 1), image))
    return Reading(text, tuple(digits), None, (Line(text, probability, ()),))


@pytest.mark.parametrize(
    ("of_marks", "of_lines", "marks", "first"),
    [
        (reading("12", 0.5), REFUSED, 2, True),
        (REFUSED, reading("7", 0.99), 1, True),  # a letter, judged as such
        (REFUSED, reading("1", 0.99), 0, True),  # of uneven light, perhaps
        (REFUSED, reading("7", 0.94), 0, True),  # of noise, perhaps
        (REFUSED, reading("7", 0.96), 0, False),
        (REFUSED, reading("173", 0.5), 0, False),  # on paper where no ink was found
        (REFUSED, reading("173", 0.3), 0, True),
        (REFUSED, reading("12", 0.8), 1, True),  # a letter of two stems
        (REFUSED, reading("12", 0.6), 2, False),
        (REFUSED, reading("12", 0.4), 2, True),
        (REFUSED, reading("123", 0.5), 1, True),  # a tangle
        (REFUSED, reading("123", 0.7), 1, False),
        (REFUSED, reading("110", 0.8), 5, True),  # a word
        (REFUSED, reading("110", 0.95), 5, False),
        (REFUSED, reading("110", 0.8), 9, False),  # grain
        (reading("1?2", 0.0, 0.99), reading("12", 0.9), 3, True),  # passes a mark over
        (reading("1?2", 0.0, 0.99), reading("132", 0.9), 3, False),
        (reading("1?2", 0.0, 0.5), reading("12", 0.9), 3, False),
    ],
)
def test_where_one_is_refused_or_has_foreign_marks(of_marks, of_lines, marks, first):
    chosen = choose(of_marks, of_lines, marks, lambda digits: 1.0)
    assert chosen is (of_marks if first else of_lines)


@pytest.mark.parametrize(
    ("of_marks", "of_lines", "against", "first"),
    [
        (reading("12", 0.9, 0.95), reading("17", 0.9), 0.9, True),  # as probable in the line
        (reading("12", 0.9, 0.95), reading("17", 0.9), 0.001, False),
        (reading("12", 0.9, 0.95), reading("17", 0.9), 0.2, False),  # marks are too sure
        (reading("12", 0.3, 0.5), reading("17", 0.9), 0.1, False),
        (reading("2077", 0.9), reading("207", 0.9), 0.1, True),  # a line loses a digit
        (reading("8", 1.0), reading("28", 0.8), 0.1, False),
        (reading("2071", 0.9), reading("2079", 0.9), 0.001, False),
        (reading("12011", 0.9), reading("2011", 0.9), 0.5, False),  # rules at the side
        (reading("7", 0.9), reading("1", 0.9), 0.5, True),
        (reading("7", 0.9), reading("1", 0.9), 0.001, False),
    ],
)
def test_where_they_differ_both_are_weighed(of_marks, of_lines, against, first):
    chosen = choose(of_marks, of_lines, len(of_marks.digits), lambda digits: against)
    assert chosen.text == (of_marks if first else of_lines).text
    assert chosen.confidence <= (of_marks if first else of_lines).confidence


def test_where_they_agree_the_separators_are_the_line_s():
    of_marks, of_lines = reading("314", 0.97), reading("3.14", 0.8)
    (line,) = of_lines.lines
    line = replace(line, alternatives=(Candidate("3,14", 0.2),))
    of_lines = replace(of_lines, lines=(line,))
    chosen = choose(of_marks, of_lines, 3, lambda digits: 1.0)
    assert chosen.text == "3.14"
    assert chosen.confidence == 0.97
    assert chosen.lines[0].alternatives[0].probability == pytest.approx(0.03)
    assert chosen.digits == of_marks.digits


def test_several_lines_of_marks_stand_where_they_are_sure():
    of_marks = Reading("1\n2", (), None, (Line("1", 0.99, ()), Line("2", 0.99, ())))
    assert choose(of_marks, reading("12", 0.9), 2, lambda digits: 1.0) is of_marks
    with_rule = Reading("1\n48", (), None, (Line("1", 0.99, ()), Line("48", 0.99, ())))
    assert choose(with_rule, reading("48", 0.9), 3, lambda digits: 1.0).text == "48"
    assert choose(with_rule, reading("4.8", 0.9), 3, lambda digits: 1.0).text == "4.8"
    unsure = Reading("1\n2", (), None, (Line("1", 0.5, ()), Line("2", 0.5, ())))
    assert choose(unsure, reading("12", 0.9), 2, lambda digits: 1.0).text == "12"


def lines(*texts, probability):
    """Return a reading of several lines, each as sure as said."""
    each = [reading(text, probability) for text in texts]
    digits = tuple(digit for one in each for digit in one.digits)
    return Reading("\n".join(texts), digits, None, tuple(one.lines[0] for one in each))


@pytest.mark.parametrize(
    ("of_lines", "marks", "first"),
    [
        (lines("1", "1", probability=0.99), 1, True),  # a scribble, cut in two
        (lines("19", "11", probability=0.85), 1, True),
        (lines("19", "11", probability=0.98), 1, False),  # numbers that a frame makes one mark
        (lines("19", "11", probability=0.85), 4, False),
        (lines("19", "48", probability=0.8), 1, False),  # in a table: two numbers are no chance
        (lines("19", "48", probability=0.7), 1, True),
        (lines("11", "11", "111", probability=0.8), 1, True),  # rules
        (lines("0000", "0000", probability=0.8), 1, True),  # dots
    ],
)
def test_several_lines_in_fewer_marks_must_be_sure(of_lines, marks, first):
    assert choose(REFUSED, of_lines, marks, None) is (REFUSED if first else of_lines)


@pytest.mark.parametrize(
    ("of_lines", "first"),
    [
        (lines("219", "084", probability=0.9), False),  # the mark is the frame about them
        (lines("219", "084", probability=0.6), True),
        (lines("11", "14", probability=0.85), True),  # its halves
        (lines("7", "1", probability=0.99), True),  # its parts
    ],
)
def test_a_single_mark_gives_way_to_sure_lines(of_lines, first):
    of_marks = reading("3", 0.95)
    assert choose(of_marks, of_lines, 1, None) is (of_marks if first else of_lines)


def test_lines_stand_where_marks_lose_digits_that_touch_rules():
    of_marks = lines("93", "5", "41", probability=0.99)
    of_lines = lines("93", "52", "41", "09", probability=0.85)
    assert choose(of_marks, of_lines, 7, None) is of_lines
    fewer = lines("93", "41", probability=0.9)
    assert choose(of_marks, fewer, 7, None) is of_marks


def test_ones_that_only_marks_see_are_rules():
    of_marks, of_lines = lines("1", "451", probability=0.99), reading("45", 0.8)
    assert choose(of_marks, of_lines, 7, lambda digits: 1.0) is of_lines
