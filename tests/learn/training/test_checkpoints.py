"""Checkpoints come back whole or not at all."""

import hashlib
import io
import os
import zipfile

import numpy as np
import pytest

from mnist_classifier.errors import OutputError, RunError
from mnist_classifier.learn.training.checkpoints import FOLDER, Checkpoint, Checkpoints
from tests.conftest import asks_for_at_most


def checkpoint(value):
    arrays = [np.full((3, 2), value, np.float32), np.array(7, np.int64), np.arange(4, dtype="u4")]
    return Checkpoint(arrays, arrays[:1], {"epoch": value, "best": None, "seconds": 0.1})


def files(run):
    return sorted((run / FOLDER).iterdir())


def saved(run, count=3):
    for epoch in range(1, count + 1):
        Checkpoints(run).save(epoch, checkpoint(epoch))
    return files(run)


def test_the_newest_comes_back_as_it_was(tmp_path):
    assert Checkpoints(tmp_path).load() is None
    saved(tmp_path)
    found = Checkpoints(tmp_path).load()
    assert found.state == {"epoch": 3, "best": None, "seconds": 0.1}
    for given, back in zip(checkpoint(3).variables, found.variables, strict=True):
        assert given.dtype == back.dtype
        assert np.array_equal(given, back)
    assert np.array_equal(found.kept[0], checkpoint(3).kept[0])


def test_two_are_kept(tmp_path):
    assert [path.name for path in saved(tmp_path, 4)] == ["epoch-00003", "epoch-00004"]


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "foreign"])
def test_a_damaged_one_is_passed_over_and_named(tmp_path, harm):
    *_, newest = saved(tmp_path)
    content = bytearray(newest.read_bytes())
    if harm == "flip":
        content[len(content) // 2] ^= 1
    newest.write_bytes(
        {"flip": bytes(content), "cut": bytes(content[:-9]), "empty": b"", "foreign": b"hello"}[
            harm
        ]
    )
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.load().state["epoch"] == 2
    assert checkpoints.damaged == [newest]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_whose_weights_are_no_numbers_is_passed_over_too(tmp_path, value):
    saved(tmp_path, 2)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(3, checkpoint(value))
    assert checkpoints.load().state["epoch"] == 2
    assert [path.name for path in checkpoints.damaged] == ["epoch-00003"]
    checkpoints.save(4, checkpoint(value))
    with pytest.raises(RunError, match="no checkpoint that is whole; expected") as told:
        Checkpoints(tmp_path).load()
    assert "\n" not in str(told.value)


def test_every_flipped_byte_is_found_out(tmp_path):
    *_, newest = saved(tmp_path, 1)
    content = newest.read_bytes()
    for i in range(0, len(content), 7):
        newest.write_bytes(content[:i] + bytes([content[i] ^ 4]) + content[i + 1 :])
        with pytest.raises(RunError):
            Checkpoints(tmp_path).load()


def archive(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return file.getvalue()


def npy(shape, content=b"", dtype="<f4"):
    file = io.BytesIO()
    header = {"shape": shape, "fortran_order": False, "descr": dtype}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + content


def state(text="{}"):
    file = io.BytesIO()
    np.save(file, np.array(text))
    return file.getvalue()


HOSTILE = {
    "no archive": b"hello",
    "no state": archive(**{"variable0.npy": npy((1,), bytes(4))}),
    "huge": archive(**{"variable0.npy": npy((2**31,)), "state.npy": state()}),
    "negative": archive(**{"variable0.npy": npy((-1, -1), bytes(4)), "state.npy": state()}),
    "packed zeros": archive(**{"variable0.npy": npy((10**7,), bytes(4 * 10**7))}),
    "elsewhere": archive(**{"../../outside": b"x", "/outside": b"x", "state.npy": state()}),
    "objects": archive(**{"variable0.npy": npy((1,), bytes(8), "|O"), "state.npy": state()}),
    "no JSON": archive(**{"state.npy": state("{")}),
    "deep JSON": archive(**{"state.npy": state("[" * 10**5)}),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_one_is_told_in_a_line_and_asks_for_little(tmp_path, content):
    run = tmp_path / "a" / "b" / "run"
    (run / FOLDER).mkdir(parents=True)
    (run / FOLDER / "epoch-00001").write_bytes(hashlib.sha256(content).digest() + content)
    with asks_for_at_most(10**7), pytest.raises(RunError, match="remove epoch-00001") as told:
        Checkpoints(run).load()
    assert "\n" not in str(told.value)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["epoch-00001"]


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "sparse"])
def test_what_is_no_ordinary_file_is_not_opened(tmp_path, kind):
    path = tmp_path / FOLDER / "epoch-00009"
    saved(tmp_path)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(2**40)
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.load().state["epoch"] == 3
    assert checkpoints.damaged == [path]


def test_one_half_written_is_never_read(tmp_path):
    saved(tmp_path)
    (tmp_path / FOLDER / "epoch-00009.part").write_bytes(b"half")
    assert Checkpoints(tmp_path).load().state["epoch"] == 3


def test_a_folder_that_is_gone_is_said(tmp_path):
    with pytest.raises(OutputError, match="is gone; expected it to stay"):
        Checkpoints(tmp_path / "gone").save(1, checkpoint(1))


def test_a_place_that_cannot_be_written_is_said_and_how_to_go_on(tmp_path):
    (tmp_path / FOLDER).write_text("a file in the way")
    with pytest.raises(OutputError, match="mnist train --resume"):
        Checkpoints(tmp_path).save(1, checkpoint(1))


def test_clear(tmp_path):
    saved(tmp_path)
    Checkpoints(tmp_path).clear()
    assert Checkpoints(tmp_path).load() is None
    assert not (tmp_path / FOLDER).exists()
