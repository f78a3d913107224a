"""Pictures from anywhere: the same rows as from a folder, by other names."""

import json
import zlib
from collections import Counter
from pathlib import Path

import pytest

from mnist_classifier.errors import PictureError, SettingsError
from mnist_classifier.scale import storage
from tests.scale.conftest import as_tar, as_zip

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def rows(path="rows.jsonl"):
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def texts(path="rows.jsonl"):
    return [row["text"] for row in rows(path)]


@pytest.fixture
def of_folder(folder, read):
    """What is read in the folder: by the picture's own name."""
    read("pictures", output="folder.jsonl")
    return {row["picture"].removeprefix("pictures/"): row for row in rows("folder.jsonl")}


def without(row, *names):
    return {name: value for name, value in row.items() if name not in names}


@pytest.mark.parametrize(("suffix", "make"), [(".tar", as_tar), (".zip", as_zip)])
def test_tars_and_zips(of_folder, contents, read, suffix, make):
    make(f"all{suffix}", {**contents, "notes.json": b"{}", "._hidden.png": b""})
    read(f"all{suffix}")
    found = rows()
    assert [row["picture"] for row in found] == [f"all{suffix}/{name}" for name in contents]
    for row, name in zip(found, contents, strict=True):
        assert without(row, "picture", "error") == without(of_folder[name], "picture", "error")
        told = of_folder[name]["error"]
        assert row["error"] == (told and told.replace("pictures/", f"all{suffix}/"))


def test_a_table_of_bytes_and_its_other_columns(of_folder, contents, read):
    table = pyarrow.table(
        {"image": list(contents.values()), "writer": list(range(len(contents))), "text": ["?"] * 11}
    )
    parquet.write_table(table, "table.parquet", row_group_size=3)
    read("table.parquet", output="rows.parquet")
    found = parquet.read_table("rows.parquet").to_pylist()
    assert [row["text"] for row in found] == [of_folder[name]["text"] for name in contents]
    assert [row["picture"] for row in found] == [f"table.parquet#row={n}" for n in range(11)]
    assert [row["writer"] for row in found] == list(range(11))
    assert {row["source_text"] for row in found} == {"?"}


def test_a_table_as_hugging_face_writes_pictures(of_folder, contents, read):
    images = [{"bytes": content, "path": name} for name, content in contents.items()]
    parquet.write_table(pyarrow.table({"image": images, "label": [1] * 11}), "table.parquet")
    read("table.parquet")
    assert texts() == [of_folder[name]["text"] for name in contents]
    assert {row["label"] for row in rows()} == {1}


def test_a_table_of_paths(of_folder, contents, read):
    paths = [f"pictures/{name}" for name in contents]
    table = pyarrow.table({"file": [*paths, "missing.png", None], "writer": ["Ada"] * 13})
    parquet.write_table(table, "table.parquet")
    read("table.parquet", column="file")
    found = rows()
    for row, name in zip(found, contents, strict=False):
        assert without(row, "writer") == of_folder[name]
    assert "cannot read missing.png: no such file or directory; expected" in found[11]["error"]
    assert "nothing in the column file; expected a picture" in found[12]["error"]
    with pytest.raises(
        SettingsError, match=r"has the columns file, writer; expected one .*--column"
    ):
        read("table.parquet", output="other.jsonl")
    with pytest.raises(SettingsError, match="expected one .* named image"):
        read("table.parquet", output="other.jsonl", column="image")


def test_a_list_a_pattern_and_addresses(of_folder, folder, contents, read):
    names = sorted(of_folder)
    (folder.parent / "list.txt").write_text("".join(f"pictures/{name}\r\n" for name in names))
    read("list.txt")
    assert rows() == [of_folder[name] for name in names]
    read("pictures/**/0?.png", output="pattern.jsonl")
    assert [row["picture"] for row in rows("pattern.jsonl")] == [
        f"pictures/{name}" for name in names if "bad" not in name
    ]
    for scheme in ("file", "local"):  # the one is PyArrow's, the other fsspec's
        if scheme == "local":
            pytest.importorskip("fsspec")
        for source in (f"{scheme}://{folder}", f"{scheme}://{folder}/**/*.png"):
            output = f"{scheme}-{zlib.crc32(source.encode())}.jsonl"
            read(source, output=output)
            found = rows(output)
            assert [row["picture"] for row in found] == [f"{scheme}://{folder}/{n}" for n in names]
            assert [row["text"] for row in found] == [of_folder[name]["text"] for name in names]


def test_rows_go_to_an_address(folder, read):
    read("pictures", output="here.parquet")
    read("pictures", output=f"file://{folder.parent}/there.parquet")
    here, there = (parquet.read_table(name) for name in ("here.parquet", "there.parquet"))
    assert here.equals(there)
    read("pictures", output=f"file://{folder.parent}/there.csv")
    read("pictures", output="here.csv")
    assert (folder.parent / "here.csv").read_bytes() == (folder.parent / "there.csv").read_bytes()


def test_a_folder_of_shards_stands_for_them(folder, contents, read):
    (folder.parent / "shards").mkdir()
    (folder.parent / "shards" / "0-lost.tar").symlink_to("nowhere.tar")
    (folder.parent / "shards" / "0-loop").symlink_to(".")
    names = list(contents)
    as_tar("shards/0.tar", {name: contents[name] for name in names[:5]})
    as_tar("shards/1.tar", {name: contents[name] for name in names[5:]})
    read("shards")
    assert [row["picture"] for row in rows()] == [
        f"shards/{index // 5 if index < 5 else 1}.tar/{name}" for index, name in enumerate(names)
    ]


