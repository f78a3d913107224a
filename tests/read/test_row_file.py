import json
import os
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mnist_classifier.errors import OutputError, SettingsError
from mnist_classifier.read.outcome import Outcome
from mnist_classifier.read.reading import Digit, Line, Reading
from mnist_classifier.read.row_file import RowFile
from mnist_classifier.read.rows import SETTINGS, settings_of, to_name, to_path

FORMS = pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
IMAGE = np.zeros((28, 28), np.float32)
DIGIT = Digit(4, 0.9, np.full(10, 0.1, np.float32), (1, 2, 3, 4), IMAGE)
TWO_LINES = Reading("4\n4", (DIGIT,), None, (Line("4", 0.9, ()), Line("4", 0.8, ())))
OUTCOMES = (
    Outcome("a.png", TWO_LINES, None),
    Outcome('an "odd",\nname.png', Reading("", (), "no digit"), None),
    Outcome("\udc80 no UTF-8.png", None, "damaged; é"),
    Outcome("é.png", Reading("4", (), None, (Line("4", 0.9, ()),)), None),
)
SETTINGS_OF_NOW = dict(zip(SETTINGS, ("0.1", "a" * 64, "b" * 64, 0.25, 100, None), strict=True))


def ignored(facts):
    """What is told of a row does not matter here."""


def write_all(path, settings=SETTINGS_OF_NOW):
    """Write what is missing of all outcomes; return which pictures that were."""
    written = []
    with RowFile(path, settings, ignored) as rows:
        missing = set(rows.missing(outcome.picture for outcome in OUTCOMES))
        for outcome in OUTCOMES:
            if outcome.picture in missing:
                rows.write(rows.row(outcome))
                written.append(outcome.picture)
    return written


@FORMS
def test_cut_off_anywhere_it_goes_on_and_ends_the_same(tmp_path, name):
    path = tmp_path / name
    assert len(write_all(path)) == len(OUTCOMES)
    whole = path.read_bytes()
    ends = [end for end in range(len(whole)) if b"\n" in whole[max(0, end - 2) : end + 2]]
    for length in [*range(0, len(whole), 7), *ends]:
        path.write_bytes(whole[:length])
        assert write_all(path)
        assert path.read_bytes() == whole
    assert write_all(path) == []
    assert path.read_bytes() == whole


def test_rows_say_what_was_read_and_how(tmp_path):
    path = tmp_path / "rows.jsonl"
    write_all(path)
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [row["picture"] for row in rows] == [to_name(outcome.picture) for outcome in OUTCOMES]
    for row, outcome in zip(rows, OUTCOMES, strict=True):
        told = outcome.reading.to_dict() if outcome.reading else {}
        assert row == {**row, **told, **SETTINGS_OF_NOW, "error": outcome.error}


PIECES = st.sampled_from([b"\xff", b"\\", b"x", b"ff", b"5c", b"ud8", b"00", "é".encode(), b"\xc3"])


@given(st.lists(PIECES, max_size=6).map(b"".join))
@example(rb"\xff")
@example(rb"\x5cxff")
def test_a_name_that_is_no_utf_8_is_told_so_that_it_is_known_again(name):
    told = to_name(os.fsdecode(name)).encode()  # which half of a surrogate pair would not let be
    back = re.sub(rb"\\x(5c|[89a-f][0-9a-f])", lambda found: bytes.fromhex(found[1].decode()), told)
    assert back == name
    assert os.fsencode(to_path(told.decode())) == name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("b\udcffd.png", r"b\xffd.png"),
        (r"b\xffd.png", r"b\x5cxffd.png"),
        ("\ud83d.png", r"\ud83d.png"),
        (r"C:\new\été\1.png", r"C:\new\été\1.png"),
    ],
)
def test_how_a_name_is_told(name, told):
    assert to_name(name) == told
    assert to_path(told) == name


@FORMS
def test_each_row_is_told_and_once_more_when_it_is_there(tmp_path, name):
    path, told = tmp_path / name, []
    with RowFile(path, SETTINGS_OF_NOW, told.append) as rows:
        for outcome in OUTCOMES:
            rows.write(rows.row(outcome))
    assert [facts.picture for facts in told] == [to_name(outcome.picture) for outcome in OUTCOMES]
    assert [bool(facts.refused) for facts in told] == [False, True, False, False]
    assert [bool(facts.error) for facts in told] == [False, False, True, False]
    again = []
    with RowFile(path, SETTINGS_OF_NOW, again.append):
        assert again == told


