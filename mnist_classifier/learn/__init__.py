"""Learning digits: from images to a judged network in a run folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnist_classifier.learn.estimator import DigitClassifier

__all__ = ["DigitClassifier"]


def __getattr__(name: str) -> Any:
    """Import the public name when it is first used: its package is imported without Keras."""
    if name in __all__:
        from mnist_classifier.learn.estimator import DigitClassifier

        return DigitClassifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
