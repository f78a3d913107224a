"""The model of lines: networks, each with its card in one ONNX file; reads strips of any width."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_classifier.ctc import Doubles, column_probabilities
from mnist_classifier.errors import ModelError
from mnist_classifier.normalisation import LINE_HEIGHT, normalise_lines
from mnist_classifier.read.network_file import NetworkFile, run, temperature_of, try_out

Greys = npt.NDArray[np.uint8]
"""Greys, shape ``(32, width)``."""

COLUMN = 4
"""Pixels of a strip to one column of answers."""

_EXPECTED = (
    "expected an ONNX file made by  mnist export  of the recipe lines: input lines float32 "
    "(n, 32, width, 1), output logits float32 (n, columns, 1 + characters)"
)
_MOST_CHARACTERS = 100
_SHIPPED = ("lines.onnx", "lines-2.onnx")


class LineModel:
    """Networks that read strips of pictures, in turns; safe to use from several threads.

    Strips of one line vote, and networks that learned apart seldom make the same mistake. So two
    that read half of the strips each are right more often than either, at the same cost.
    """

    def __init__(self, path: str | Path | None = None, threads: int | None = None) -> None:
        """Load the networks.

        Args:
            path: A file made by ``mnist export``, of one network; the shipped ones when left out.
            threads: Threads for several strips; as many as processors when left out.

        Raises:
            ModelError: The file is missing, damaged, or another network.
        """
        names = _SHIPPED if path is None else (str(path),)
        self._networks = [_Network(NetworkFile(path, name, _EXPECTED)) for name in names]
        self._threads = threads or os.cpu_count() or 1
        self.alphabet = self._networks[0].alphabet
        self.cards = [network.card for network in self._networks]

    @property
    def sha256(self) -> str:
        """The files' SHA-256, in hexadecimal, joined by "+"."""
        return "+".join(network.file.sha256 for network in self._networks)

    def columns(self, strips: Sequence[Greys]) -> list[Doubles]:
        """Return the probabilities of each strip's columns.

        Args:
            strips: Greys of any contrast, shape ``(32, width)``; the width a multiple of 4.

        Returns:
            For each strip, shape ``(width / 4, 1 + characters)``; rows sum to 1. First stands "no
            character", then the alphabet.
        """
        turns = list(zip(cycle(self._networks), strips, strict=False))
        if len(strips) < 2 or self._threads == 1:
            return [network.read(strip) for network, strip in turns]
        from concurrent.futures import ThreadPoolExecutor  # takes long to import

        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(lambda turn: turn[0].read(turn[1]), turns))


class _Network:
    """One network.

    Args:
        file: The file that holds it.

    Raises:
        ModelError: The file is damaged, or of another network.
    """

    def __init__(self, file: NetworkFile) -> None:
        self.file, self._name = file, file.name
        # A strip runs on one thread, and strips side by side: none waits for another.
        self._session = file.session(1)
        self.card = file.card(self._session)
        self._temperature = temperature_of(self.card, file.name, _EXPECTED)
        self.alphabet = self._alphabet()
        self._check_shapes()
        try_out(self._session, file.name, _EXPECTED)

    def read(self, strip: Greys) -> Doubles:
        """Return the probabilities of a strip's columns, see `LineModel.columns`."""
        lines = normalise_lines(strip[None])[..., None]
        logits = run(self._session, {"lines": lines}, self._name, _EXPECTED)
        if logits.shape != (1, strip.shape[1] // COLUMN, 1 + len(self.alphabet)):
            raise ModelError(f"{self._name}: gave logits of shape {logits.shape}; {_EXPECTED}")
        return column_probabilities(logits[0], self._temperature)

    def _alphabet(self) -> str:
        alphabet = self.card.get("alphabet")
        if (
            not isinstance(alphabet, str)
            or not set("0123456789") <= set(alphabet)
            or len(set(alphabet)) != len(alphabet)
            or not alphabet.isprintable()
            or len(alphabet) > _MOST_CHARACTERS
        ):
            raise ModelError(
                f"{self._name}: its card's alphabet is {str(alphabet)[:80]!r}; expected the ten "
                "digits and maybe more characters that print, each once: export it again"
            )
        return alphabet

    def _check_shapes(self) -> None:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        fits = [(v.name, v.type, v.shape[1], v.shape[3:]) for v in inputs if len(v.shape) == 4] == [
            ("lines", "tensor(float)", LINE_HEIGHT, [1])
        ] and [(v.name, v.type, v.shape[2:]) for v in outputs if len(v.shape) == 3] == [
            ("logits", "tensor(float)", [1 + len(self.alphabet)])
        ]
        if not fits:
            found = _described(inputs), _described(outputs)
            raise ModelError(
                f"{self._name}: another network: input {found[0]}, output {found[1]}; {_EXPECTED}"
            )


def _described(values: list[Any]) -> str:
    return " and ".join(f"{v.name} {v.type} {v.shape}" for v in values)