def test_a_picture_named_twice_is_missing_once(tmp_path):
    with RowFile(tmp_path / "rows.csv", SETTINGS_OF_NOW, ignored) as rows:
        assert list(rows.missing(["a", "b", "a"])) == ["a", "b"]


@FORMS
@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("pattern", "##", "was begun with pattern none, and now it is ##"),
        ("threshold", 0.5, "was begun with threshold 0.25, and now it is 0.5"),
        ("model", "c" * 64, "was begun with model aaa"),
        ("version", "0.2", "was begun with version 0.1, and now it is 0.2"),
    ],
)
def test_other_settings_are_refused(tmp_path, name, setting, value, message):
    path = tmp_path / name
    write_all(path)
    before = path.read_bytes()
    with pytest.raises(SettingsError, match=message):
        write_all(path, {**SETTINGS_OF_NOW, setting: value})
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", b'{"id": 1}\n{"id": 2}\n'),
        ("rows.jsonl", b'{"picture": "a.png", "label": 3}\n'),
        ("rows.jsonl", b"notes without an end"),
        ("rows.jsonl", b'{"picture": "a.png"\n'),
        ("rows.csv", b"name,age\nAda,36\n"),
        ("rows.csv", b"picture,text,number,confidence,refused,error\r\na.png,4,4,0.9,,\r\n"),
    ],
)
def test_a_file_of_another_kind_stays_as_it_is(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(OutputError, match="its row 1 is none of this program's; expected"):
        write_all(path)
    assert path.read_bytes() == content


@FORMS
def test_a_damaged_row_in_the_middle_is_said(tmp_path, name):
    path = tmp_path / name
    write_all(path)
    whole = path.read_bytes()
    for damaged in (
        whole.replace(b"no digit", b'no"digit'),
        whole.replace(b"no digit", b"no\n\ndigit"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(OutputError, match="row 2 is none of this program's"):
            write_all(path)
        assert path.read_bytes() == damaged


@FORMS
@pytest.mark.parametrize("confidence", [b"7.", b"-1", b"NaN", b'"a"', b"[1]", b"9" * 400])
def test_a_confidence_that_is_none_is_said(tmp_path, name, confidence):
    path = tmp_path / name
    write_all(path)
    path.write_bytes(path.read_bytes().replace(b"0.72", confidence, 1))
    with pytest.raises(OutputError, match="row 1 is none of this program's"):
        write_all(path)


def test_two_at_a_time_are_refused(tmp_path):
    pytest.importorskip("fcntl")
    path = tmp_path / "rows.csv"
    with (
        RowFile(path, SETTINGS_OF_NOW, ignored),
        pytest.raises(OutputError, match="another process writes to it"),
    ):
        RowFile(path, SETTINGS_OF_NOW, ignored)


@FORMS
def test_where_it_cannot_be_written(tmp_path, name):
    with pytest.raises(OutputError, match="cannot write .*: no such file or directory; expected"):
        write_all(tmp_path / "missing" / name)
    (tmp_path / f"folder.{name}").mkdir()
    with pytest.raises(OutputError, match="cannot write .*: is a directory; expected"):
        write_all(tmp_path / f"folder.{name}")


@FORMS
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a FIFO")
def test_a_pipe_or_a_device_is_refused(tmp_path, name):
    os.mkfifo(tmp_path / name)
    (tmp_path / f"device-{name}").symlink_to("/dev/full")
    for path in (tmp_path / name, tmp_path / f"device-{name}"):
        with pytest.raises(OutputError, match="cannot write .*: no ordinary file; expected"):
            write_all(path)


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"rows\.txt .*expected one that ends with \.jsonl or"):
        write_all(tmp_path / "rows.txt")
    assert not list(tmp_path.iterdir())


def test_settings_name_the_networks_files(reader):
    settings = settings_of(reader, None)
    assert tuple(settings) == SETTINGS
    assert settings["threshold"] == reader.threshold
    networks = [settings["model"], *settings["line_model"].split("+")]
    assert [len(sha256) for sha256 in networks] == [64] * 3
    assert len(set(networks)) == 3
