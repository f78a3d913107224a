"""Folders of pictures by class: read as a person means them, or refused in one line."""

import os
import shutil

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_classifier.errors import DataError
from mnist_classifier.learn.data.pictures import load_pictures
from mnist_classifier.learn.data.sources import load_dataset
from tests.conftest import asks_for_at_most, small_arrays


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def write_folder(folder, images, labels, suffix=".png", change=lambda image: image):
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        save(folder / str(label) / f"{place:05}{suffix}", change(image))
    return folder


def by_class(images, labels):
    order = np.argsort(labels, kind="stable")
    return images[order], labels[order]


LABELS = np.arange(40) % 10


@pytest.fixture
def folder(tmp_path):
    """Forty small pictures, four of each class."""
    return write_folder(tmp_path / "pictures", *small_arrays(train=40)[:2])


def larger(image):
    return cv2.resize(image, (100, 100), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("names", [("train", "test"), ("training", "testing")])
def test_pictures_of_mnists_size_are_taken_as_they_are(tmp_path, names):
    arrays = small_arrays()
    for name, part in zip(names, (arrays[:2], arrays[2:]), strict=True):
        write_folder(tmp_path / name, *part)
    (tmp_path / names[0] / "3" / ".DS_Store").write_text("no picture")
    (tmp_path / names[0] / "3" / "._00003.png").write_text("no picture")
    (tmp_path / names[0] / "3" / "notes.txt").write_text("no picture")
    dataset = load_dataset(data_dir=tmp_path)
    for found, written in zip(
        (dataset.train_images, dataset.train_labels, dataset.test_images, dataset.test_labels),
        (*by_class(*arrays[:2]), *by_class(*arrays[2:])),
        strict=True,
    ):
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, written)
    assert (dataset.name, dataset.source) == ("custom", f"{tmp_path}, pictures by class")


def test_a_file_stays_in_its_part_whatever_is_added_or_renamed(tmp_path):
    images, labels, *_ = small_arrays(train=400)
    parts = {}
    for count in (200, 400):
        folder = write_folder(tmp_path / str(count), images[:count], labels[:count])
        if count == 400:
            for path in list(folder.glob("*/*.png")):
                path.rename(path.with_name(f"renamed-{path.name}"))
        (train, _), (test, _) = load_pictures(folder)
        parts[count] = [{image.tobytes() for image in part} for part in (train, test)]
        assert len(test) == pytest.approx(count / 7, rel=0.3)
    for few, many in zip(parts[200], parts[400], strict=True):
        assert few < many
    assert not parts[400][0] & parts[400][1]


COPIES = {
    "inverted": (lambda image: 255 - image, ".png"),
    "colour": (lambda image: cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), ".png"),
    "16 bits": (lambda image: image.astype(np.uint16) * 257, ".png"),
    "opaque": (lambda image: np.dstack([image] * 3 + [np.full_like(image, 255)]), ".png"),
    "black on transparent": (lambda image: np.dstack([0 * image] * 3 + [image]), ".png"),
    "white on transparent": (lambda image: np.dstack([0 * image + 255] * 3 + [image]), ".png"),
    "upper case": (lambda image: image, ".PNG"),
    "bitmap": (lambda image: image, ".bmp"),
    "TIFF": (lambda image: image, ".tif"),
}


@pytest.mark.parametrize(("change", "suffix"), COPIES.values(), ids=COPIES)
def test_however_a_picture_is_stored_ink_is_light_on_dark(tmp_path, change, suffix):
    images, labels, *_ = small_arrays(train=40)
    folder = write_folder(tmp_path / "train", images, labels, suffix, change)
    shutil.copytree(folder, tmp_path / "test")
    (found, _), _ = load_pictures(tmp_path)
    assert np.abs(found.astype(int) - by_class(images, labels)[0]).max() <= 1


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_pictures_of_other_sizes_are_normalised_like_mnist(sample, tmp_path, inverted, suffix):
    images, labels = sample.test_images[:100], sample.test_labels[:100]
    folder = write_folder(
        tmp_path, images, labels, suffix, lambda i: larger(255 - i if inverted else i)
    )
    (train, train_labels), (test, test_labels) = load_pictures(folder)
    found = np.concatenate([train, test]), np.concatenate([train_labels, test_labels])
    means = [[part[0][part[1] == c].mean(axis=0) for c in range(10)] for part in
             (found, (images, labels))]  # fmt: skip
    np.testing.assert_array_equal(np.bincount(found[1]), np.bincount(labels))
    for ours, mnists in zip(*means, strict=True):
        assert np.corrcoef(ours.ravel(), mnists.ravel())[0, 1] > 0.97


