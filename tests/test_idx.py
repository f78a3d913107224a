import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_classifier.errors import DataError
from mnist_classifier.idx import load_folder, load_test_split, read_idx
from mnist_classifier.learn.data.sources import keras_cache, load_dataset
from tests.conftest import FILES, idx_bytes, small_arrays, write_idx_folder


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_reads_as_it_was_written(tmp_path, packed):
    arrays = small_arrays()
    train, test = load_folder(write_idx_folder(tmp_path / "d", arrays, packed))
    for read, written in zip((*train, *test), arrays, strict=True):
        np.testing.assert_array_equal(read, written)


def test_unpacked_files_win_over_packed_ones(tmp_path):
    write_idx_folder(tmp_path, small_arrays(seed=1), packed=True)
    write_idx_folder(tmp_path, small_arrays(seed=2))
    np.testing.assert_array_equal(load_folder(tmp_path)[0][0], small_arrays(seed=2)[0])


def test_a_keras_npz_reads_by_folder_and_by_name(tmp_path):
    a, b, c, d = small_arrays()
    np.savez(tmp_path / "mnist.npz", x_train=a, y_train=b, x_test=c, y_test=d)
    for path in (tmp_path, tmp_path / "mnist.npz"):
        np.testing.assert_array_equal(load_folder(path)[1][0], c)


def test_emnist_is_turned_upright(tmp_path):
    arrays = small_arrays()
    names = [
        f"emnist-digits-{part}-{kind}-ubyte"
        for part in ("train", "test")
        for kind in ("images-idx3", "labels-idx1")
    ]
    write_idx_folder(tmp_path, arrays, names=names)
    np.testing.assert_array_equal(load_folder(tmp_path)[0][0], arrays[0].transpose(0, 2, 1))


def test_qmnist_labels_are_the_first_of_eight_columns(tmp_path):
    arrays = small_arrays()
    for name, array in zip(("train", "test"), (arrays[0], arrays[2]), strict=True):
        (tmp_path / f"qmnist-{name}-images-idx3-ubyte").write_bytes(idx_bytes(array))
    for name, labels in zip(("train", "test"), (arrays[1], arrays[3]), strict=True):
        wide = np.tile(labels[:, None], 8).astype(">i4")
        wide[:, 1:] = 77
        (tmp_path / f"qmnist-{name}-labels-idx2-int").write_bytes(idx_bytes(wide, code=0x0C))
    dataset = load_dataset(data_dir=tmp_path)
    np.testing.assert_array_equal(dataset.train_labels, arrays[1])
    assert dataset.test_labels.dtype == np.uint8


def damage(path, change):
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[:-1], "fewer bytes than its header says"),
        (lambda b: b + b"x", "more bytes than its header says"),
        (lambda b: b[:10], "fewer bytes than its header says"),
        (lambda b: b"", "an empty file"),
        (lambda b: b"\x89PNG" + b[4:], "89 50 4e 47"),
        (lambda b: b[:4] + b"\xff" * 12 + b[16:], "fewer bytes than its header says"),
        (lambda b: gzip.compress(b)[:-20], "damaged or cut gzip"),
        (lambda b: b"\x1f\x8b" + b, "damaged or cut gzip"),
    ],
)
def test_a_damaged_file_is_named_and_explained(small_dir, change, message):
    damage(small_dir / FILES[0], change)
    with pytest.raises(DataError, match=message) as raised:
        load_folder(small_dir)
    assert FILES[0] in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_named(small_dir):
    (small_dir / FILES[3]).unlink()
    with pytest.raises(DataError, match="has no test labels; expected .*t10k-labels-idx1-ubyte"):
        load_folder(small_dir)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        load_folder(tmp_path / "nowhere")


def test_two_data_sets_in_one_folder_are_refused(small_dir):
    (small_dir / "emnist-digits-train-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(DataError, match="2 files for the training images"):
        load_folder(small_dir)


def test_a_file_that_is_no_npz_is_refused(tmp_path):
    (tmp_path / "mnist.npz").write_bytes(b"not a zip file")
    with pytest.raises(DataError, match="cannot be read as Keras's mnist.npz"):
        load_folder(tmp_path)


def load_dataset_of(folder):
    return load_dataset(data_dir=folder)


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def nowhere(path):
    path.symlink_to("nowhere")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a FIFO")
@pytest.mark.parametrize("make", [pipe, device, nowhere, Path.mkdir])
@pytest.mark.parametrize("name", [*FILES, f"{FILES[2]}.gz", "mnist.npz"])
def test_what_is_no_ordinary_file_is_not_opened(small_dir, name, make):
    (small_dir / name.removesuffix(".gz")).unlink(missing_ok=True)
    make(small_dir / name)
    for load in (load_folder, load_dataset_of, *([load_test_split] if "train" not in name else [])):
        with pytest.raises(DataError, match=rf"{name} is no ordinary file; expected") as told:
            load(small_dir)
        assert "\n" not in str(told.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a FIFO")
@pytest.mark.parametrize("make", [pipe, device])
def test_a_path_that_is_no_folder_and_no_ordinary_file_is_refused(tmp_path, make):
    make(tmp_path / "data")
    for load in (load_folder, load_test_split, load_dataset_of):
        with pytest.raises(DataError, match="data is no ordinary file"):
            load(tmp_path / "data")


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b"])
def test_a_path_that_no_folder_can_have_is_refused(name):
    for load in (load_folder, load_test_split, load_dataset_of):
        with pytest.raises(DataError, match="cannot be read"):
            load(Path(name))


class Mark:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def write_pickled_npz(path, mark):
    objects = np.array([Mark(mark)], object)
    np.savez(path, x_train=objects, y_train=objects, x_test=objects, y_test=objects)


def test_nothing_in_an_npz_is_unpickled(tmp_path):
    write_pickled_npz(tmp_path / "mnist.npz", tmp_path / "mark")
    with pytest.raises(DataError, match="cannot be read as Keras's mnist.npz"):
        load_folder(tmp_path)
    assert not (tmp_path / "mark").exists()


def test_nothing_in_kerass_cache_is_unpickled(tmp_path, monkeypatch):
    cached = keras_cache() / "mnist.npz"
    cached.parent.mkdir(parents=True, exist_ok=True)
    write_pickled_npz(cached, tmp_path / "mark")
    with pytest.raises(DataError, match="could not be had through Keras"):
        load_dataset("mnist")
    assert not (tmp_path / "mark").exists()


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=64), packed=st.booleans(), start=st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path, content, packed, start):
    path = tmp_path / "wild"
    content = b"\0\0\x08\x01" + content if start else content
    path.write_bytes(gzip.compress(content) if packed else content)
    try:
        array = read_idx(path)
    except DataError as error:
        assert str(path) in str(error)
    else:
        assert idx_bytes(array, content[2]) == content
