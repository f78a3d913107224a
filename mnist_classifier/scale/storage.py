"""Storage: paths on this machine, and addresses elsewhere, such as ``s3://bucket/key``.

Elsewhere, files are PyArrow's or fsspec's: neither is imported for a path on this machine. Storage
elsewhere that fails is asked again. So is storage that says there is nothing: where a connection
ends within the head of an answer, PyArrow's S3 client takes it for a whole answer, an empty file or
an empty page of a listing.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from mnist_classifier.errors import MnistError, OutputError, PictureError, SettingsError

_T = TypeVar("_T")
_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_OF_ARROW = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs", "file")
_PAUSES = (0.5, 2.0, 8.0)  # seconds before it is tried again
_FOR_GOOD = (
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
    TypeError,
    ValueError,
)
_BUFFER = 2**20  # bytes: so much of a file elsewhere is fetched at a time


def is_remote(name: str) -> bool:
    """Return whether a name is an address, and no path on this machine."""
    return _ADDRESS.fullmatch(name) is not None


def read_file(name: str, most: int) -> bytes:
    """Return a file's bytes, at most so many and one more."""
    with open_file(name) as file:
        return file.read(most + 1)


def open_file(name: str) -> BinaryIO:
    """Open a file for reading at any place in it."""
    if not is_remote(name):
        return Path(name).open("rb")
    return cast("BinaryIO", io.BufferedReader(_RemoteFile(name), _BUFFER))


class _RemoteFile(io.RawIOBase):
    """A file elsewhere, open for reading; where a read fails, it is opened again."""

    def __init__(self, name: str) -> None:
        self._system, self._path = _found(name)
        self._position = 0
        self._file: Any = with_retries(self._open)
        self._size = int(with_retries(self._file.size)) or int(with_retries(self._measured))

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go somewhere; return where that is."""
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = begin + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the file goes; return with how many bytes."""
        length = max(0, min(len(buffer), self._size - self._position))
        if length:
            with_retries(lambda: self._fill(memoryview(buffer)[:length]))
        self._position += length
        return length

    def close(self) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()
        super().close()

    def _open(self) -> Any:
        return self._system.open_input_file(self._path)

    def _measured(self) -> int:
        return self._system.get_file_info(self._path).size or 0

    def _fill(self, buffer: memoryview) -> None:
        file, self._file = self._file or self._open(), None
        file.seek(self._position)
        beginning = os.urandom(min(len(buffer), 16))
        buffer[: len(beginning)] = beginning
        # Of an answer cut within its head, as many bytes as asked for are said to be read.
        if file.readinto(buffer) < len(buffer) or buffer[: len(beginning)] == beginning:
            raise OSError("it ends too early")
        self._file = file


def is_folder(name: str) -> bool:
    """Return whether there is a folder."""
    return Path(name).is_dir() if not is_remote(name) else _type(name) == "Directory"


def is_file(name: str) -> bool:
    """Return whether there is a file."""
    return Path(name).is_file() if not is_remote(name) else _type(name) == "File"


def entries(folder: str) -> Iterator[tuple[str, int | None]]:
    """Yield what a folder holds, by name: each name, and a file's size; None for a folder.

    Nothing is yielded where there is no folder, or one that may not be listed. On this machine,
    links to folders and to nothing are passed over.
    """
    if is_remote(folder):
        # Twice: one may lack pages, see above.
        yield from sorted({**_listed(folder), **_listed(folder)}.items())
        return
    try:
        found = sorted(Path(folder).iterdir())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for entry in found:
        if entry.is_file():
            yield str(entry), entry.stat().st_size
        elif entry.is_dir() and not entry.is_symlink():
            yield str(entry), None


def _listed(folder: str) -> dict[str, int | None]:
    """Return what a folder elsewhere holds, as `entries` tells it, in any order."""
    from pyarrow.fs import FileSelector, FileType

    system, path = _found(folder)
    infos = with_retries(lambda: system.get_file_info(FileSelector(path, allow_not_found=True)))
    return {
        _inside(folder, info.base_name): info.size if info.type == FileType.File else None
        for info in infos
    }


def files_in(folder: str) -> Iterator[str]:
    """Yield the files in a folder and in those in it, by name; one folder is listed at a time."""
    for name, size in entries(folder):
        if size is not None:
            yield name
        else:
            yield from files_in(name)


def inside(folder: str, name: str) -> str:
    """Return the name of what lies in a folder."""
    return _inside(folder, name) if is_remote(folder) else str(Path(folder, name))


def write_file(name: str, content: bytes) -> None:
    """Write a file aside, then rename it: whoever looks finds all of it, or what was there before.

    Raises:
        OutputError: It cannot be written.
    """

    def write() -> None:
        with _aside(name) as file:
            file.write(content)

    try:
        with_retries(write) if is_remote(name) else write()
    except OSError as error:
        raise unwritable(name, error) from error


