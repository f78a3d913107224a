"""Lines of numbers: read whole, with separators, alternatives and patterns; bounded; placed."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mnist_classifier.errors import ModelError, SettingsError
from mnist_classifier.read import line_model
from mnist_classifier.read.decoding import Candidate
from mnist_classifier.read.line_model import LineModel
from mnist_classifier.read.lines import LineFinder
from mnist_classifier.read.reading import Line, Reading
from mnist_classifier.read.strips import Pyramid, cut

from .drawing import write

SHIPPED = Path(line_model.__file__).parent / "pretrained"


def on_guilloche(picture):
    """Print waves over a picture, as on a cheque."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width]
    waves = 25 * np.sin((x + 12 * np.sin(y / 15)) / 3) + 25 * np.sin((x - 2 * y) / 7)
    return np.clip(picture.astype(np.float32) * 0.75 + 30 + waves[..., None], 0, 255).astype("u1")


@pytest.mark.parametrize("text", ["47", "2058", "316"])
def test_numbers_on_patterned_paper(reader, text):
    assert reader.read(on_guilloche(write(text, pen=9, scale=0.4))).number == text


def test_a_pattern_says_how_many_digits_there_are(reader):
    picture = write("2047", scale=0.4)
    assert reader.read(picture, "####").text == "2047"
    assert len(reader.read(picture, "#{3}").number) in (0, 3)
    with pytest.raises(SettingsError, match="expected # for a digit"):
        reader.read(picture, "four")


def test_each_digit_has_its_place(reader):
    picture = on_guilloche(write("2047", pen=9, scale=0.4))
    found = reader.read(picture)
    assert found.number == "2047"
    middles = [x + width / 2 for x, _, width, _ in (digit.box for digit in found.digits)]
    assert middles == sorted(middles)
    quarter = picture.shape[1] / 4
    for i, digit in enumerate(found.digits):
        x, y, width, height = digit.box
        assert abs(x + width / 2 - quarter * (i + 0.5)) < 0.7 * quarter
        assert y + height <= picture.shape[0]
        assert digit.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_a_number_has_a_probability_and_alternatives(reader):
    found = reader.read(on_guilloche(write("2058", pen=9, scale=0.4)))
    (line,) = found.lines
    assert 0 < line.probability == found.confidence <= 1
    assert all(other.text != line.text for other in line.alternatives)
    told = found.to_dict()
    assert told["number"] == "2058"
    assert set(told["lines"][0]) == {"text", "probability", "alternatives"}


def test_several_lines(reader):
    assert reader.read(on_guilloche(write("12\n567", pen=9, scale=0.5))).number.split() == [
        "12",
        "567",
    ]


def test_number_and_confidence_of_a_reading():
    two = Reading("3.14\n6,2", (), None, (Line("3.14", 0.5, ()), Line("6,2", 0.8, ())))
    assert two.number == "314\n62"
    assert two.confidence == pytest.approx(0.4)
    refused = Reading("", (), "no digit")
    assert refused.number == ""
    assert refused.confidence == 0


def test_strips_that_overlap_are_read_once(reader):
    picture = np.full((200, 700, 3), 255, np.uint8)
    number = write("58", scale=0.4)
    picture[40 : 40 + number.shape[0], 100 : 100 + number.shape[1]] = number
    assert reader.read(on_guilloche(picture)).number in ("58",)


def test_separators_are_characters(reader):
    assert set(reader.line_model.alphabet) == set("0123456789.,-/:")


class Agreeing:
    """A network that reads 12 in each strip, each column so sure."""

    alphabet = "0123456789"

    def __init__(self, sure):
        self._columns = np.full((4, 11), (1 - sure) / 10)
        self._columns[[0, 1, 2, 3], [0, 2, 0, 3]] = sure

    def columns(self, strips):
        return [self._columns for _ in strips]


@pytest.mark.parametrize(
    ("count", "sure", "more"),
    [(7, 0.8, True), (8, 0.8, False), (7, 0.95, True)],
)
def test_further_strips_are_read_until_votes_settle_what_stands_there(count, sure, more):
    strip = cut(Pyramid(np.full((40, 20), 255, np.uint8)), (10, 20), 16, 32, 0.0)
    asked = []

    def further():
        asked.append(True)
        yield strip

    (line,) = LineFinder(Agreeing(sure)).read([[strip] * count, further()])
    assert line.candidates[0].text == "12"
    assert bool(asked) == more


