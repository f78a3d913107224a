"""The settings and limits of a service, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mnist_classifier.errors import SettingsError

LOGS = ("text", "json", "none")
_AT_LEAST_ONE = ("max_body", "max_pixels", "max_images", "max_in_flight", "threads")


_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")


def _is_origin(text: str) -> bool:
    """Return whether a browser could send this as a page's origin: ``scheme://host[:port]``."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.netloc if port is None else parts.netloc.removesuffix(f":{port}")
    return (
        bool(parts.scheme and _HOST.fullmatch(host))
        and f"{parts.scheme}://{parts.netloc}" == text
        and port not in (0, _DEFAULT_PORTS.get(parts.scheme, 0))
    )


@dataclass(frozen=True)
class ServiceSettings:
    """The settings of one service.

    Raises:
        SettingsError: A limit is less than 1, the timeout is not positive, an
            origin is none, or there is no such log.
    """

    model: Path | None = None
    """A file made by ``mnist export``; the shipped model when None."""
    line_model: Path | None = None
    """The same of a network that reads lines."""
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
    """Origins whose pages may call the service, as browsers send them: ``https://example.org``."""
    access_log: str = "none"
    """How requests and faults are logged: text or json; with none, faults alone, as text."""

    def __post_init__(self) -> None:
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not self.timeout > 0:
            raise SettingsError(f"timeout is {self.timeout}; expected seconds, more than 0")
        if self.access_log not in LOGS:
            raise SettingsError(
                f"access_log is {self.access_log!r}; expected one of {', '.join(LOGS)}"
            )
        for origin in self.cors_origins:
            if not _is_origin(origin):
                raise SettingsError(
                    f"cors_origins has {origin!r}; expected scheme://host or scheme://host:port in "
                    "lower case, without a path and without the scheme's own port"
                )
