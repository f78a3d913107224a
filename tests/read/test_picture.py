"""Whatever the file's format, one safe BGR picture; whatever is wrong, one clear error."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest

from mnist_classifier.errors import PictureError
from mnist_classifier.read.picture import load_picture, shrink

from .drawing import png, write

PICTURE = write("4")


def encoded(suffix, picture=PICTURE, *options):
    return cv2.imencode(suffix, picture, list(options))[1].tobytes()


def with_exif(jpeg, orientation):
    tiff = b"II*\x00\x08\x00\x00\x00\x01\x00" + struct.pack(
        "<HHIHHI", 0x0112, 3, 1, orientation, 0, 0
    )
    body = b"Exif\x00\x00" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_every_format_gives_the_same_picture():
    for suffix in (".png", ".jpg", ".webp", ".bmp", ".gif", ".tiff"):
        picture, scale = load_picture(encoded(suffix))
        assert (picture.shape, picture.dtype, scale) == (PICTURE.shape, np.uint8, 1.0)
        assert np.abs(picture.astype(int) - PICTURE).mean() < 5, suffix


def test_path_and_bytes_are_the_same(tmp_path):
    path = tmp_path / "é four.png"
    path.write_bytes(png(PICTURE))
    assert np.array_equal(load_picture(path)[0], load_picture(str(path))[0])
    assert np.array_equal(load_picture(path)[0], PICTURE)


def test_exif_rotation_is_honoured():
    plain = encoded(".jpg")
    for orientation, turns in ((1, 0), (3, 2), (6, 3), (8, 1)):
        turned, _ = load_picture(with_exif(plain, orientation))
        expected = np.rot90(PICTURE, turns)
        assert turned.shape == expected.shape
        assert np.abs(turned.astype(int) - expected).mean() < 3


def test_exif_rotation_is_honoured_with_alpha():
    alpha = np.dstack([np.zeros_like(PICTURE), 255 - PICTURE[:, :, 0]])
    content = png(alpha)
    tiff = b"II*\x00\x08\x00\x00\x00\x01\x00" + struct.pack("<HHIHHI", 0x0112, 3, 1, 6, 0, 0)
    after_header = 8 + 25
    content = content[:after_header] + png_chunk(b"eXIf", tiff) + content[after_header:]
    turned, _ = load_picture(content)
    assert turned.shape[:2] == PICTURE.shape[1::-1]
    assert np.abs(turned.astype(int) - np.rot90(PICTURE, 3)).mean() < 10


def test_transparent_is_paper():
    shape = PICTURE[:, :, 0] < 128
    for ink, paper in ((0, 255), (255, 0)):
        picture = np.full((*shape.shape, 4), ink, np.uint8)
        picture[:, :, 3] = shape * np.uint8(255)
        loaded, _ = load_picture(png(picture))
        assert loaded[0, 0].tolist() == [paper] * 3
        assert (loaded[shape] == ink).all()


def test_transparent_around_opaque_paper_is_more_paper():
    picture = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 255, np.uint8)])
    picture[:20, :, 3] = 0
    picture[:20, :, :3] = 0
    assert load_picture(png(picture))[0][5, 5].tolist() == [255, 255, 255]


def test_half_transparent_ink_is_blended_in_all_rows():
    picture = np.zeros((150, 40, 4), np.uint8)  # more rows than are blended at a time
    picture[..., 3] = np.arange(150, dtype=np.uint8)[:, None] + 100
    loaded, _ = load_picture(png(picture))
    paper = loaded[0, 0, 0] / (1 - 100 / 255)
    expected = np.round(paper * (1 - picture[:, 0, 3] / 255))
    assert np.abs(loaded[:, 0, 0] - expected).max() <= 1


def test_sixteen_bits_grey_and_floats_come_to_eight_bits():
    grey = PICTURE[:, :, 0]
    for same in (grey.astype(np.uint16) * 257, grey / np.float32(255), grey > 127, grey[..., None]):
        assert np.abs(load_picture(same)[0][:, :, 0].astype(int) - grey).mean() < 2
    assert np.array_equal(load_picture(png(grey.astype(np.uint16) * 257))[0], PICTURE)


def test_floats_outside_by_rounding_are_clipped():
    array = np.array([[0.0 - 1e-7, 1.0 + 1e-6]])
    assert load_picture(array)[0][:, :, 0].tolist() == [[0, 255]]


def test_an_array_is_rgb():
    array = np.zeros((4, 4, 3), np.uint8)
    array[:, :, 0] = 200  # red
    assert load_picture(array)[0][0, 0].tolist() == [0, 0, 200]


def test_a_file_object_is_read_as_its_bytes_are(tmp_path):
    path = tmp_path / "four.png"
    path.write_bytes(png(PICTURE))
    with path.open("rb") as file:
        assert np.array_equal(load_picture(file)[0], PICTURE)
        with pytest.raises(PictureError, match="empty"):
            load_picture(file)
    assert np.array_equal(load_picture(io.BytesIO(png(PICTURE)))[0], PICTURE)
    for file, message in (
        (io.StringIO("text"), "gives str; expected bytes: open it in mode 'rb'"),
        (path.open("wb"), "cannot read the file object"),
        (io.BytesIO(b"text"), "the file object: not a picture"),
    ):
        with file, pytest.raises(PictureError, match=message):
            load_picture(file)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"])
def test_an_image_of_pillow_is_what_its_file_would_be(mode):
    images = pytest.importorskip("PIL.Image")
    image = images.fromarray(PICTURE)
    if mode == "I;16":
        image = images.fromarray(PICTURE[:, :, 0].astype(np.uint16) * 257)
    elif mode == "F":
        image = images.fromarray(PICTURE[:, :, 0] / np.float32(255))
    else:
        image = image.convert(mode)
    loaded, scale = load_picture(image)
    assert (loaded.shape, scale) == (PICTURE.shape, 1.0)
    assert np.abs(loaded.astype(int) - PICTURE).mean() < 5
    with pytest.raises(PictureError, match="expected at most 99 in all"):
        load_picture(image, max_pixels=99)


def test_an_image_of_pillow_is_turned_and_laid_on_paper():
    images = pytest.importorskip("PIL.Image")
    turned, _ = load_picture(images.open(io.BytesIO(with_exif(encoded(".jpg"), 6))))
    assert np.abs(turned.astype(int) - np.rot90(PICTURE, 3)).mean() < 3
    alpha = 255 - PICTURE[:, :, 0]
    clear = images.fromarray(np.dstack([np.zeros_like(PICTURE), alpha]))
    assert np.abs(load_picture(clear)[0].astype(int) - PICTURE).mean() < 5
    palette = load_picture(clear.quantize(16))[0]
    assert palette[0, 0].tolist() == [255, 255, 255]
    with pytest.raises(PictureError, match="the image: not a picture"):
        load_picture(images.open(io.BytesIO(png(PICTURE)[:-200])))


@pytest.mark.parametrize(
    ("shape", "left"),
    [
        ((1600, 1200), (1600, 1200)),
        ((1, 1), (1, 1)),
        ((900, 3200), (450, 1600)),
        ((4001, 1), (1600, 1)),
    ],
)
def test_a_large_picture_is_shrunk_to_what_is_read(shape, left):
    picture, scale = shrink(np.full((*shape, 3), 200, np.uint8))
    assert picture.shape == (*left, 3)
    assert scale == max(shape) / max(left)
    assert (picture == 200).all()


def test_a_large_jpeg_is_decoded_at_half_its_size():
    picture, scale = load_picture(encoded(".jpg", np.full((2100, 3000, 3), 200, np.uint8)))
    assert (picture.shape, scale) == ((1050, 1500, 3), 2.0)


def bomb(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        + png_chunk(b"IEND", b"")
    )


def test_a_file_too_large_is_not_read(tmp_path):
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate((256 << 20) + 1)
    with pytest.raises(PictureError, match="expected at most 268,435,456"):
        load_picture(path)


def test_a_bomb_is_refused_by_its_header():
    with pytest.raises(PictureError, match=r"60,000 × 60,000 pixels; expected at most 100,000,000"):
        load_picture(bomb(60_000, 60_000))
    with pytest.raises(PictureError, match="expected at most 99 in all.*--max-pixels"):
        load_picture(png(PICTURE), max_pixels=99)
    with pytest.raises(PictureError, match="expected at most 99 in all"):
        load_picture(PICTURE, max_pixels=99)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"hello, I am text", "not a picture"),
        (png(PICTURE)[:60], "not a picture"),
        (encoded(".jpg")[:20], "not a picture"),
        (encoded(".gif")[:12], "not a picture"),
    ],
)
def test_what_is_no_picture_is_said_to_be_none(content, message, tmp_path):
    path = tmp_path / "file.png"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=message) as error:
        load_picture(path)
    assert "file.png" in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(PictureError, match=r"none\.png: no such file"):
        load_picture(tmp_path / "none.png")
    with pytest.raises(PictureError, match="is no file"):
        load_picture(tmp_path)
    with pytest.raises(PictureError, match="not a path"):
        load_picture("a\0b.png")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(5, np.uint8), r"shape \(5,\)"),
        (np.zeros((5, 5, 2), np.uint8), r"shape \(5, 5, 2\)"),
        (np.zeros((0, 5), np.uint8), "empty array"),
        (np.zeros((5, 5), np.int64), "type int64"),
        (np.full((5, 5), np.nan), "NaN"),
        (np.full((5, 5), 255.0), "values from 255 to 255"),
        (np.full((5, 5), -0.1), "expected floats in"),
        (np.array([["a"]]), "type <U1"),
        (None, "got a NoneType"),
    ],
)
def test_arrays_that_are_no_pictures(array, message):
    with pytest.raises(PictureError, match=message):
        load_picture(array)
