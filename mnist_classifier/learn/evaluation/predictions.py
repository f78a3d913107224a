"""What a network answered for each image of a test set, kept for comparing networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import RunError

FILE = "answers.npz"


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
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                answers = cls(
                    str(archive["dataset"]),
                    (str(archive["sha256"][0]), str(archive["sha256"][1])),
                    archive["labels"],
                    archive["probabilities"],
                )
        except Exception as error:  # NumPy and zipfile raise errors of any class on damaged bytes
            raise _damaged(path, str(error) or type(error).__name__) from error
        shape = (len(answers.labels), 10) if answers.labels.ndim == 1 else None
        if not shape or not shape[0] or answers.probabilities.shape != shape:
            raise _damaged(path, f"shapes {answers.labels.shape} and {answers.probabilities.shape}")
        kinds = answers.labels.dtype.kind, answers.probabilities.dtype.kind
        if kinds != ("u", "f"):
            raise _damaged(path, f"{answers.labels.dtype} and {answers.probabilities.dtype}")
        return answers


def _damaged(path: Path, reason: str) -> RunError:
    return RunError(
        f"{path} cannot be read ({' '.join(reason.split())}); expected a network's answers: "
        f"write them again with  mnist evaluate {path.parent}"
    )