@contextlib.contextmanager
def writing(name: str) -> Iterator[BinaryIO]:
    """Open a file that has its name only when the context ends without an error.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        with _aside(name) as file:
            yield file
    except OSError as error:
        raise unwritable(name, error) from error


@contextlib.contextmanager
def _aside(name: str) -> Iterator[BinaryIO]:
    folder, _, own = name.rpartition("/")
    aside = inside(folder, f".{own}.{uuid.uuid4().hex[:12]}.aside")
    if is_remote(name):
        system, path = _found(aside)
        with system.open_output_stream(path) as stream:
            yield cast("BinaryIO", stream)
        with_retries(lambda: system.move(path, _found(name)[1]))
        return
    try:
        with Path(aside).open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(name)
    finally:
        with contextlib.suppress(OSError):
            Path(aside).unlink(missing_ok=True)


def make_folder(name: str) -> None:
    """Make a folder, unless it is there.

    Raises:
        OutputError: It cannot be made.
    """
    try:
        if is_remote(name):
            system, path = _found(name)
            system.create_dir(path, recursive=True)
        else:
            Path(name).mkdir(parents=False, exist_ok=True)
    except OSError as error:
        raise unwritable(name, error) from error


def remove(name: str) -> None:
    """Remove a file or a folder with all in it, if it is there."""
    if is_remote(name):
        system, path = _found(name)
        (system.delete_dir if is_folder(name) else system.delete_file)(path)
    elif is_folder(name):
        import shutil

        shutil.rmtree(name, ignore_errors=True)
    else:
        Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Keep other processes on this machine out, where the system can; elsewhere nobody can.

    Raises:
        OutputError: Another is inside.
    """
    if is_remote(name):
        yield
        return
    with contextlib.ExitStack() as opened:
        with contextlib.suppress(ImportError):
            import fcntl

            try:
                file = opened.enter_context(Path(name).open("ab"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OutputError(
                    f"{Path(name).parent}: another process writes to it; expected to be the only "
                    "one: wait for it, or name another output"
                ) from error
            except OSError as error:
                raise unwritable(name, error) from error
        yield


def unwritable(name: str, error: OSError) -> MnistError:
    """Return an error that says why something cannot be written."""
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    return OutputError(
        f"cannot write {name}: {reason}; expected a place with room for rows: free some, or name "
        "another output"
    )


def reason(error: BaseException) -> str:
    """Return in a few words why something cannot be read."""
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if number else (str(error) or type(error).__name__)


def with_retries(ask: Callable[[], _T]) -> _T:
    """Ask storage elsewhere; where it fails now, ask again a little later.

    Raises:
        OSError: It fails for good.
    """
    for pause in (*_PAUSES, None):
        try:
            return ask()
        except _FOR_GOOD:
            raise
        except Exception as error:  # fsspec's packages have errors of their own
            if pause is None:
                raise error if isinstance(error, OSError) else OSError(reason(error)) from error
            time.sleep(pause)
    raise AssertionError  # pragma: no cover — the last pause is None


def _type(name: str) -> str:
    system, path = _found(name)
    ask = functools.partial(system.get_file_info, path)
    told = str(with_retries(ask).type.name)
    return told if told != "NotFound" else str(with_retries(ask).type.name)


def _inside(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}"


def _found(name: str) -> tuple[Any, str]:
    """Return the file system in which an address lies, and its path there."""
    match = _ADDRESS.fullmatch(name)
    if match is None:  # pragma: no cover — callers ask `is_remote` first
        raise PictureError(f"{name}: no address")
    scheme = match["scheme"].lower()
    system, strip = _system(scheme, name if scheme in ("hdfs", "viewfs", "abfs", "abfss") else "")
    return system, strip(name)


@functools.cache
def _system(scheme: str, address: str) -> tuple[Any, Callable[[str], str]]:
    """Return a file system, and what makes a path in it of an address."""
    from pyarrow import fs

    try:
        if scheme in _OF_ARROW:
            system, _ = fs.FileSystem.from_uri(address or f"{scheme}://{_some_path(scheme)}")
            return system, lambda name: name.partition("://")[2].rstrip("/")
        import fsspec

        own = fsspec.filesystem(scheme)
    except (ImportError, ValueError, OSError) as error:
        raise SettingsError(
            f"got the address {scheme}://…, which cannot be opened here: {error}; expected a path, "
            "s3://, gs://, hf:// or what fsspec knows"
        ) from error
    return fs.PyFileSystem(fs.FSSpecHandler(own)), own._strip_protocol


def _some_path(scheme: str) -> str:
    return "/" if scheme == "file" else "bucket"
