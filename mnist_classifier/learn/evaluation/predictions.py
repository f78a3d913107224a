"""What a network answered for each image of a test set, kept for comparing networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import RunError
from mnist_classifier.npz import read_npz

FILE = "answers.npz"
_KINDS = {"dataset": "U", "sha256": "U", "labels": "u", "probabilities": "f"}
_ROUNDED_ONE = 1.001  # with more room than float32's rounding needs
_LARGEST = 2**28  # bytes: answers to five million images


@dataclass(frozen=True)
class Predictions:
    """A network's predictions on a test set.

    Attributes:
        dataset: The data set's name.
        sha256: Of the test images and of their labels, written as IDX files.
        labels: uint8, shape (n,), 0 to 9.
        probabilities: float32, shape (n, 10), rows sum to at most 1.
    """

    dataset: str
    sha256: tuple[str, str]
    labels: npt.NDArray[np.uint8]
    probabilities: npt.NDArray[np.float32]

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether each image's most probable class is the labelled one, shape (n,)."""
        right: npt.NDArray[np.bool_] = self.probabilities.argmax(axis=1) == self.labels
        return right

    def save(self, path: Path) -> None:
        """Write a NumPy archive."""
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                dataset=np.array(self.dataset),
                sha256=np.array(self.sha256),
                labels=self.labels,
                probabilities=self.probabilities,
            )

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read a NumPy archive as data; nothing in it is run.

        Raises:
            RunError: The file is missing, damaged or holds something else.
        """
        if not path.is_file():
            raise _damaged(path, "no ordinary file")
        try:
            arrays = read_npz(path, _LARGEST)
            text, hashes, labels, probabilities = (arrays[name] for name in _KINDS)
        except (OSError, ValueError, KeyError) as error:
            raise _damaged(path, str(error)) from error
        expected = ((), (2,), (labels.size,), (labels.size, 10))
        shapes = (text.shape, hashes.shape, labels.shape, probabilities.shape)
        if shapes != expected or not labels.size:
            raise _damaged(path, f"shapes {', '.join(map(str, shapes))}")
        kinds = [array.dtype.kind for array in (text, hashes, labels, probabilities)]
        if kinds != list(_KINDS.values()):
            raise _damaged(path, f"{labels.dtype} and {probabilities.dtype}")
        sums = probabilities.sum(axis=1)  # NaN and infinity fail each comparison
        if labels.max() > 9 or not (probabilities.min() >= 0 and sums.max() <= _ROUNDED_ONE):
            raise RunError(
                f"{path} holds labels above 9 or numbers that are no probabilities, as a network "
                "answers that has diverged; expected labels and probabilities: leave the run out, "
                "or train it again"
            )
        one, other = hashes.tolist()
        return cls(text.item(), (one, other), labels, probabilities)


def _damaged(path: Path, reason: str) -> RunError:
    return RunError(
        f"{path} cannot be read ({reason}); expected a network's answers: "
        f"write them again with  mnist evaluate {path.parent}"
    )
