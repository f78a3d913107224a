"""`mnist read` of archives and `mnist corrections`, as processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.scale.conftest import as_tar, mnist


def test_an_archive_is_read_and_summed_up(folder, contents):
    pytest.importorskip("pyarrow")
    as_tar("all.tar", contents)
    code, told = mnist("read", "all.tar", "pictures", "-o", "rows.csv", "--limit", 13, "-j", 1)
    assert code == 1
    lines = told.splitlines()
    assert lines[0] == "read 12, refused 0, errors 1"
    assert lines[1].startswith("  errors 1: not a picture that can be decoded")
    assert lines[-1].startswith("   90–100 % sure ")
    assert len(Path("rows.csv").read_bytes().splitlines()) == 14
    assert {path.name for path in Path().glob("rows*")} == {
        "rows.csv",
        "rows.summary.json",
        "rows.review.html",
    }


def test_a_folder_of_shards_is_an_archive(folder, contents):
    pytest.importorskip("pyarrow")
    Path("shards/deep").mkdir(parents=True)
    as_tar("shards/deep/0.tar", contents)
    code, told = mnist("read", "shards", "-o", "rows.jsonl", "-j", 1)
    assert (code, told.splitlines()[0]) == (1, "read 10, refused 0, errors 1")
    code, told = mnist("read", "shards", "-o", "rows.parquet/", "-j", 1)
    assert (code, told.splitlines()[0]) == (1, "read 10, refused 0, errors 1")
    Path("empty").mkdir()
    code, told = mnist("read", "empty", "-o", "other.jsonl")
    assert (code, told.count("\n")) == (2, 1)
    assert told.startswith("error: the folder empty holds no picture; expected ")


def test_limit_of_plain_pictures(folder):
    code, told = mnist("read", "pictures", "-o", "rows.jsonl", "--limit", 2)
    assert (code, told.splitlines()[0]) == (0, "read 2, refused 0, errors 0")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["all.tar"], "got an archive and no --output; expected"),
        (["pictures", "--ray", "local"], "got an archive and no --output; expected"),
        (["*.png", "-o", "a.csv", "--annotate", "b"], "got --output and --annotate; expected"),
        (["all.tar", "-o", "rows.csv", "--json"], "got --output and --json"),
    ],
)
def test_mistakes_are_one_line(folder, arguments, message):
    code, told = mnist("read", *arguments)
    assert code == 2
    assert told.startswith(f"error: {message}")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [("ray", ["pictures", "--ray", "local"], "scale"), ("pyarrow", ["all.tar"], "parquet")],
)
def test_what_is_not_installed_is_one_line(folder, missing, arguments, extra):
    pytest.importorskip("pyarrow")
    program = (
        "import importlib.util, sys\n"
        "real = importlib.util.find_spec\n"
        f"hidden = lambda name, *rest: None if name == {missing!r} else real(name, *rest)\n"
        "importlib.util.find_spec = hidden\n"
        "from mnist_classifier.cli import main\n"
        f"main(None, ['read', *{arguments!r}, '-o', 'rows.csv'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert done.returncode == 2
    told = done.stderr.decode()
    assert told.startswith("error: not installed: ")
    assert missing in told
    assert f'pip install ".[{extra}]"' in told
    assert told.count("\n") == 1


def test_plain_pictures_import_neither_ray_nor_pyarrow(folder):
    program = (
        "import sys\n"
        "from mnist_classifier.cli import main\n"
        "try:\n"
        "    main(None, ['read', 'pictures/00.png', 'pictures/02.png', '-o', 'rows.csv'])\n"
        "except SystemExit as done:\n"
        "    assert done.code == 0\n"
        "heavy = {'ray', 'pyarrow', 'fsspec'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_corrections(folder, tmp_path):
    Path("corrections.csv").write_text("picture,text,read,digits\r\na.png,7,1,\r\n")
    code, told = mnist("corrections", "corrections.csv", "-o", "labelled")
    assert code == 0
    assert told.startswith("left out 1 pictures: ")
    code, told = mnist("corrections", "missing.csv", "-o", "labelled")
    assert code == 2
    assert told.count("\n") == 1
