"""Learn handwritten digits from MNIST, judge the result, and read digits anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mnist_classifier.version import __version__

if TYPE_CHECKING:
    from mnist_classifier.normalisation import normalise
    from mnist_classifier.read.model import Judgement
    from mnist_classifier.read.reader import DigitReader
    from mnist_classifier.read.reading import Digit, Reading

__all__ = ["Digit", "DigitReader", "Judgement", "Reading", "__version__", "normalise"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import mnist_classifier`` stays light."""
    if name in __all__:
        from mnist_classifier.read import reader

        return getattr(reader, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
