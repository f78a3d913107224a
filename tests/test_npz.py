"""Archives of arrays: what was written comes back, all else is refused, and little is asked for."""

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_classifier.npz import read_npz
from tests.conftest import asks_for_at_most

ARRAYS = {
    "text": np.array("ä"),
    "by_columns": np.asfortranarray(np.arange(6, dtype="<i2").reshape(2, 3)),
    "empty": np.zeros((0, 5), np.float32),
    "number": np.array(7, np.uint8),
}


def packed(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_as_they_were(tmp_path, save):
    path = tmp_path / "arrays.npz"
    path.write_bytes(packed(save, **ARRAYS))
    for file in (path, io.BytesIO(path.read_bytes())):
        found = read_npz(file, 10**4)
        assert list(found) == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array, strict=True)


def test_an_archive_that_unpacks_to_more_than_allowed_is_refused():
    content = packed(np.savez_compressed, zeros=np.zeros(10**6))
    with pytest.raises(ValueError, match="unpacks to 8,000,128 bytes, more than 1,000"):
        read_npz(io.BytesIO(content), 1000)


def test_a_member_that_lies_about_its_size_is_not_unpacked():
    content = bytearray(packed(np.savez_compressed, zeros=np.zeros(10**7)))
    for magic, place in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):  # directory, local header
        struct.pack_into("<I", content, content.index(magic) + place, 1000)
    with asks_for_at_most(10**6), pytest.raises(ValueError, match="CRC-32"):
        read_npz(io.BytesIO(content), 10**4)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_cannot_be_unpacked_within_a_limit_is_refused(compression):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("a.npy", bytes(100))
    with pytest.raises(ValueError, match="packed otherwise than by NumPy"):
        read_npz(file, 10**4)


def test_objects_are_not_unpickled():
    content = packed(harmless=np.array([{"opened": True}], object))
    with pytest.raises(ValueError, match="Python's objects"):
        read_npz(io.BytesIO(content), 10**4)


@settings(deadline=None)
@given(data=st.data())
def test_whatever_bytes_are_changed_the_arrays_or_a_line_come(data):
    content = bytearray(packed(**ARRAYS))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_npz(io.BytesIO(content), 10**4)
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert all(isinstance(array, np.ndarray) for array in found.values())
