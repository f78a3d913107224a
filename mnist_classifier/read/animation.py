"""Animations: the frames of a GIF or PNG that follow the first.

Of a WebP only the first is read: OpenCV before 5 cannot decode its further ones from memory.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

_MOST_FRAMES = 100
_MOST_PIXELS = 25_000_000  # of all frames that are decoded
# A format's first bytes, and those that stand in a file of it if it is animated.
_FORMATS = ((b"GIF8", b""), (b"\x89PNG", b"acTL"))


def may_move(content: bytes) -> bool:
    """Return whether a picture file may have several frames."""
    return any(content.startswith(magic) and chunk in content for magic, chunk in _FORMATS)


def further_frames(content: bytes, pixels: int) -> list[npt.NDArray[np.generic]]:
    """Decode the frames after an animation's first, as far as that takes bounded work.

    Args:
        content: A picture file whose first frame OpenCV can decode.
        pixels: Of one frame.

    Returns:
        The frames, as OpenCV decodes them; none where there is one frame, or each is too large.
    """
    count = min(_MOST_FRAMES, _MOST_PIXELS // pixels)
    if count < 2:
        return []
    decoded, animation = cv2.imdecodeanimation(np.frombuffer(content, np.uint8), 0, count)
    return list(animation.frames[1:]) if decoded else []