def damage(change):
    return lambda path: path.write_bytes(change(path.read_bytes()))


def replace_by(make):
    def replace(path):
        path.unlink()
        make(path)

    return replace


WRONG = {
    "cut": (damage(lambda content: content[:200]), "or is damaged"),
    "flipped": (damage(lambda c: c[:200] + bytes([c[200] ^ 85]) + c[201:]), "it is damaged"),
    "no picture": (damage(lambda content: b"hello"), "it is no picture"),
    "empty": (damage(lambda content: b""), "it is no picture"),
    "large": (lambda path: save(path, np.zeros((1001, 1000), np.uint8)), "1,000 × 1,001 pixels"),
    "blank": (lambda path: save(path, np.full((60, 60), 250, np.uint8)), "it shows nothing"),
    "grain": (lambda path: save(path, np.eye(60, dtype=np.uint8)), "it shows nothing"),
    "floats": (lambda path: path.write_bytes(float_tiff()), "are float32, not 8 or 16 bits"),
    "folder": (replace_by(lambda path: path.mkdir()), "it is no ordinary file"),
    "nowhere": (replace_by(lambda path: path.symlink_to("nowhere")), "it is no ordinary file"),
    "pipe": (replace_by(lambda path: os.mkfifo(path)), "it is no ordinary file"),
    "device": (replace_by(lambda path: path.symlink_to("/dev/zero")), "it is no ordinary file"),
    "long": (lambda path: os.truncate(path, 2**40), "it has more than 16,777,216 bytes"),
}


def float_tiff():
    return cv2.imencode(".tiff", np.zeros((28, 28), np.float32))[1].tobytes()


@pytest.mark.parametrize(("spoil", "told"), WRONG.values(), ids=WRONG)
def test_a_picture_that_cannot_be_used_is_named_in_one_line(folder, capfd, spoil, told):
    path = folder / "3" / "00003.png"
    spoil(path)
    with asks_for_at_most(10**7), pytest.raises(DataError, match=told) as raised:
        load_pictures(folder)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_a_picture_larger_than_its_header_allows_is_never_decoded(folder, monkeypatch):
    save(folder / "0" / "00000.png", np.zeros((1001, 1000), np.uint8))
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(DataError, match="1,000 × 1,001 pixels; expected at most 1,000,000"):
        load_pictures(folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: shutil.rmtree(folder / "7"), "has no folder 7; expected 0 to 9"),
        (lambda folder: shutil.rmtree(folder), "does not exist"),
        (lambda folder: [shutil.rmtree(path) for path in folder.iterdir()], "holds no images"),
        (lambda folder: [path.unlink() for path in folder.glob("4/*")], "4 holds no picture"),
        (lambda folder: shutil.move(folder / "0", folder / "zero"), "has no folder 0"),
        (lambda folder: shutil.copytree(folder, folder / "test"), "has test alone"),
        (lambda folder: write_folder(folder, np.zeros((40, 28, 28)), LABELS), "too few to keep"),
    ],
)
def test_what_is_missing_is_said(folder, change, told):
    change(folder)
    with pytest.raises(DataError, match=told) as raised:
        load_dataset(data_dir=folder)
    assert "\n" not in str(raised.value)


def test_mnists_files_go_before_pictures(folder, small_dir):
    shutil.copytree(folder, small_dir, dirs_exist_ok=True)
    assert len(load_dataset(data_dir=small_dir).train_labels) == 200


def test_a_person_who_waits_is_told_how_far_it_is(tmp_path):
    told = []
    folder = write_folder(tmp_path, *small_arrays(train=300)[:2])
    load_dataset(data_dir=folder, tell=told.append)
    assert told == ["0 of 300 pictures", "250 of 300 pictures"]


@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_a_picture_holds_only_an_explained_error_comes(folder, data):
    suffix = data.draw(st.sampled_from([".png", ".jpg", ".webp", ".bmp", ".gif", ".tiff"]))
    side = data.draw(st.sampled_from([1, 2, 28, 40]))
    noise = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    content = bytearray(cv2.imencode(suffix, noise)[1].tobytes())
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "5" / "wild.png").write_bytes(content)
    try:
        (images, _), (tests, _) = load_pictures(folder)
    except DataError as error:
        assert "wild.png" in str(error)
    else:
        assert len(images) + len(tests) == 41
