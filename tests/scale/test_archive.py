"""Archives on this machine: rows, going on, and what is refused."""

import errno
import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mnist_classifier import DigitReader
from mnist_classifier.errors import OutputError, SettingsError
from mnist_classifier.read.many import read_and_make
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.row_file import RowFile
from mnist_classifier.read.rows import settings_of
from mnist_classifier.scale import job, storage
from mnist_classifier.scale.archive import read_archive
from mnist_classifier.scale.listing import Listing, part_size
from mnist_classifier.scale.summary import Summary
from tests.scale.conftest import PART

pytest.importorskip("pyarrow")
FORMS = pytest.mark.parametrize("output", ["rows.jsonl", "rows.csv", "rows.parquet"])


def told(output):
    """Return the bytes of an archive's rows."""
    path = Path(output)
    files = sorted(path.glob("part-*")) if path.is_dir() else [path]
    return [file.read_bytes() for file in files]


class StoppedError(Exception):
    """A kill, as the code around it sees it."""


@pytest.mark.parametrize("output", ["rows.jsonl", "rows.csv"])
def test_the_same_file_as_without_parts(folder, read, reader, output):
    read("pictures", output=output)
    paths = sorted(map(str, Path("pictures").rglob("*.png")))
    summary = Summary()
    plain = Path(f"plain-{output}")
    with RowFile(plain, settings_of(reader, None), partial(summary.add, 0)) as rows:
        for row in read_and_make(rows.row, reader, paths, jobs=1):
            rows.write(row)
    assert summary.kinds.total() == len(paths)
    assert told(output) == told(f"plain-{output}")
    assert not Path(f"{output}.parts").exists()


def test_parquet_holds_what_json_holds(folder, read):
    parquet = pytest.importorskip("pyarrow.parquet")
    read("pictures")
    read("pictures", output="rows.parquet")
    of_json = [json.loads(line) for line in Path("rows.jsonl").read_text("utf-8").splitlines()]
    assert parquet.read_table("rows.parquet").to_pylist() == of_json
    assert [file.name for file in sorted(Path("rows.parquet").glob("*.parquet"))] == [
        "_listing.parquet",
        "part-000000.parquet",
        "part-000001.parquet",
        "part-000002.parquet",
    ]


@FORMS
@pytest.mark.parametrize("after", [0, 1, 2])
def test_cut_off_after_any_part_it_goes_on(folder, read, monkeypatch, output, after):
    read("pictures", output=f"undisturbed-{output}")
    real, written = storage.write_file, []

    def write_file(name, content):
        if "part-" in name:
            if len(written) == after:
                raise StoppedError
            written.append(name)
        real(name, content)

    monkeypatch.setattr(storage, "write_file", write_file)
    with pytest.raises(StoppedError):
        read("pictures", output=output)
    monkeypatch.setattr(storage, "write_file", real)
    (folder / "000-new.png").write_bytes(b"comes too late to be listed")
    again = []
    monkeypatch.setattr(job.storage, "write_file", lambda *a: (again.append(a[0]), real(*a)))
    read("pictures", output=output)
    assert len([name for name in again if "part-" in name]) == 3 - after
    assert told(output) == told(f"undisturbed-{output}")


@FORMS
def test_cut_off_while_it_lists_or_joins(folder, read, monkeypatch, output):
    read("pictures", output=f"undisturbed-{output}")
    for module, name in (("archive", "save_manifest"), ("report", "contact_sheet")):
        with monkeypatch.context() as patched:
            patched.setattr(f"mnist_classifier.scale.{module}.{name}", stop)
            with pytest.raises(StoppedError):
                read("pictures", output=output)
    read("pictures", output=output)
    assert told(output) == told(f"undisturbed-{output}")
    assert not list(Path().rglob("*.aside"))


def test_the_contact_sheet_reads_nothing_again_but_what_stood_before(
    folder, read, reader, monkeypatch
):
    read("pictures")
    undisturbed = Path("rows.review.html").read_text("utf-8")
    assert "The 1 least sure" in undisturbed
    again = []
    real = reader.read
    monkeypatch.setattr(reader, "read", lambda *a: (again.append(a[0]), real(*a))[1])
    Path("rows.jsonl").unlink()
    read("pictures")
    assert len(again) == 11
    with monkeypatch.context() as patched:
        patched.setattr("mnist_classifier.scale.report.contact_sheet", stop)
        with pytest.raises(StoppedError):
            read("pictures", output="again.jsonl")
    again.clear()
    read("pictures", output="again.jsonl")
    assert len(again) == 1
    assert Path("again.review.html").read_text("utf-8") == undisturbed.replace("rows.", "again.")


def stop(*_, **__):
    raise StoppedError


@FORMS
def test_what_is_finished_stays(folder, read, monkeypatch, output):
    first = read("pictures", output=output)
    before = told(output)
    monkeypatch.setattr("mnist_classifier.scale.archive.read_locally", stop)
    again = read("pictures", output=output)
    assert again.to_dict() == first.to_dict()
    assert told(output) == before


