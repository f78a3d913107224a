"""Connectionist temporal classification: the columns of a line → texts and their probabilities.

Each column has one of the characters or none; a text is what is left when neighbouring columns of
one character count once and those of none are dropped (Graves, Fernández, Gomez and Schmidhuber,
"Connectionist temporal classification", 2006). A text's probability is the sum over all its ways
through the columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

NOTHING = 0
"""The index of "no character" in each column; characters begin at 1."""


def column_probabilities(logits: npt.NDArray[np.floating], temperature: float = 1.0) -> Doubles:
    """Return probabilities of the shape of the logits, ``(…, columns, 1 + characters)``."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def likeliest_path(columns: npt.NDArray[np.floating]) -> list[int]:
    """Return the text, as indices from 1, of each column's likeliest character.

    Args:
        columns: Probabilities or logits, shape ``(columns, 1 + characters)``.
    """
    best = columns.argmax(axis=-1)
    begins = (best != NOTHING) & (best != np.concatenate([[NOTHING], best[:-1]]))
    return [int(index) for index in best[begins]]


def text_probability(columns: Doubles, indices: Sequence[int]) -> float:
    """Return the probability of a text: the forward algorithm of Graves and others.

    Args:
        columns: Shape ``(columns, 1 + characters)``.
        indices: Of the text's characters, from 1.
    """
    return float(text_probabilities([columns], [indices])[0, 0])


def text_probabilities(lines: Sequence[Doubles], texts: Sequence[Sequence[int]]) -> Doubles:
    """Return the probability of each text in each line, shape ``(lines, texts)``.

    Args:
        lines: Columns of each, shape ``(columns, 1 + characters)``.
        texts: Indices of each one's characters, from 1.
    """
    # Shorter lines end in columns of no character, which change nothing.
    padded = np.zeros((max(map(len, lines)), len(lines), lines[0].shape[1]))
    padded[:, :, NOTHING] = 1
    for number, columns in enumerate(lines):
        padded[: len(columns), number] = columns
    # The states behind a shorter text's own are never looked at.
    states = np.full((len(texts), 2 * max(map(len, texts)) + 1), NOTHING)
    for own, indices in zip(states, texts, strict=True):
        own[1 : 2 * len(indices) : 2] = indices
    # A way may pass over "no character" between two characters that differ.
    skip = np.zeros(states.shape, bool)
    skip[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    ways = np.zeros((len(lines), *states.shape))
    ways[:, :, :2] = padded[0][:, states[:, :2]]
    for now in padded[1:]:
        moved = ways.copy()
        moved[:, :, 1:] += ways[:, :, :-1]
        moved[:, :, 2:] += np.where(skip[:, 2:], ways[:, :, :-2], 0)
        ways = moved * now[:, states]
    ends = np.array([2 * len(indices) for indices in texts])
    each = np.arange(len(texts))
    in_last = np.where(ends > 0, ways[:, each, ends - 1], 0)
    return np.asarray(ways[:, each, ends] + in_last)


def places(columns: Doubles, indices: Sequence[int]) -> list[int]:
    """Return the column of each character of a text, where it is likeliest on the text's best way.

    Args:
        columns: Shape ``(columns, 1 + characters)``.
        indices: Of the text's characters, from 1.
    """
    states = np.zeros(2 * len(indices) + 1, np.int64)
    states[1::2] = indices
    skip = np.zeros(len(states), bool)
    skip[3::2] = states[3::2] != states[1:-2:2]
    emitted = np.log(np.maximum(columns[:, states], 1e-30))
    best = np.full(len(states), -np.inf)
    best[:2] = emitted[0, :2]
    came = np.zeros((len(columns), len(states)), np.int64)
    for t in range(1, len(columns)):
        ways = np.full((3, len(states)), -np.inf)
        ways[0] = best
        ways[1, 1:] = best[:-1]
        ways[2, 2:] = np.where(skip[2:], best[:-2], -np.inf)
        came[t] = ways.argmax(axis=0)
        best = ways.max(axis=0) + emitted[t]
    state = len(states) - 1 if len(states) == 1 or best[-1] >= best[-2] else len(states) - 2
    chosen = np.full(len(indices), -1)
    strongest = np.full(len(indices), -np.inf)
    for t in range(len(columns) - 1, -1, -1):
        if state % 2 and emitted[t, state] > strongest[state // 2]:
            chosen[state // 2], strongest[state // 2] = t, emitted[t, state]
        state -= came[t, state]
    return [int(column) for column in chosen]
