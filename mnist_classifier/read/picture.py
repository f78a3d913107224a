"""Decoding: a path, bytes or an array → one BGR picture of 8 bits."""

from __future__ import annotations

import os
import re
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier import headers
from mnist_classifier.errors import PictureError
from mnist_classifier.headers import HeaderError, check_pixels, picture_size, without_rest
from mnist_classifier.read.animation import further_frames, may_move
from mnist_classifier.read.formats import PDF, count_pages, decode, format_of
from mnist_classifier.read.memory import memory_errors
from mnist_classifier.read.work import HALF_SIZE_ABOVE

if TYPE_CHECKING:
    import PIL.Image

BgrImage = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Fetched:
    """A picture file that was fetched from elsewhere: an archive, a table, another machine."""

    name: str
    content: bytes
    """The file's bytes; none where they could not be had."""
    error: str | None = None
    """Why they could not be had, in one line, or None."""


Picture: TypeAlias = (
    "str | os.PathLike[str] | bytes | Fetched | BinaryIO | npt.NDArray[np.generic] "
    "| PIL.Image.Image"
)
"""A path, a picture file's bytes, `Fetched` bytes, a file object, an array, or a
``PIL.Image.Image``."""

SUFFIXES = headers.SUFFIXES | {".pdf", ".heic", ".heif"}
MAX_PIXELS = 100_000_000
"""Larger pictures are refused before they are decoded, unless another limit is given."""
MAX_BYTES = 256 * 1024 * 1024
"""Larger files are not read."""

_LONGEST_SIDE = 1600  # of what is read: small digits stay legible, and it is quick
_HALF = cv2.IMREAD_REDUCED_COLOR_2
_JPEG = b"\xff\xd8"
_ORIENTATION = 0x0112
_BLANK = 20  # of 255 levels: fainter ink is not found
_PILLOW_MODES = ("1", "L", "RGB", "RGBA", "I;16", "F")  # whose arrays mean what ours mean
_PAPER_PIXELS = 1_000_000  # of which the paper's colour is the median
_ROWS = 64  # blended at a time: floats take many times a picture's memory
_PAGE = re.compile(r"(?P<file>.+\.pdf)#page=(?P<page>[0-9]{1,9})", re.IGNORECASE)
_ROUNDING = 1e-6  # so far may floats lie outside [0, 1]


def load_picture(picture: Picture, max_pixels: int = MAX_PIXELS) -> tuple[BgrImage, float]:
    """Decode a picture, or take an array as one.

    EXIF rotation is applied, transparent pixels become paper, an animation gives its first frame
    that is not blank, and 16-bit and floating-point values become 8-bit.

    Args:
        picture: A path, or the bytes or a file object of a PNG, JPEG, WebP, BMP, GIF or TIFF file;
            with the extra [formats] a PDF of one page, ``FILE.pdf#page=2``, or HEIC too. Or a
            ``PIL.Image.Image``, which is turned as its EXIF says. Or an array: shape
            ``(height, width)`` grey, ``(height, width, 3)`` RGB or ``(height, width, 4)`` RGBA;
            uint8 in [0, 255], uint16 in [0, 65535], bool, or floats in [0, 1].
        max_pixels: A file whose header states more pixels is refused before decoding.

    Returns:
        The picture, shape ``(height, width, 3)``, uint8, BGR; and its scale: how many pixels of
        the original lie along one of its pixels (2.0 for a large JPEG or page, otherwise 1.0).

    Raises:
        PictureError: It is no picture, is damaged, empty or too large, or the array's shape,
            type or values are not as above.
    """
    if isinstance(picture, np.ndarray):
        return _from_array(picture, max_pixels), 1.0
    if isinstance(picture, (str, os.PathLike)):
        path, page = _named_page(Path(picture))
        return _from_bytes(_read_file(path), str(picture), max_pixels, page)
    if isinstance(picture, Fetched):
        if picture.error is not None:
            raise PictureError(picture.error)
        return _from_bytes(picture.content, picture.name, max_pixels)
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return _from_bytes(bytes(picture), "the bytes", max_pixels)
    # Whoever has an image of Pillow's has imported it; nobody else needs it.
    if "PIL.Image" in sys.modules and isinstance(picture, sys.modules["PIL.Image"].Image):
        return _from_pillow(picture, max_pixels), 1.0
    if hasattr(picture, "read"):
        return _from_bytes(_read_object(picture), "the file object", max_pixels)
    raise PictureError(
        f"got a {type(picture).__name__}; expected a path, the bytes of a picture file, a file "
        "object, a PIL image or a NumPy array"
    )


