"""Files of networks: ONNX with a model card inside, shipped or from ``mnist export``."""

from __future__ import annotations

import json
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import ModelError
from mnist_classifier.normalisation import SIDE
from mnist_classifier.onnx_runtime import import_onnx_runtime

CARD_KEY = "mnist_classifier.card"

_LEAST_TEMPERATURE = 0.01
_MAX_BYTES = 256 * 1024 * 1024


class NetworkFile:
    """A file that holds a network.

    Args:
        path: The file; the shipped one when left out.
        shipped: The shipped file's name.
        expected: What a file should be, for a person who gave another.

    Raises:
        ModelError: The file is missing, too large, or names data outside itself.
    """

    def __init__(self, path: str | Path | None, shipped: str, expected: str) -> None:
        """Read the file."""
        self._expected = expected
        self.name = "the shipped model" if path is None else str(path)
        self._content = self._read(path, shipped)
        # ONNX's key for external data. ONNX Runtime would load them from the working folder.
        if b"location" in self._content:
            raise ModelError(f"{self.name}: names data outside itself; {expected}")

    @cached_property
    def sha256(self) -> str:
        """The file's SHA-256, in hexadecimal."""
        import hashlib  # takes milliseconds, and is rarely asked for

        return hashlib.sha256(self._content).hexdigest()

    def session(self, threads: int) -> Any:
        """Open the network so that it runs each operation on so many threads.

        Raises:
            ModelError: The file is damaged or no ONNX.
        """
        onnxruntime = import_onnx_runtime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # the exception says what is wrong
        try:
            return onnxruntime.InferenceSession(
                self._content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its own exceptions share no base but this
            raise ModelError(f"{self.name}: damaged, or no ONNX file; {self._expected}") from error

    def card(self, session: Any) -> dict[str, Any]:
        """Return the model card.

        Raises:
            ModelError: There is none.
        """
        try:
            card = json.loads(session.get_modelmeta().custom_metadata_map[CARD_KEY])
        except (KeyError, ValueError, RecursionError) as error:
            raise ModelError(f"{self.name}: carries no model card; {self._expected}") from error
        if not isinstance(card, dict):
            raise ModelError(f"{self.name}: its model card is no JSON object; {self._expected}")
        return card

    def _read(self, path: str | Path | None, shipped: str) -> bytes:
        if path is None:
            return (Path(__file__).parent / "pretrained" / shipped).read_bytes()
        try:
            size = Path(path).stat().st_size
            if not Path(path).is_file():  # a pipe or a device never ends
                raise ModelError(f"cannot read {path}: no ordinary file; {self._expected}")
            if size > _MAX_BYTES:
                raise ModelError(f"{path}: more than {_MAX_BYTES:,} bytes; {self._expected}")
            return Path(path).read_bytes()
        except (OSError, ValueError) as error:
            raise ModelError(f"cannot read {path}: {error}; {self._expected}") from error


def run(
    session: Any, inputs: dict[str, npt.NDArray[np.float32]], name: str, expected: str
) -> npt.NDArray[np.float32]:
    """Run a network; return its logits.

    Raises:
        ModelError: It cannot run, or answers what are no numbers.
        MemoryError: There is not enough memory.
    """
    try:
        logits: npt.NDArray[np.float32] = session.run(["logits"], inputs)[0]
    except Exception as error:  # its own exceptions share no base but this
        if "alloc" in str(error):  # "bad allocation", "Failed to allocate": its only sign
            raise MemoryError(f"{name}: ONNX Runtime finds no memory for it") from error
        (shape,) = (given.shape for given in inputs.values())
        raise ModelError(
            f"{name}: ONNX Runtime cannot run it on an input of shape {shape}; {expected}"
        ) from error
    if not np.isfinite(logits).all():
        raise ModelError(
            f"{name}: gave logits that are no numbers (NaN or infinite); {expected}, and weights "
            "that are numbers: train it again"
        )
    return logits


def try_out(session: Any, name: str, expected: str) -> None:
    """Run a network on blank paper and on nothing but ink: what cannot be used is found at once.

    Raises:
        ModelError: It cannot run, answers what are no numbers, or wants too much memory.
    """
    (first,) = session.get_inputs()
    # Its number of examples is free, and a line's width.
    shape = [side if isinstance(side, int) else SIDE for side in first.shape[1:]]
    for ink in (0, 1):
        try:
            run(session, {first.name: np.full([1, *shape], ink, np.float32)}, name, expected)
        except MemoryError as error:
            raise ModelError(f"{name}: wants more memory than there is; {expected}") from error


def temperature_of(card: dict[str, Any], name: str, expected: str) -> float:
    """Return the temperature that a card states, if it makes sense.

    Raises:
        ModelError: There is none, or it is no number that a calibration could come to.
    """
    temperature = number_of(card, "temperature", name, expected)
    if not _LEAST_TEMPERATURE <= temperature <= 1 / _LEAST_TEMPERATURE:
        raise ModelError(
            f"{name}: its card's temperature is {temperature}; expected a number from "
            f"{_LEAST_TEMPERATURE} to {1 / _LEAST_TEMPERATURE:.0f}: export it again"
        )
    return temperature


def number_of(card: Any, key: str, name: str, expected: str) -> float:
    """Return a number that a card, or a part of it, states.

    Raises:
        ModelError: There is none.
    """
    number = card.get(key) if isinstance(card, dict) else None
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise ModelError(f"{name}: its card lacks {key!r}, a number; {expected}")
    return float(min(max(number, -sys.float_info.max), sys.float_info.max))
