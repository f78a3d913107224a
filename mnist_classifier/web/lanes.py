"""Two lanes of threads, so that large pictures hold up no small ones."""

from __future__ import annotations

from mnist_classifier.headers import HeaderError, picture_size
from mnist_classifier.web.threads import Threads

# Pixels of the largest picture that the page makes of what is drawn.
_SMALL = 640 * 480


class Lanes:
    """The threads of a worker.

    The lane for large pictures has a thread less than the one for all other work, where there are
    several: the cores are never all theirs.
    """

    def __init__(self, threads: int) -> None:
        self.small = Threads(threads)
        self.large = Threads(max(1, threads - 1))

    def of(self, picture: bytes) -> Threads:
        """Return the lane for a picture file, by the size that its header states."""
        try:
            width, height = picture_size(picture)
        except HeaderError:
            return self.small  # it is refused in a moment
        return self.small if width * height <= _SMALL else self.large

    @property
    def given_up(self) -> int:
        """The number of functions that run although nobody waits for them."""
        return self.small.given_up + self.large.given_up

    def close(self) -> None:
        """End the threads."""
        self.small.close()
        self.large.close()