def shrink(picture: BgrImage) -> tuple[BgrImage, float]:
    """Shrink a large picture to the size that is read.

    Args:
        picture: Shape ``(height, width, 3)``, uint8.

    Returns:
        The picture, at most 1,600 pixels along its longer side; and its scale: how many pixels of
        the one given lie along one of its pixels (1.0 unless that was larger).
    """
    height, width = picture.shape[:2]
    scale = max(height, width) / _LONGEST_SIDE
    if scale <= 1:
        return picture, 1.0
    size = max(1, round(width / scale)), max(1, round(height / scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def page_names(name: str) -> list[str]:
    """Return the names of a file's pages: ``FILE.pdf#page=1`` and so on; its own for one page.

    Raises:
        PictureError: It is a PDF whose pages cannot be counted.
    """
    if ".pdf" not in name.lower():  # a Path for each of a million names takes long
        return [name]
    path, page = _named_page(Path(name))
    if path.suffix.lower() != ".pdf" or page is not None:
        return [name]
    content = _read_file(path)
    count = count_pages(content, name) if format_of(content) is PDF else 1
    return [f"{name}#page={page}" for page in range(1, count + 1)] if count > 1 else [name]


def _named_page(path: Path) -> tuple[Path, int | None]:
    """Return a file and the page of it that a name ends with, as a PDF's addresses do."""
    named = _PAGE.fullmatch(path.name)
    if named is None:
        return path, None
    return path.with_name(named["file"]), int(named["page"])


def _read_file(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise PictureError(f"{path} is no file; expected a picture file")
        if size > MAX_BYTES:
            raise PictureError(
                f"{path} has {size:,} bytes; expected at most {MAX_BYTES:,}: make it smaller"
            )
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise PictureError(
            f"cannot read {path}: {reason}; expected a picture file: check the path"
        ) from error
    except ValueError as error:  # a path with a null character
        raise PictureError(f"cannot read {str(path)!r}: not a path; check it") from error


def _read_object(file: Any) -> bytes:
    try:
        content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise PictureError(
            f"cannot read the file object: {error}; expected one that is open for reading"
        ) from error
    if not isinstance(content, bytes):
        raise PictureError(
            f"the file object gives {type(content).__name__}; expected bytes: open it in mode 'rb'"
        )
    if len(content) > MAX_BYTES:
        raise PictureError(
            f"the file object has more bytes; expected at most {MAX_BYTES:,}: make it smaller"
        )
    return content


def _from_bytes(
    content: bytes, name: str, max_pixels: int, page: int | None = None
) -> tuple[BgrImage, float]:
    if not content:
        raise PictureError(f"{name}: empty; expected a picture: save or download it again")
    if own := format_of(content):
        pixels, scale = decode(content, own, page, name, max_pixels)
        return _to_bgr(pixels, rgb=False), scale
    width, height = _size_from_header(content, name)
    check_pixels(width, height, max_pixels, name)
    if content[:2] == _JPEG:
        halve = width * height > HALF_SIZE_ABOVE
        flags, scale = (_HALF, 2) if halve else (cv2.IMREAD_COLOR, 1)
        decoded = _decode(content, flags, name)
        _check_size(decoded, (-(-width // scale), -(-height // scale)), name)
        return np.asarray(decoded, np.uint8), (2.0 if halve else 1.0)
    content = without_rest(content)
    decoded = _decode(content, cv2.IMREAD_UNCHANGED, name)
    orientation = _exif_orientation(content)
    picture = _finished(decoded, (width, height), orientation, name)
    if may_move(content) and _is_blank(picture):
        try:
            with memory_errors():
                later = further_frames(content, width * height)
        except cv2.error as error:
            raise _not_a_picture(name) from error
        frames = (_finished(frame, (width, height), orientation, name) for frame in later)
        picture = next((frame for frame in frames if not _is_blank(frame)), picture)
    return picture, 1.0


def _finished(
    decoded: npt.NDArray[np.generic], size: tuple[int, int], orientation: int, name: str
) -> BgrImage:
    """Check a decoded picture's size, and turn it into an upright one of 8 bits."""
    _check_size(decoded, size, name)
    return _to_bgr(_to_8_bits(_turn_upright(decoded, orientation), name), rgb=False)


def _is_blank(picture: BgrImage) -> bool:
    """Return whether all of a picture has nearly the colour of its first pixel."""
    colour = picture[0, 0].astype(float)
    return bool((cv2.inRange(picture, colour - _BLANK, colour + _BLANK) > 0).all())


def _size_from_header(content: bytes, name: str) -> tuple[int, int]:
    """Return width and height from the file's header, without decoding."""
    try:
        return picture_size(content)
    except HeaderError as error:
        raise _not_a_picture(name) from error


def _decode(content: bytes, flags: int, name: str) -> npt.NDArray[np.generic]:
    try:
        with memory_errors():
            decoded = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise _not_a_picture(name) from error
    if decoded is None or decoded.size == 0:
        raise _not_a_picture(name)
    return decoded


def _check_size(decoded: npt.NDArray[np.generic], size: tuple[int, int], name: str) -> None:
    """Check that a decoded picture, upright or on its side, is as large as its header says."""
    if decoded.shape[:2] not in (size, size[::-1]):
        raise _not_a_picture(name)


def _exif_orientation(content: bytes) -> int:
    """Return the orientation, 1 to 8, that a PNG's or WebP's EXIF block states; 1 without one."""
    block = max(content.find(b"eXIf"), content.find(b"EXIF"))
    for order, magic in (("<", b"II*\x00"), (">", b"MM\x00*")):
        start = content.find(magic, block, block + 24)
        if block < 0 or start < 0:
            continue
        try:
            (first,) = struct.unpack_from(order + "I", content, start + 4)
            (count,) = struct.unpack_from(order + "H", content, start + first)
            for entry in range(min(count, 100)):
                tag, _, _, value = struct.unpack_from(
                    order + "HHIH", content, start + first + 2 + 12 * entry
                )
                if tag == _ORIENTATION:
                    return int(value) if 1 <= value <= 8 else 1
        except struct.error:  # the block is cut short
            return 1
    return 1


def _turn_upright(picture: npt.NDArray[np.generic], orientation: int) -> npt.NDArray[np.generic]:
    """Apply EXIF's orientation; OpenCV does not where it keeps the alpha channel."""
    if orientation in (2, 4, 5, 7):
        picture = picture[:, ::-1]
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}[orientation]
    return np.rot90(picture, turns)


def _not_a_picture(name: str) -> PictureError:
    return PictureError(
        f"{name}: not a picture that can be decoded, or damaged; "
        "expected PNG, JPEG, WebP, BMP, GIF or TIFF: open it in a viewer and save it again"
    )


def _from_array(array: npt.NDArray[np.generic], max_pixels: int) -> BgrImage:
    expected = "expected shape (height, width), (height, width, 3) RGB or (height, width, 4) RGBA"
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        many = "; many images like MNIST's go to read_images" if array.ndim > 2 else ""
        raise PictureError(f"got an array of shape {array.shape}; {expected}{many}")
    if array.size == 0:
        raise PictureError(f"got an empty array of shape {array.shape}; {expected}")
    check_pixels(array.shape[1], array.shape[0], max_pixels, "the array")
    return _to_bgr(_to_8_bits(array, "the array"), rgb=True)


def _from_pillow(image: Any, max_pixels: int) -> BgrImage:
    from PIL import ImageOps

    check_pixels(image.width, image.height, max_pixels, "the image")
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode not in _PILLOW_MODES:
            upright = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
        pixels = np.asarray(upright)
    except (OSError, ValueError, SyntaxError) as error:  # a file that is decoded only now
        raise _not_a_picture("the image") from error
    return _from_array(pixels, max_pixels)


def _to_8_bits(values: npt.NDArray[np.generic], name: str) -> BgrImage:
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8)
    if values.dtype == np.bool_:
        white: BgrImage = values.astype(np.uint8) * np.uint8(255)
        return white
    if values.dtype == np.uint16:
        return np.asarray(np.round(values.astype(np.float32) / 257), np.uint8)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise PictureError(f"{name}: NaN or infinite values; expected values in [0, 1]")
        low, high = float(values.min()), float(values.max())
        if low < -_ROUNDING or high > 1 + _ROUNDING:
            raise PictureError(
                f"{name}: values from {low:g} to {high:g}; expected floats in [0, 1], or uint8"
            )
        return np.asarray(np.round(np.clip(values, 0, 1).astype(np.float32) * 255), np.uint8)
    raise PictureError(
        f"{name}: values of type {values.dtype}; expected uint8, uint16, bool or floats in [0, 1]"
    )


def _to_bgr(values: BgrImage, *, rgb: bool) -> BgrImage:
    if values.ndim == 2 or values.shape[2] == 1:
        return np.asarray(cv2.cvtColor(values, cv2.COLOR_GRAY2BGR), np.uint8)
    if values.shape[2] == 4:
        values = _lay_on_paper(values)
    return np.ascontiguousarray(values[:, :, ::-1] if rgb else values)


def _lay_on_paper(values: BgrImage) -> BgrImage:
    """Blend transparent pixels with a paper colour.

    A mostly opaque picture shows paper and ink: the paper's colour is the median of its opaque
    pixels. In a mostly transparent picture only the ink is opaque: the paper is white under dark
    ink and black under light ink.
    """
    colour, alpha = values[:, :, :3], values[:, :, 3]
    opaque = alpha > 127
    if opaque.all() or not opaque.any():
        return colour if opaque.all() else np.full_like(colour, 255)
    if opaque.mean() > 0.5:
        some = colour[opaque]
        paper = np.median(some[:: max(1, len(some) // _PAPER_PIXELS)], axis=0)
    else:
        paper = np.full(3, 255.0 if colour[opaque].mean() < 128 else 0.0)
    blended = np.empty_like(colour)
    for top in range(0, len(colour), _ROWS):
        rows = slice(top, top + _ROWS)
        share = alpha[rows, :, None].astype(np.float32) / 255
        blended[rows] = np.round(share * colour[rows] + (1 - share) * paper.astype(np.float32))
    return blended
