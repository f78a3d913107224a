"""Memory that a training frees is kept for its next step."""

from __future__ import annotations

import ctypes
import platform

# The numbers of glibc's malloc.h, and bytes.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_ARENA = 64 << 20  # what a thread's part of the heap is made of
_LARGEST = 32 << 20  # that comes from the heap; beyond, glibc asks the system each time
_KEPT = 256 << 20  # free memory at the heap's end that stays


def keep_freed() -> bool:
    """Let this process keep freed memory, up to some hundred megabytes, until it ends.

    A training step asks for megabytes and frees them, hundreds of times a second. glibc gives them
    back to the system, which clears every page of 4 KB before it comes again: with more weights,
    and where pages are slow to be had, that takes longer than the step's arithmetic. No number in
    a training depends on it. To be called before the network is built: on memory that TensorFlow's
    threads had before, it works only in part.

    Returns:
        Whether it does: other C libraries than glibc are left as they are.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = {_MMAP_THRESHOLD: _LARGEST, _TRIM_THRESHOLD: _KEPT, _TOP_PAD: _ARENA}
    return all(mallopt(name, size) == 1 for name, size in settings.items())
