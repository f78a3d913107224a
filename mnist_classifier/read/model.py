"""The model file: an ONNX network with its card inside, loaded without running code from it."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import ModelError

CARD_KEY = "mnist_classifier.card"
CLASSES = 10

_CHUNK = 128
_MAX_BYTES = 256 * 1024 * 1024
_EXPECTED = (
    "expected an ONNX file made by  mnist export: "
    "input images float32 (n, 28, 28), output logits float32 (n, 10)"
)


@dataclass(frozen=True)
class Refusal:
    """When an image is refused as no digit."""

    measure: str
    """``"digit_probability"``: the network learned what is no digit, as an eleventh class with
    logit 0; ``"confidence"``: it did not, and the largest probability has to do."""
    threshold: float
    """Images that measure below are refused; in [0, 1]."""


class Model:
    """A network that turns images into logits; safe to use from several threads."""

    def __init__(self, path: str | Path | None = None, threads: int | None = None) -> None:
        """Load a model.

        Args:
            path: A file made by ``mnist export``; the shipped model when left out.
            threads: Threads for a call with many images; as many as processors when left out.

        Raises:
            ModelError: The file is missing, damaged, or another network.
        """
        name, content = _read(path)
        # The key of ONNX's external data. ONNX Runtime would look for them in the working folder.
        if b"location" in content:
            raise ModelError(f"{name}: names data outside itself; {_EXPECTED}")
        self._threads = threads or os.cpu_count() or 1
        # Few images share out each operation among the threads. Many are shared out in chunks
        # that fit a core's cache: quicker then, for no thread waits for another.
        self._few = _session(content, name, self._threads)
        self._many = self._few if self._threads == 1 else _session(content, name, 1)
        self._check_shapes(name)
        self.card = _card(self._few.get_modelmeta().custom_metadata_map, name)
        try:
            self.temperature = float(self.card["temperature"])
            refusal = self.card["refusal"]
            self.refusal = Refusal(str(refusal["measure"]), float(refusal["threshold"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{name}: its card lacks {error}; {_EXPECTED}") from error

    def logits(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return logits, shape ``(n, 10)``, of images ``(n, 28, 28)`` in [0, 1]."""
        if len(images) == 0:
            return np.empty((0, CLASSES), np.float32)
        if len(images) <= _CHUNK:
            return _run(self._few, images)
        chunks = [images[i : i + _CHUNK] for i in range(0, len(images), _CHUNK)]
        with ThreadPoolExecutor(self._threads) as pool:
            return np.concatenate(list(pool.map(partial(_run, self._many), chunks)))

    def _check_shapes(self, name: str) -> None:
        inputs, outputs = self._few.get_inputs(), self._few.get_outputs()
        found = [
            f"{kind} {' and '.join(f'{v.name} {v.type} {v.shape}' for v in values)}"
            for kind, values in (("input", inputs), ("output", outputs))
        ]
        fits = (
            [(v.name, v.type, v.shape[1:]) for v in inputs]
            == [("images", "tensor(float)", [28, 28])]
            and [(v.name, v.type, v.shape[1:]) for v in outputs]
            == [("logits", "tensor(float)", [CLASSES])]
            and not any(isinstance(v.shape[0], int) for v in (*inputs, *outputs))
        )
        if not fits:
            raise ModelError(f"{name}: another network: {', '.join(found)}; {_EXPECTED}")


def _session(content: bytes, name: str, threads: int) -> Any:
    """Open a network with so many threads in each operation."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what is wrong, the exception says
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own exceptions share no base but this
        raise ModelError(f"{name}: damaged, or no ONNX file; {_EXPECTED}") from error


def _run(session: Any, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    logits: npt.NDArray[np.float32] = session.run(["logits"], {"images": images})[0]
    return logits


def _read(path: str | Path | None) -> tuple[str, bytes]:
    if path is None:
        shipped = resources.files("mnist_classifier.read") / "pretrained" / "digits.onnx"
        return "the shipped model", shipped.read_bytes()
    try:
        if Path(path).stat().st_size > _MAX_BYTES:
            raise ModelError(f"{path}: more than {_MAX_BYTES:,} bytes; {_EXPECTED}")
        return str(path), Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}; {_EXPECTED}") from error


def _card(metadata: dict[str, str], name: str) -> dict[str, Any]:
    try:
        card = json.loads(metadata[CARD_KEY])
    except (KeyError, ValueError) as error:
        raise ModelError(f"{name}: carries no model card; {_EXPECTED}") from error
    if not isinstance(card, dict):
        raise ModelError(f"{name}: its model card is no JSON object; {_EXPECTED}")
    return card
