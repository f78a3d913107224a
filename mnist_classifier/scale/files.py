"""Pictures that are files of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from mnist_classifier.read.picture import MAX_BYTES, Fetched, Picture
from mnist_classifier.scale import storage
from mnist_classifier.scale.listing import Item

_AT_ONCE = 16  # files that are fetched from elsewhere while others are read


def fetch(items: Sequence[Item]) -> Iterator[Picture]:
    """Yield files: their paths on this machine, and the bytes of those that lie elsewhere."""
    if not any(storage.is_remote(item.picture) for item in items):
        yield from (item.picture for item in items)
        return
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        coming: deque[Future[Picture]] = deque()
        for item in items:
            coming.append(threads.submit(file_of, item.picture))
            if len(coming) >= _AT_ONCE:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def file_of(name: str) -> Picture:
    """Return a path on this machine as it is; of a file elsewhere its bytes, or why it has none."""
    if not storage.is_remote(name):
        return name
    try:
        content = storage.read_file(name, MAX_BYTES)
    except (OSError, ValueError) as error:
        return Fetched(
            name,
            b"",
            f"cannot read {name}: {storage.reason(error)}; expected a picture file: check the path",
        )
    if len(content) > MAX_BYTES:
        message = f"{name} has more than {MAX_BYTES:,} bytes; expected fewer: make it smaller"
        return Fetched(name, b"", message)
    return Fetched(name, content)
