"""Headers: the format and the size of a picture file, read strictly and without decoding.

OpenCV knows more formats than these and forgives more. What two readers could take for different
sizes is refused here, so that nothing larger than the header says is ever decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from mnist_classifier.errors import PictureTooLargeError

_NO_SIZE_MARKERS = frozenset({0xC4, 0xC8, 0xCC})  # among JPEG's SOF markers, 0xC0 to 0xCF
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})  # JPEG's markers that no length follows
_MOST_ENTRIES = 10_000  # segments of a JPEG before its size, tags of a TIFF
_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 100_000  # of a PNG; most programs write 8 KiB in each
_TIFF_SIZES = ((256, 257), (322, 323))  # the tags of the image's width and height, of a tile's
_TIFF_TYPES = {3: "H", 4: "I", 16: "Q"}


class HeaderError(ValueError):
    """The bytes are no picture of the formats that are read, or can be understood in two ways."""


def _png(content: bytes) -> tuple[int, int]:
    length, kind, width, height = struct.unpack_from(">I4sII", content, 8)
    if (length, kind) != (13, b"IHDR"):
        raise HeaderError("a PNG without IHDR at its start")
    _end_of_png(content)
    return width, height


def _end_of_png(content: bytes) -> int:
    """Return where a PNG's last chunk ends; it and those before it are in the file.

    Raises:
        HeaderError: A chunk says that it is longer than the file, or there is no last one.
    """
    at = 8
    for _ in range(_MOST_CHUNKS):
        length, kind = struct.unpack_from(">I4s", content, at)
        at += 12 + int(length)
        if at > len(content):
            raise HeaderError("cut short")
        if kind == b"IEND":
            return at
    raise HeaderError("a PNG with too many chunks")


def _jpeg(content: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(_MOST_ENTRIES):
        (fill, marker) = struct.unpack_from("BB", content, at)
        if fill != 0xFF or marker in _ALONE:
            raise HeaderError("a JPEG with something between its segments")
        if marker == 0xFF:
            at += 1
            continue
        length, _, height, width = struct.unpack_from(">HBHH", content, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in _NO_SIZE_MARKERS:
            return width, height
        if length < 2 or marker == 0xDA:
            raise HeaderError("a JPEG without a size")
        at += 2 + length
    raise HeaderError("a JPEG with too many segments")


def _webp(content: bytes) -> tuple[int, int]:
    kind = content[12:16] if content[8:12] == b"WEBP" else b""
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", content, 24)
        return (high_width << 16 | low_width) + 1, (high_height << 16 | low_height) + 1
    if kind == b"VP8L" and content[20:21] == b"\x2f":
        (bits,) = struct.unpack_from("<I", content, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and content[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise HeaderError("a WebP without a size")


def _bmp(content: bytes) -> tuple[int, int]:
    (size,) = struct.unpack_from("<I", content, 14)
    if size == 12:
        width, height = struct.unpack_from("<HH", content, 18)
    else:
        width, height = struct.unpack_from("<ii", content, 18)
    return width, abs(height)  # below 0: the rows are stored from the top


def _gif(content: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", content, 6)
    return width, height


def _tiff(content: bytes) -> tuple[int, int]:
    values: dict[int, int] = {}
    for tag, value in _tiff_sizes(content):
        if tag in values:
            raise HeaderError(f"a TIFF with two tags {tag}")
        values[tag] = value
    largest = (0, 0)
    for width, height in _TIFF_SIZES:
        size = values.get(width, 0), values.get(height, 0)
        largest = max(largest, size, key=lambda size: size[0] * size[1])
    return largest if 256 in values and 257 in values else (0, 0)


def _tiff_sizes(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield the tags that state sizes in a TIFF's first directory, with their values."""
    order = "<" if content[:2] == b"II" else ">"
    big = content[2] + content[3] == 43
    offset, counted, entry, count_format = ("Q", "Q", "HHQ", 8) if big else ("I", "H", "HHI", 4)
    (start,) = struct.unpack_from(order + offset, content, 8 if big else 4)
    (count,) = struct.unpack_from(order + counted, content, start)
    at = start + struct.calcsize("=" + counted)
    if count > _MOST_ENTRIES:
        raise HeaderError(f"a TIFF with {count} tags")
    for _ in range(count):
        tag, kind, values = struct.unpack_from(order + entry, content, at)
        if any(tag in pair for pair in _TIFF_SIZES):
            if kind not in _TIFF_TYPES or values != 1:
                raise HeaderError(f"a TIFF whose tag {tag} is no number")
            (value,) = struct.unpack_from(
                order + _TIFF_TYPES[kind], content, at + struct.calcsize("=" + entry)
            )
            yield tag, value
        at += struct.calcsize("=" + entry) + count_format


_FORMATS: tuple[tuple[bytes, Callable[[bytes], tuple[int, int]]], ...] = (
    (_PNG, _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"RIFF", _webp),
    (b"BM", _bmp),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"II*\x00", _tiff),
    (b"MM\x00*", _tiff),
    (b"II+\x00", _tiff),
    (b"MM\x00+", _tiff),
)


SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
"""How the names of files in these formats end."""


def picture_size(content: bytes) -> tuple[int, int]:
    """Return the width and the height that a picture file states.

    Args:
        content: A PNG, JPEG, WebP, BMP, GIF or TIFF file.

    Raises:
        HeaderError: It is no such file, is cut short, or states no size or two.
    """
    try:
        width, height = next(read for magic, read in _FORMATS if content.startswith(magic))(content)
    except StopIteration as error:
        raise HeaderError("another format") from error
    except (struct.error, OverflowError) as error:
        raise HeaderError("cut short") from error
    if width < 1 or height < 1:
        raise HeaderError(f"{width} × {height} pixels")
    return width, height


def without_rest(content: bytes) -> bytes:
    """Return a picture file without what follows the end of a PNG.

    OpenCV reads on in some PNGs, and makes room for what a chunk there says before it reads it.

    Args:
        content: A file whose size `picture_size` has returned.
    """
    return content[: _end_of_png(content)] if content.startswith(_PNG) else content


def check_pixels(width: int, height: int, max_pixels: int, name: str) -> None:
    """Check that a picture is small enough to be decoded.

    Raises:
        PictureTooLargeError: It has more than ``max_pixels`` pixels.
    """
    if width * height > max_pixels:
        raise PictureTooLargeError(
            f"{name}: {width:,} × {height:,} pixels; expected at most {max_pixels:,} in all: "
            "make it smaller or raise the limit (--max-pixels)"
        )