def cut(content):
    return content[: len(content) // 2]


def without_end(content):
    return content.rstrip(b"\0")


def overwritten(content):
    middle = 15 * 512
    return content[:middle] + b"x" * 512 + content[middle + 512 :]


@pytest.mark.parametrize("damage", [cut, without_end, overwritten])
def test_a_damaged_tar_gives_what_is_before_the_damage_and_an_error(folder, contents, read, damage):
    as_tar("good.tar", contents)
    as_tar("bad.tar", dict.fromkeys(contents, 700 * b"x"))  # a header is every third block
    whole = (folder.parent / "bad.tar").read_bytes()
    (folder.parent / "bad.tar").write_bytes(damage(whole))
    read("bad.tar", "good.tar")
    found = rows()
    (error,) = [row["error"] for row in found if row["picture"] == "bad.tar"]
    assert error.startswith("bad.tar: damaged after ")
    good = [row for row in found if row["picture"].startswith("good.tar/")]
    assert len(good) == len(contents)
    assert len({row["picture"] for row in found}) == len(found)


def test_damaged_zips_and_tables_are_rows(folder, contents, read):
    as_zip("all.zip", contents)
    whole = (folder.parent / "all.zip").read_bytes()
    (folder.parent / "cut.zip").write_bytes(whole[:-30])
    middle = (
        whole.index(contents["00.png"][-40:-20]) if contents["00.png"][-40:-20] in whole else 60
    )
    (folder.parent / "one.zip").write_bytes(whole[:middle] + b"\xff" * 9 + whole[middle + 9 :])
    parquet.write_table(pyarrow.table({"image": [b"", b""]}), "table.parquet")
    content = (folder.parent / "table.parquet").read_bytes()
    (folder.parent / "table.parquet").write_bytes(content[:-8])
    read("cut.zip", "one.zip", "table.parquet")
    found = {row["picture"]: row for row in rows()}
    assert "cut.zip: damaged: " in found["cut.zip"]["error"]
    assert "table.parquet: damaged: " in found["table.parquet"]["error"]
    assert "one.zip/00.png: damaged in its zip: " in found["one.zip/00.png"]["error"]
    assert found["one.zip/sub/01.png"]["text"] == "7"
    assert len(found) == len(contents) + 2


def test_what_is_no_source(folder, read):
    (folder.parent / "empty").mkdir()
    (folder.parent / "empty.txt").write_bytes(b"")
    (folder.parent / "all.tar.gz").write_bytes(b"")
    for source in ("empty", "empty.txt", "pictures/*.gif"):
        with pytest.raises(PictureError, match="holds no picture; expected"):
            read(source)
    with pytest.raises(PictureError, match=r"unpack it to \.tar"):
        read("all.tar.gz")
    with pytest.raises(PictureError, match="cannot read missing.txt: no such file"):
        read("missing.txt")
    with pytest.raises(SettingsError, match="got the address nowhere://"):
        read("nowhere://bucket")
    # What cannot begin leaves nothing that would be gone on with.
    read("pictures")
    assert len(rows()) == 11


@pytest.fixture
def flaky(monkeypatch):
    """File systems ``flaky://`` and ``broken://``: of each file, two reads of three or all fail."""
    fsspec = pytest.importorskip("fsspec")
    from fsspec.implementations.local import LocalFileOpener, LocalFileSystem

    reads = Counter()
    monkeypatch.setattr(storage, "_PAUSES", (0.0, 0.0))

    class File(LocalFileOpener):
        def read(self, length=-1):
            reads[self.path] += 1  # files are fetched by several threads
            if self.fs.protocol == "broken" or reads[self.path] % 3:
                raise RuntimeError("storage is busy")
            return self.f.read(length)

    class Flaky(LocalFileSystem):
        protocol = "flaky"

        def _open(self, path, mode="rb", block_size=None, **options):
            return File(path, mode, fs=self, **options)

    class Broken(Flaky):
        protocol = "broken"

    for system in (Flaky, Broken):
        fsspec.register_implementation(system.protocol, system, clobber=True)
    return reads


def test_storage_that_fails_now_and_then(folder, contents, read, flaky):
    as_tar("all.tar", contents)
    as_zip("all.zip", contents)
    parquet.write_table(pyarrow.table({"image": list(contents.values())}), "all.parquet")
    here = folder.parent
    for name in ("pictures", "all.tar", "all.zip", "all.parquet"):
        read(f"file://{here}/{name}", output="calm.jsonl")
        read(f"flaky://{here}/{name}", output="rough.jsonl")
        calm, rough = (Path(f"{kind}.jsonl").read_text("utf-8") for kind in ("calm", "rough"))
        assert rough.replace("flaky://", "file://") == calm
        Path("calm.jsonl").unlink()
        Path("rough.jsonl").unlink()
    assert len(flaky) == len(contents) + 3
    read(f"broken://{here}/pictures")
    assert [row["error"].partition(": ")[2] for row in rows()] == len(contents) * [
        "storage is busy; expected a picture file: check the path"
    ]
