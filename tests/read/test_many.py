import os
import signal
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from mnist_classifier import DigitReader
from mnist_classifier.errors import MnistError, SettingsError
from mnist_classifier.read import many
from mnist_classifier.read.many import read_many
from mnist_classifier.read.outcome import Outcome, Request
from mnist_classifier.read.processes import Processes
from mnist_classifier.read.rows import to_row
from tests.read.drawing import png, write

# More than are read before processes start, and of different cost.
TEXTS = ("7", "180", "42", "6") * 5


class Deadly(os.PathLike):
    """Ends the process that takes it: it is unpickled there."""

    def __fspath__(self):
        return "deadly.png"

    def __str__(self):
        return "deadly.png"

    def __reduce__(self):
        return signal.raise_signal, (signal.SIGKILL,)


def itself(outcome):
    return outcome


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number, text in enumerate(TEXTS):
        picture = cv2.resize(write(text), None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
        (folder / f"{number:02}.png").write_bytes(png(picture))
    return folder


@pytest.fixture(scope="module")
def paths(folder):
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def alone(reader, paths):
    """What the reader says of each picture, one after the other."""
    return [to_row(Outcome(str(path), reader.read(path), None)) for path in paths]


@pytest.fixture
def children():
    """The processes started since the test began: other tests leave Python's resource tracker."""
    before = set(psutil.Process().children())
    return lambda: set(psutil.Process().children()) - before


def test_processes_read_as_one_reader_does_and_in_order(children, reader, paths, alone):
    rows = list(map(to_row, read_many(reader, paths, jobs=2)))
    assert rows == alone
    assert [row["text"] for row in rows] == list(TEXTS)
    assert not children()


def test_a_pattern_and_the_readers_own_settings_reach_the_processes(paths):
    reader = DigitReader(max_pixels=10_000)
    for outcome in read_many(reader, paths, "##", jobs=2):
        if outcome.reading is None:
            assert "pixels" in outcome.error
        else:
            assert outcome.reading.text == reader.read(outcome.picture, "##").text


def test_relative_paths_bytes_and_arrays(reader, folder, monkeypatch):
    monkeypatch.chdir(folder)
    array = write("42")
    mixed = ["00.png", Path("01.png").read_bytes(), array, "missing.png"] * 5
    outcomes = list(read_many(reader, mixed, jobs=2))
    assert [outcome.picture for outcome in outcomes[:4]] == ["00.png", "-", "-", "missing.png"]
    assert [o.reading.text if o.reading else None for o in outcomes] == ["7", "180", "42", None] * 5
    assert "no such file" in outcomes[3].error


def test_a_picture_that_ends_its_process_is_an_error_and_the_others_are_read(reader, paths, alone):
    pictures = [*paths[:9], Deadly(), *paths[9:], Deadly()]
    rows = list(map(to_row, read_many(reader, pictures, jobs=2)))
    for place in (21, 9):
        dead = rows.pop(place)
        assert dead["picture"] == "deadly.png"
        assert dead["text"] == ""
        assert "was ended by SIGKILL, as where memory runs out" in dead["error"]
    assert rows == alone


def test_of_pictures_asked_for_together_only_the_one_that_ends_the_process_is_an_error(
    children, reader, paths
):
    processes = Processes(reader.single_threaded(), None, itself)
    try:
        pictures = [paths[0], Deadly(), Deadly(), paths[0]]
        outcomes, _ = processes.read(list(map(Request, pictures)))
    finally:
        processes.end()
        processes.close()
    assert [outcome.kind for outcome in outcomes] == ["read", "error", "error", "read"]
    assert not children()


def test_few_pictures_are_read_here_unless_they_take_long(
    children, reader, paths, alone, monkeypatch
):
    few = read_many(reader, paths[:5], jobs=2)
    assert to_row(next(few)) == alone[0]
    assert not children()
    assert list(map(to_row, few)) == alone[1:5]
    monkeypatch.setattr(many, "_STARTS_IN", 0)
    few = read_many(reader, paths[:5], jobs=2)
    assert [to_row(next(few)), to_row(next(few))] == alone[:2]
    assert children()
    assert list(map(to_row, few)) == alone[2:5]
    assert not children()


def test_an_idle_process_that_ends_costs_no_picture(children, reader, paths):
    processes = Processes(reader.single_threaded(), None, itself)

    def read():
        return [outcome.reading.text for outcome in processes.read([Request(paths[0])] * 2)[0]]

    try:
        assert read() == ["7", "7"]
        (idle,) = children()
        idle.kill()
        while idle.status() != psutil.STATUS_ZOMBIE:
            os.sched_yield()
        assert read() == ["7", "7"]
    finally:
        processes.end()
        processes.close()
    assert not children()


def test_pictures_are_taken_as_they_are_read(children, reader, paths):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield paths[0]

    outcomes = read_many(reader, endless(), jobs=2)
    assert next(outcomes).reading.text == "7"
    assert taken < 100
    outcomes.close()
    assert not children()
    few = read_many(reader, endless(), jobs=1)
    assert next(few).reading.text == "7"
    assert taken < 200


def test_few_pictures_start_no_process(children, reader, paths):
    outcomes = read_many(reader, paths[:3], jobs=4)
    assert next(outcomes).reading.text == "7"
    assert not children()
    assert len(list(outcomes)) == 2


class Surprising(Deadly):
    """Cannot be unpickled."""

    def __reduce__(self):
        return int, ("no number",)


def test_what_goes_wrong_in_a_process_is_raised(children, reader, paths):
    with pytest.raises(RuntimeError, match="(?s)Traceback.*ValueError"):
        list(read_many(reader, [*paths, Surprising()], jobs=2))
    assert not children()
    with pytest.raises(SettingsError, match="jobs is 0; expected at least 1"):
        read_many(reader, paths, jobs=0)


def test_a_model_that_is_gone_when_processes_start_is_one_error(children, paths, tmp_path):
    shipped = Path(read_many.__code__.co_filename).parent / "pretrained" / "digits.onnx"
    copy = tmp_path / "digits.onnx"
    copy.write_bytes(shipped.read_bytes())
    reader = DigitReader(copy)
    copy.unlink()
    with pytest.raises(MnistError, match="cannot read .*digits.onnx"):
        list(read_many(reader, paths, jobs=2))
    assert not children()


def test_copies_are_drawn(reader, paths, tmp_path):
    copies = [tmp_path / path.name for path in paths]
    outcomes = list(read_many(reader, paths, jobs=2, copies=copies))
    assert all(outcome.kind == "read" for outcome in outcomes)
    assert all(isinstance(cv2.imread(str(copy)), np.ndarray) for copy in copies)
