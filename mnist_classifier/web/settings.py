"""The settings and limits of a service, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mnist_classifier.errors import SettingsError

_AT_LEAST_ONE = ("max_body", "max_pixels", "max_images", "max_in_flight", "threads")


@dataclass(frozen=True)
class ServiceSettings:
    """The settings of one service.

    Raises:
        SettingsError: A limit is less than 1, or the timeout is not positive.
    """

    model: Path | None = None
    """A file made by ``mnist export``; the shipped model when None."""
    threshold: float | None = None
    """The rejection threshold, in [0, 1]; the model's own when None."""
    data_dir: Path | None = None
    """A folder with MNIST's files, for the images of the gallery; none are shown when None."""
    max_body: int = 20_000_000
    """The most bytes of a request's body."""
    max_pixels: int = 50_000_000
    """The most pixels of a picture; counted before it is decoded."""
    max_images: int = 1000
    """The most 28×28 images of a request."""
    max_in_flight: int = 64
    """The most requests in flight in a worker; further ones get 503."""
    timeout: float = 15.0
    """Seconds for a request's headers to arrive, for its body, and for its answer."""
    threads: int = 1
    """Threads that read pictures in a worker."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call the service, such as ``https://example.org``."""

    def __post_init__(self) -> None:
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not self.timeout > 0:
            raise SettingsError(f"timeout is {self.timeout}; expected seconds, more than 0")