@FORMS
@pytest.mark.parametrize("finished", [True, False])
def test_other_settings_are_refused(folder, read, reader, monkeypatch, output, finished):
    if finished:
        read("pictures", output=output)
    else:
        with monkeypatch.context() as patched:
            patched.setattr("mnist_classifier.scale.archive.read_locally", stop)
            with pytest.raises(StoppedError):
                read("pictures", output=output)
    with pytest.raises(SettingsError, match="was begun with sources pictures, and now it is other"):
        read("other.png", output=output)
    with pytest.raises(SettingsError, match="was begun with limit none, and now it is 5"):
        read("pictures", output=output, limit=5)
    with pytest.raises(SettingsError, match="was begun with pattern none, and now it is ##"):
        read("pictures", output=output, pattern=Pattern.parse("##"))
    with pytest.raises(SettingsError, match="was begun with threshold .*, and now it is 0.5"):
        read_archive(["pictures"], output, DigitReader(threshold=0.5), jobs=1)


def test_limit(folder, read):
    summary = read("pictures", limit=PART + 1)
    assert summary.read == PART + 1
    assert len(Path("rows.jsonl").read_bytes().splitlines()) == PART + 1


@FORMS
def test_a_full_disk_is_one_line_and_what_stands_stays(folder, read, monkeypatch, output):
    real = Path.open
    opened = []

    def open_full(path, mode="r", *rest, **options):
        file = real(path, mode, *rest, **options)
        if "part-" in path.name and mode == "wb":
            opened.append(path)
            if len(opened) == 2:
                file.close()
                return real(Path("/dev/full"), mode)
        return file

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(OutputError, match="cannot write .*: no space left on device; expected"):
        read("pictures", output=output)
    monkeypatch.setattr(Path, "open", real)
    read("pictures", output=output)
    read("pictures", output=f"undisturbed-{output}")
    assert told(output) == told(f"undisturbed-{output}")


def test_what_is_not_ours_stays(folder, read):
    Path("rows.parquet").mkdir()
    Path("rows.parquet/notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds notes\.txt, which is none of this program's"):
        read("pictures", output="rows.parquet")
    Path("rows.jsonl").write_text("mine")
    with pytest.raises(OutputError, match="rows.jsonl exists, and no archive was read into it"):
        read("pictures")
    assert Path("rows.jsonl").read_text() == "mine"
    with pytest.raises(SettingsError, match=r"expected one that ends with \.parquet, \.jsonl"):
        read("pictures", output="rows.txt")
    Path("file.parquet").write_text("mine")
    with pytest.raises(OutputError, match=r"cannot write file\.parquet: file exists"):
        read("pictures", output="file.parquet")
    with pytest.raises(OutputError, match="cannot write .*: no such file or directory"):
        read("pictures", output="missing/rows.parquet")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_damaged_manifest_is_said(folder, read, content):
    read("pictures", output="rows.parquet")
    Path("rows.parquet/_manifest.json").write_bytes(content)
    with pytest.raises(OutputError, match="manifest.json is damaged; expected"):
        read("pictures", output="rows.parquet")
    Path("rows.parquet/_manifest.json").unlink()
    with pytest.raises(OutputError, match="nothing says how they began"):
        read("pictures", output="rows.parquet")


def test_an_empty_part_is_read_again(folder, read):
    read("pictures", output="rows.parquet")
    before = told("rows.parquet")
    Path("rows.parquet/part-000001.parquet").write_bytes(b"")
    read("pictures", output="rows.parquet")
    assert told("rows.parquet") == before


def test_two_at_a_time_are_refused(folder, read):
    pytest.importorskip("fcntl")
    Path("rows.parquet").mkdir()
    with (
        storage.only_one("rows.parquet/_lock"),
        pytest.raises(OutputError, match="another process writes to it"),
    ):
        read("pictures", output="rows.parquet")


def test_names_that_are_no_utf_8(folder, read, contents):
    try:
        shutil.copy(folder / "00.png", Path("pictures/\udcff.png"))
    except OSError:
        pytest.skip("this file system has names in UTF-8 alone")
    read("pictures", output="rows.parquet")
    with Listing("rows.parquet/_listing.parquet") as listing:
        assert listing.part(2)[-1].picture == "pictures/\udcff.png"
    read("pictures")
    last = json.loads(Path("rows.jsonl").read_text("utf-8").splitlines()[-1])
    assert (last["picture"], last["text"]) == (r"pictures/\xff.png", "42")


def test_parts_grow_with_the_archive():
    sizes = [part_size(number) for number in range(20_000)]
    assert sizes[:60] == [4] * 60
    assert sizes[-1] == 1000
    assert sizes == sorted(sizes)
    before = np.cumsum(sizes)
    late = np.array(sizes[200:]) / before[199:-1]
    assert late.max() < 1 / 50


def test_progress_is_told(folder, read):
    class Progress:
        grown, done = 0, np.zeros(2, int)

        def grow(self, pictures):
            self.grown += pictures

        def advance(self, errors, pictures=1):
            self.done += (errors, pictures)

    progress = Progress()
    read("pictures", progress=progress)
    assert progress.grown == 11
    assert progress.done.tolist() == [1, 11]


def test_no_space_is_told_in_words():
    error = OSError(errno.ENOSPC, "x")
    assert "no space left on device" in str(storage.unwritable("rows.csv", error))
