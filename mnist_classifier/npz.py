"""NumPy archives, ``.npz``, from strangers: read as data, no larger than the caller allows."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(file: Path | BinaryIO, most: int) -> dict[str, npt.NDArray[Any]]:
    """Read an archive's arrays; nothing is unpickled, and nothing written to the disk.

    ``numpy.load`` would first make each array as large as its header says.

    Args:
        file: The archive.
        most: How many bytes it may unpack to.

    Returns:
        The arrays by name; they cannot be written to.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is damaged, larger, or holds something else than numbers and texts.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            if unpacked > most:
                raise ValueError(f"it unpacks to {unpacked:,} bytes, more than {most:,}")
            return {
                member.filename.removesuffix(".npy"): _array(_unpacked(archive, member))
                for member in members
            }
    except OSError:
        raise
    except Exception as error:  # zipfile and NumPy raise errors of any class on damaged bytes
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return what a member holds, and never more than it says."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("packed otherwise than by NumPy")  # and unpacked without a limit
    with archive.open(member) as file:
        return file.read(member.file_size)


def _array(content: bytes) -> npt.NDArray[Any]:
    """Return the array of an ``.npy`` file, which must be as large as its header says."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"an array of the format's version {version}")
    shape, columns_first, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError("an array of Python's objects")
    size, left = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
    if size != left or min(shape, default=0) < 0:
        raise ValueError(f"an array of {size:,} bytes in {left:,}")
    values = np.frombuffer(content, dtype, math.prod(shape), file.tell())
    return values.reshape(shape[::-1]).T if columns_first else values.reshape(shape)
