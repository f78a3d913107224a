"""A process that decodes a format that OpenCV does not know: within limits, or it ends.

    python -m mnist_classifier.read.decoder PDF PAGE MOST_PIXELS SECONDS MOST_BYTES < FILE

writes a line of JSON, then the pixels. `formats` starts it.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any

from mnist_classifier.read.work import HALF_SIZE_ABOVE

_PER_INCH = 200  # pixels of a PDF's page, whose own unit is 1/72 inch


def _pdf(content: bytes, page: int, max_pixels: int) -> tuple[dict[str, Any], bytes]:
    """Draw a page, counted from 1."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            return {"locked": True}, b""
        raise
    about: dict[str, Any] = {"pages": len(document)}
    if not 1 <= page <= len(document):
        return about, b""
    drawn = document[page - 1]
    width, height = (round(side * _PER_INCH / 72) for side in drawn.get_size())
    if width * height > max_pixels:
        return {**about, "too_large": [width, height]}, b""
    scale = 2 if width * height > HALF_SIZE_ABOVE else 1
    bitmap = drawn.render(scale=_PER_INCH / 72 / scale)
    shape = [bitmap.height, bitmap.width, bitmap.n_channels]
    return {**about, "shape": shape, "stride": bitmap.stride, "scale": scale}, bytes(bitmap.buffer)


def _heic(content: bytes, page: int, max_pixels: int) -> tuple[dict[str, Any], bytes]:
    """Decode the primary image, which libheif turns upright."""
    import pi_heif

    image = pi_heif.open_heif(io.BytesIO(content), bgr_mode=True)
    width, height = image.size
    if width * height > max_pixels:
        return {"pages": 1, "too_large": [width, height]}, b""
    pixels = bytes(image.data)
    shape = [height, width, len(image.mode)]
    return {"pages": 1, "shape": shape, "stride": image.stride, "scale": 1}, pixels


def _limit(seconds: int, most_bytes: int) -> None:
    """Bound what this process takes, where the system can; who waits for it has a watch too."""
    with contextlib.suppress(ImportError):
        import resource

        for kind, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, most_bytes)):
            with contextlib.suppress(ValueError, OSError):  # macOS bounds no memory
                resource.setrlimit(kind, (most, most))


def main() -> None:
    """Decode what standard input holds; any exception means that it cannot be."""
    kind = sys.argv[1]
    page, max_pixels, seconds, most_bytes = (int(argument) for argument in sys.argv[2:])
    _limit(seconds, most_bytes)
    decode = {"PDF": _pdf, "HEIC": _heic}[kind]
    about, pixels = decode(sys.stdin.buffer.read(), page, max_pixels)
    sys.stdout.buffer.write(json.dumps(about).encode() + b"\n" + pixels)


if __name__ == "__main__":
    main()
