"""Small archives of every kind, and a cluster of two nodes on this machine."""

import io
import subprocess
import sys
import tarfile
import zipfile

import cv2
import pytest

from mnist_classifier import DigitReader
from mnist_classifier.scale import listing
from mnist_classifier.scale.archive import read_archive
from tests.read.drawing import png, write

PART = 4
# The command line, but that a part is small.
COMMAND = (
    "import sys; from mnist_classifier.scale import listing; listing.LEAST = listing.MOST = 4; "
    "from mnist_classifier.cli import main; main(None)"
)


@pytest.fixture(scope="session")
def reader():
    return DigitReader(threads=1)


@pytest.fixture(scope="session")
def contents():
    """Picture files by name, one of them damaged."""
    told = {}
    for number, text in enumerate(("42", "7", "180", "6", "91", "3", "50", "8", "27", "4")):
        small = cv2.resize(write(text), None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
        told[f"{'sub/' if number % 2 else ''}{number:02}.png"] = png(small)
    return {**told, "sub/bad.png": b"no picture"}


@pytest.fixture
def folder(tmp_path, contents, monkeypatch):
    """A folder with the pictures, which is in the current one; parts are small."""
    monkeypatch.setattr(listing, "LEAST", PART)
    monkeypatch.setattr(listing, "MOST", PART)
    monkeypatch.chdir(tmp_path)
    for name, content in contents.items():
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "pictures"


@pytest.fixture
def read(reader):
    """Read an archive here, in this process; keywords as of `read_archive`."""
    pytest.importorskip("pyarrow")

    def call(*sources, output="rows.jsonl", **settings):
        return read_archive(list(map(str, sources)), str(output), reader, jobs=1, **settings)

    return call


def as_tar(path, contents):
    with tarfile.open(path, "w") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def as_zip(path, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in contents.items():
            packed.writestr(name, content)


def started(*arguments, **options):
    """Start ``mnist`` with small parts."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def mnist(*arguments, **options):
    """Run ``mnist`` with small parts; return the exit code and what it told."""
    with started(*arguments, **options) as process:
        told = process.communicate()[1].decode()
    return process.returncode, told
