"""What all rows come to, and the loop from a contact sheet to labelled images."""

import base64
import csv
import json
import random
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_classifier.errors import DataError
from mnist_classifier.read.outcome import Outcome
from mnist_classifier.read.reading import Digit, Reading
from mnist_classifier.scale.corrections import save_corrections
from mnist_classifier.scale.forms import RowFacts
from mnist_classifier.scale.review import contact_sheet
from mnist_classifier.scale.summary import LEAST_SURE, Summary
from mnist_classifier.scale.unsure import Unsure
from tests.read.drawing import png, write


def test_reasons_are_counted_without_names_and_numbers():
    summary = Summary()
    for number in range(3):
        name = f"{number}.png"
        refused = f"no digit: scores 0.{number}, threshold 0.25"
        summary.add(number, RowFacts(name, "", 0, refused, None))
        summary.add(3 + number, RowFacts(name, "", 0, None, f"{name}: empty; expected a picture"))
    summary.add(6, RowFacts("a", "7", 1.0, None, None))
    summary.add(7, RowFacts("b", "7", 0.05, None, None))
    assert summary.to_dict() == {
        "read": 2,
        "refused": {"no digit: scores …, threshold …": 3},
        "errors": {"empty": 3},
        "confidence": [1, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    }
    assert Summary.from_dict(json.loads(json.dumps(summary.to_dict()))).to_text() == (
        summary.to_text()
    )
    assert summary.to_text().startswith("read 2, refused 3, errors 3\n")


def test_different_reasons_without_end_need_no_memory():
    summary = Summary()
    for number in range(1000):
        letters = "".join(chr(97 + int(digit)) for digit in str(number))
        summary.add(number, RowFacts("a", "", 0, None, f"a: {letters}"))
    assert len(summary.errors) <= 101
    assert summary.errors.total() == 1000


def test_the_least_sure_are_kept_in_order():
    summary = Summary()
    count = 11 * LEAST_SURE + 1
    for row in random.Random(0).sample(range(count), count):  # in any order
        summary.add(row, RowFacts(f"{row}.png", "7", (row * 7 % count) / count, None, None))
    expected = sorted(range(count), key=lambda row: row * 7 % count)[:LEAST_SURE]
    assert [(row, facts.picture) for row, facts in summary.least_sure] == [
        (row, f"{row}.png") for row in expected
    ]


def test_the_least_sure_are_a_tenth_at_most():
    summary = Summary()
    for row, sure in enumerate((0.9, 0.2, 0.9, 0.1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.1)):
        summary.add(row, RowFacts(f"{row}.png", "7", sure, None, None))
    assert [row for row, _ in summary.least_sure] == [3, 10]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 100)), max_size=400))
@settings(max_examples=50, deadline=None)
def test_the_least_sure_of_all_keep_their_digits_whoever_reads_them(read_by):
    """Processes know nothing of each other, and rows of one may come late."""
    image = np.zeros((28, 28), np.float32)
    digit = Digit(7, 1.0, np.ones(10, np.float32), (0, 0, 1, 1), image)
    outcome = Outcome("a", Reading("7", (digit,), None), None)
    processes, summary, rows = [Unsure() for _ in range(3)], Summary(), []
    for number, (process, sure) in enumerate(read_by):
        facts = RowFacts(str(number), "7", sure / 100, None, None)
        rows.append((number, processes[process].with_digits(outcome, facts)))
    for number, row in sorted(rows, key=lambda numbered: read_by[numbered[0]][0]):
        summary.add(number, row)
    assert all(row.digits for _, row in summary.least_sure)


@pytest.fixture
def page(reader):
    pictures = [
        (RowFacts("a & <b>.png", "", 0, None, None), png(write("42"))),
        (RowFacts("7.png", "", 0, None, None), png(write("7"))),
        (RowFacts("bad", "", 0, None, None), b"no"),
    ]
    return contact_sheet("<rows>", pictures, reader, None)


def test_the_sheet_stands_alone_and_escapes_names(page):
    assert "The 2 least sure pictures" in page
    assert "a &amp; &lt;b&gt;.png" in page
    assert "<b>" not in page.replace("<button", "")
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_what_a_person_says_becomes_labelled_images(page, reader, tmp_path):
    """What the page saves is made here by hand; `test_page` has a browser do it."""
    digits = re.findall(r'data-digits="([^"]*)"', page)
    file = tmp_path / "corrections.csv"
    with file.open("w", encoding="utf-8", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["picture", "text", "read", "digits"])
        rows.writerow(["a.png", "4,9", "42", digits[0]])
        rows.writerow(["7.png", "7", "7", digits[1]])
        rows.writerow(["7.png", "71", "7", digits[1]])
    for _ in range(2):
        saved = save_corrections(file, tmp_path / "labelled")
        assert (saved.images, saved.left_out) == (3, 1)
    written = sorted((tmp_path / "labelled").glob("*/*.png"))
    assert [path.parent.name for path in written] == ["4", "7", "9"]
    images = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in written]
    assert {image.shape for image in images} == {(28, 28)}
    as_read = reader.read_images(cv2.merge(images).transpose(2, 0, 1)).labels
    assert as_read.tolist() == [4, 7, 2]  # the person said 9


@pytest.mark.parametrize(
    "content",
    [
        b"picture,text\r\n",
        b"",
        b"picture,text,read,digits\r\na,7,7,%%\r\n",
        b"picture,text,read,digits\r\na,7,7," + base64.b64encode(b"no picture") + b"\r\n",
        b"\xff\xfe",
    ],
)
def test_another_file_is_refused(tmp_path, content):
    file = tmp_path / "other.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match="cannot be used: .*; expected the file that a contact"):
        save_corrections(file, tmp_path / "labelled")
    with pytest.raises(DataError, match="no such file"):
        save_corrections(Path("missing.csv"), tmp_path / "labelled")
    assert not (tmp_path / "labelled").exists()


def test_labelled_images_are_what_evaluate_reads(reader, tmp_path):
    pytest.importorskip("keras")
    from mnist_classifier.learn.data.pictures import load_pictures

    file = tmp_path / "corrections.csv"
    with file.open("w", encoding="utf-8", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["picture", "text", "read", "digits"])
        for pen in range(7, 13):
            pictures = [(RowFacts("a.png", "", 0, None, None), png(write("0123456789", pen=pen)))]
            page = contact_sheet("rows", pictures, reader, None)
            digits = re.search(r'data-digits="([^"]*)"', page)[1]
            rows.writerow(["a.png", "0123456789", "", digits])
    saved = save_corrections(file, tmp_path / "labelled")
    assert (saved.images, saved.left_out) == (60, 0)
    (images, labels), (test_images, test_labels) = load_pictures(tmp_path / "labelled")
    assert len(images) + len(test_images) == 60
    assert set(labels) | set(test_labels) == set(range(10))
    assert images.mean() < 100  # light on dark, as they were saved