def test_other_files_are_no_network_of_lines(tmp_path):
    with pytest.raises(ModelError, match="expected an ONNX file made by  mnist export  of the"):
        LineModel(tmp_path / "none.onnx")
    from importlib import resources

    digits = resources.files("mnist_classifier.read") / "pretrained" / "digits.onnx"
    with pytest.raises(ModelError, match="alphabet is 'None'"):
        LineModel(str(digits))


def test_a_candidate_is_a_text_and_its_probability():
    line = Line("12", 0.7, (Candidate("17", 0.2),))
    assert Reading("12", (), None, (line,)).to_dict()["lines"] == [
        {"text": "12", "probability": 0.7, "alternatives": [{"text": "17", "probability": 0.2}]}
    ]


def test_the_shipped_networks_are_small():
    assert sum(file.stat().st_size for file in SHIPPED.glob("*.onnx")) <= 4_000_000


def test_networks_read_strips_in_turns(reader):
    """Two answer alike strips each in its own way; a file is one network."""
    grey = cv2.cvtColor(on_guilloche(write("2058", scale=0.4)), cv2.COLOR_BGR2GRAY)
    strip = cv2.resize(grey, (100, 32))
    first, second, again, other = reader.line_model.columns([strip] * 4)
    assert (first != second).any()
    assert (first == again).all()
    assert (second == other).all()
    single = LineModel(SHIPPED / "lines-2.onnx")
    assert all((columns == second).all() for columns in single.columns([strip] * 2))


@pytest.mark.parametrize("unsure", [False, True])
def test_unsure_lines_alone_are_looked_at_more_closely(reader, unsure):
    grey = Pyramid(cv2.cvtColor(write("2058", scale=0.4), cv2.COLOR_BGR2GRAY))
    height, width = grey.shape
    lower = 0.3 * height if unsure else 0.0  # the strip cuts the digits' heads off
    strips = [cut(grey, (width / 2, height / 2 + lower), width, 0.8 * height, 0.0)] * 2
    (before,) = LineFinder(reader.line_model).read([strips])
    (line,) = LineFinder(reader.line_model).read([strips], grey)
    if not unsure:
        assert line.candidates == before.candidates
        assert len(line.columns) == len(before.columns)
        return
    assert before.candidates[0].probability < line.candidates[0].probability
    assert line.candidates[0].text == "2058"


def ruled_column(numbers, row=64):
    """Draw numbers below one another, a rule through the foot of each."""
    drawn = [cv2.cvtColor(write(number, scale=0.36), cv2.COLOR_BGR2GRAY) for number in numbers]
    grey = np.full((row * (len(numbers) + 2), 2 * row + max(d.shape[1] for d in drawn)), 255, "u1")
    for i, number in enumerate(drawn):
        place = grey[row * (i + 1) :, row:][: number.shape[0], : number.shape[1]]
        np.minimum(place, number, out=place)
    for i in range(len(numbers) + 2):
        cv2.line(grey, (0, row * i), (grey.shape[1], row * i), 90, 2)
    return grey


def test_neighbours_of_lines_in_a_table_are_looked_for(reader):
    numbers = ["354", "086", "500", "635"]
    grey = Pyramid(ruled_column(numbers))
    height, width = grey.shape
    row = height / 6
    strips = [cut(grey, (width / 2, (i + 1.5) * row), width, row, 0.0) for i in (0, 3)]
    finder = LineFinder(reader.line_model)
    assert [line.candidates[0].text for line in finder.read([strips])] == ["354", "635"]
    assert [line.candidates[0].text for line in finder.read([strips], grey)] == numbers
    assert len(finder.read([strips], grey, expected="354\n635")) == 2


def test_the_network_answers_strips_of_any_width(reader):
    strips = [np.full((32, width), 255, np.uint8) for width in (4, 60, 1000)]
    strips[1] = cv2.resize(cv2.cvtColor(write("8"), cv2.COLOR_BGR2GRAY), (60, 32))
    answers = reader.line_model.columns(strips)
    assert [len(columns) for columns in answers] == [1, 15, 250]
    assert all(columns.sum(axis=1) == pytest.approx(1) for columns in answers)
