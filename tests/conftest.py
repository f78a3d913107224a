"""What tests share: no network, no cache of a person's, small images, MNIST where it is."""

import contextlib
import gc
import gzip
import os
import shutil
import tempfile
import tracemalloc
from pathlib import Path

# Before Keras is imported: its cache is a new folder, and the network is a closed door, on
# every machine alike; this machine itself stays in reach.
os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="keras-")
os.environ["https_proxy"] = os.environ["http_proxy"] = "http://127.0.0.1:9"
os.environ["no_proxy"] = "127.0.0.1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
# Tests run beside each other: one thread each, or they wait for one another's.
for threads in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ[threads] = "1"
os.environ.pop("MNIST_DATA_DIR", None)
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each new process would compile the program anew
for display in ("DISPLAY", "WAYLAND_DISPLAY"):
    os.environ.pop(display, None)

# The objects of libraries are many, and never garbage.
gc.disable()

import numpy as np
import pytest

from tests.launcher import FOLDER, Launcher, launchers

# The environment of JAX where what it compiles runs so seldom that to optimize it takes longer.
UNOPTIMIZED = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("MNIST_SHARED", ROOT.parent / "shared"))


def pytest_configure(config):
    if FOLDER not in os.environ:  # as it is in pytest's workers, which share the launchers
        opened = contextlib.ExitStack()
        opened.enter_context(launchers())
        config.add_cleanup(opened.close)


def pytest_collection_modifyitems(items):
    # A file is run by one worker: of a long one that comes late, the others would wait for the end.
    items.sort(key=lambda item: item.path.name != "test_page.py")


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def mnist_dir():
    """The folder with MNIST's own four files."""
    folder = SHARED / "mnist"
    if not folder.is_dir():
        pytest.skip(f"MNIST's files are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def sample():
    pytest.importorskip("keras")
    from mnist_classifier.learn.data.sources import load_sample

    return load_sample()


@contextlib.contextmanager
def asks_for_at_most(size):
    """Check that what is done inside has no more memory at once than so many bytes."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] <= size
    finally:
        tracemalloc.stop()


def idx_bytes(array, code=8):
    header = bytes([0, 0, code, array.ndim])
    return header + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def small_arrays(train=200, test=50, seed=0):
    """Images of noise with a bright bar whose column is the label: learned in a moment."""
    rng = np.random.default_rng(seed)
    arrays = []
    for count in (train, test):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = rng.integers(0, 40, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[:, 4 + 2 * label : 6 + 2 * label] = 255
        arrays += [images, labels]
    return arrays


FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def write_idx_folder(folder, arrays=None, packed=False, names=FILES):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(names, arrays or small_arrays(), strict=True):
        content = idx_bytes(array)
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def small_dir(tmp_path):
    """A folder of 200 training and 50 test images in MNIST's form."""
    return write_idx_folder(tmp_path / "small")


@pytest.fixture(scope="module")
def browser():
    """Chromium, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api")
    # The first has no window to draw, and takes half the time.
    names = ("chromium-headless-shell", "chromium", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no browser: install Debian's chromium")
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def launcher():
    """Starts processes of the program with what learning needs loaded."""
    return Launcher("learning")
