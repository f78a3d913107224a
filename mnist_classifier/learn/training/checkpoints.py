"""Checkpoints: what a training needs to go on after its last finished epoch, bit for bit."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import OutputError, RunError
from mnist_classifier.npz import read_npz

Arrays = list[npt.NDArray[np.generic]]

FOLDER = "checkpoints"
_KEPT = 2
_LARGEST = 2**28  # bytes; our largest network's have a third of it
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Checkpoint:
    """A training after one of its epochs.

    Attributes:
        variables: All that training changes: weights, optimizer, seeds of dropout.
        kept: The weights that the network has when training ends here.
        state: History, early stopping's state and seconds spent, as JSON can hold them.
    """

    variables: Arrays
    kept: Arrays
    state: dict[str, Any]


class Checkpoints:
    """The last two checkpoints of a run; one that is damaged or hostile is passed over.

    Each file is the SHA-256 of what follows and an ``.npz`` of arrays, without pickles. It is
    written aside, flushed to the disk and renamed: a reader finds a whole file or none.

    Args:
        run: The run folder.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._folder = run / FOLDER
        self.damaged: list[Path] = []
        """The files that `load` passed over, those of stages too."""

    def of_stage(self, name: str) -> Checkpoints:
        """Return the checkpoints of a stage, in a folder of their own; ``""`` is the run's own."""
        own = Checkpoints(self._run)
        own._folder = self._folder / name
        own.damaged = self.damaged
        return own

    def save(self, epoch: int, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and remove all but the last two.

        Args:
            epoch: How many epochs are finished.
            checkpoint: What to write.

        Raises:
            OutputError: The disk is full or refuses.
        """
        buffer = io.BytesIO()
        arrays = {f"variable{i}": array for i, array in enumerate(checkpoint.variables)}
        arrays |= {f"kept{i}": array for i, array in enumerate(checkpoint.kept)}
        np.savez(buffer, state=np.array(json.dumps(checkpoint.state)), **arrays)  # type: ignore[arg-type]
        content = buffer.getvalue()
        path = self._folder / f"epoch-{epoch:05}"
        aside = path.with_suffix(".part")
        try:
            for folder in (self._run / FOLDER, self._folder):
                folder.mkdir(exist_ok=True)
            aside.unlink(missing_ok=True)  # a link, or what blocks when it is opened
            try:
                with aside.open("wb") as file:
                    file.write(hashlib.sha256(content).digest() + content)
                    file.flush()
                    os.fsync(file.fileno())
                aside.replace(path)
            finally:
                aside.unlink(missing_ok=True)
            for old in self._files()[_KEPT:]:
                old.unlink()
        except OSError as error:
            if not self._run.exists():
                raise OutputError(
                    f"{self._run} is gone; expected it to stay while training goes on: train anew"
                ) from error
            raise OutputError(
                f"{path} cannot be written ({error.strerror or error}); expected a writable folder "
                f"with room: what was learned before is kept: make room, then run  "
                f"mnist train --resume {self._run}"
            ) from error

    def load(self) -> Checkpoint | None:
        """Return the newest checkpoint that is whole; None where none was saved.

        Raises:
            RunError: All are damaged.
        """
        files = self._files()[:_KEPT]
        for place, path in enumerate(files):
            if found := _read(path):
                self.damaged += files[:place]
                return found
        if files:
            raise RunError(
                f"{self._folder} holds no checkpoint that is whole; expected one that this program "
                f"saved: remove {' and '.join(path.name for path in files)} to begin without"
            )
        return None

    def epochs(self) -> int:
        """Return how many epochs are saved, of all stages together."""
        newest: dict[Path, int] = {}
        for path in self._folder.rglob("epoch-" + 5 * "[0-9]"):
            newest[path.parent] = max(newest.get(path.parent, 0), int(path.name[6:]))
        return sum(newest.values())

    def clear(self) -> None:
        """Remove all checkpoints, when training is done and all is saved."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        """Return the checkpoints' files, newest first."""
        return sorted(self._folder.glob("epoch-" + 5 * "[0-9]"), reverse=True)


def _read(path: Path) -> Checkpoint | None:
    """Return what a file holds, None if it is not what was written or nothing can be learned of."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        content = path.read_bytes()
        digest, content = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(content).digest() != digest:
            return None
        arrays = read_npz(io.BytesIO(content), len(content))
        variables, kept = (
            [arrays[f"{kind}{i}"] for i in range(sum(name.startswith(kind) for name in arrays))]
            for kind in ("variable", "kept")
        )
        if not all(map(_are_numbers, [*variables, *kept])):
            return None
        return Checkpoint(variables, kept, json.loads(str(arrays["state"])))
    except (OSError, ValueError, KeyError, RecursionError):
        return None


def _are_numbers(values: npt.NDArray[np.generic]) -> bool:
    """Tell whether there is neither NaN nor infinity: training would only spread them."""
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())
