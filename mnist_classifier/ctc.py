"""Connectionist temporal classification: the columns of a line → texts and their probabilities.

Each column has one of the characters or none; a text is what is left when neighbouring columns of
one character count once and those of none are dropped (Graves, Fernández, Gomez and Schmidhuber,
"Connectionist temporal classification", 2006). A text's probability is the sum over all its ways
through the columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

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


def likeliest_path(columns: npt.NDArray[np.floating]) -> tuple[list[int], list[int]]:
    """Return the text of each column's likeliest character, and where its characters are likeliest.

    Args:
        columns: Probabilities or logits, shape ``(columns, 1 + characters)``.

    Returns:
        The text, as indices from 1; and each character's column, as `places` finds them.
    """
    best, likely = columns.argmax(axis=-1), columns.max(axis=-1)
    starts = np.flatnonzero(best[1:] != best[:-1]) + 1
    runs = [
        (int(best[start]), int(start + likely[start:end].argmax()))
        for start, end in pairwise([0, *starts, len(best)])
        if best[start] != NOTHING
    ]
    return [index for index, _ in runs], [column for _, column in runs]


def own_probabilities(lines: Sequence[Doubles], texts: Sequence[Sequence[int]]) -> Doubles:
    """Return the probability of each line's own text, shape ``(lines,)``.

    The forward algorithm of Graves and others.

    Args:
        lines: Columns of each, shape ``(columns, 1 + characters)``.
        texts: One for each line: indices of its characters, from 1.
    """
    order = _longest_first(lines)
    states, skip = _states([texts[number] for number in order])
    each = np.arange(len(lines))[:, None]
    emitted = (now[each[: len(now)], states[: len(now)]] for now in _columns(lines, order))
    return _forward(emitted, skip, _ends(texts)[order])[np.argsort(order)]


def own_log_likelihoods(
    columns: npt.NDArray[np.floating], texts: Sequence[Sequence[int]]
) -> Doubles:
    """Return the logarithm of each line's `own_probabilities`, shape ``(lines,)``.

    It takes longer, and is right where the probability itself would be too small for a number. Of
    a text that has no way through the columns it is minus infinity.

    Args:
        columns: Logarithms of probabilities, shape ``(lines, columns, 1 + characters)``.
        texts: One for each line: indices of its characters, from 1.
    """
    states, skip = _states(texts)
    each = np.arange(len(columns))[:, None]
    ways = np.full(states.shape, -np.inf)
    ways[:, :2] = columns[each, 0, states[:, :2]]
    passing = np.where(skip, 0.0, -np.inf)[:, 2:]
    for t in range(1, columns.shape[1]):
        moved = ways.copy()
        moved[:, 1:] = np.logaddexp(ways[:, 1:], ways[:, :-1])
        moved[:, 2:] = np.logaddexp(moved[:, 2:], ways[:, :-2] + passing)
        ways = moved + columns[each, t, states]
    lines, ends = each[:, 0], _ends(texts)
    in_last = np.where(ends > 0, ways[lines, ends - 1], -np.inf)
    return np.asarray(np.logaddexp(ways[lines, ends], in_last))


def text_probabilities(lines: Sequence[Doubles], texts: Sequence[Sequence[int]]) -> Doubles:
    """Return the probability of each text in each line, shape ``(lines, texts)``.

    Args:
        lines: Columns of each, shape ``(columns, 1 + characters)``.
        texts: Indices of each one's characters, from 1.
    """
    order = _longest_first(lines)
    states, skip = _states(texts)
    emitted = (now.take(states, axis=1) for now in _columns(lines, order))
    return _forward(emitted, skip, _ends(texts))[np.argsort(order)]


def places(columns: Doubles, text: Sequence[int]) -> list[int]:
    """Return the column of each character of a line's text.

    It is where the character is likeliest on the text's best way through the columns.

    Args:
        columns: Shape ``(columns, 1 + characters)``.
        text: Indices of its characters, from 1.
    """
    if not text:
        return []
    (states,), (skip,) = _states([text])
    emitted = np.log(np.maximum(columns[:, states], 1e-30))
    ways = np.full((3, len(states)), -np.inf)
    best = ways[0].copy()
    best[:2] = emitted[0, :2]
    came = np.zeros(emitted.shape, np.int8)
    never = np.where(skip, 0.0, -np.inf)[2:]
    for t in range(1, len(emitted)):
        ways[0] = best
        ways[1, 1:] = best[:-1]
        ways[2, 2:] = best[:-2] + never
        came[t] = ways.argmax(axis=0)
        best = ways.max(axis=0) + emitted[t]
    state = len(states) - (1 if best[-1] >= best[-2] else 2)
    where, strongest = [0] * len(text), [-np.inf] * len(text)
    for t in range(len(emitted) - 1, -1, -1):
        character, between = divmod(state, 2)
        if between and emitted[t, state] > strongest[character]:
            where[character], strongest[character] = t, emitted[t, state]
        state -= came[t, state]
    return where


def _longest_first(lines: Sequence[Doubles]) -> list[int]:
    """Return the lines' numbers, those of most columns first."""
    return sorted(range(len(lines)), key=lambda number: -len(lines[number]))


def _columns(lines: Sequence[Doubles], order: Sequence[int]) -> Iterator[Doubles]:
    """Yield column t of all lines that have one, for each t: shape ``(lines, 1 + characters)``.

    Args:
        lines: Columns of each, shape ``(columns, 1 + characters)``.
        order: The lines' numbers, the longest first.
    """
    lengths = [len(lines[number]) for number in order]
    stacked = np.zeros((lengths[0], len(lines), lines[0].shape[1]))
    for place, number in enumerate(order):
        stacked[: lengths[place], place] = lines[number]
    left = len(lines)
    for t, now in enumerate(stacked):
        while lengths[left - 1] <= t:
            left -= 1
        yield now[:left]


def _states(texts: Sequence[Sequence[int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return each text's characters with "no character" about them, and which may be skipped to.

    Both have the shape ``(texts, states)``; those behind a shorter text's own are never looked at.
    """
    states = np.full((len(texts), 2 * max(map(len, texts)) + 1), NOTHING)
    for own, indices in zip(states, texts, strict=True):
        own[1 : 2 * len(indices) : 2] = indices
    # A way may pass over "no character" between two characters that differ.
    skip = np.zeros(states.shape, bool)
    skip[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    return states, skip


def _ends(texts: Sequence[Sequence[int]]) -> npt.NDArray[np.int64]:
    """Return the last state of each text."""
    return np.array([2 * len(indices) for indices in texts])


def _forward(
    emitted: Iterable[Doubles], skip: npt.NDArray[np.bool_], ends: npt.NDArray[np.int64]
) -> Doubles:
    """Return texts' probabilities, shape ``(…, texts)``.

    Args:
        emitted: For each column the probability of each state's character, ``(…, texts, states)``.
            Along the first axis there may be fewer from column to column: the last have ended.
        skip: Which states may be skipped to, shape ``(texts, states)``.
        ends: The last state of each text.
    """
    columns = iter(emitted)
    first = next(columns)
    ways = np.zeros(first.shape)
    ways[..., :2] = first[..., :2]
    moved = np.empty_like(ways)
    passing = np.broadcast_to(skip, first.shape)[..., 2:].astype(float)
    for now in columns:
        own, there = ways[: len(now)], moved[: len(now)]
        there[...] = own
        there[..., 1:] += own[..., :-1]
        there[..., 2:] += own[..., :-2] * passing[: len(now)]
        np.multiply(there, now, out=own)
    each = np.arange(len(ends))
    in_last = np.where(ends > 0, ways[..., each, ends - 1], 0)
    return np.asarray(ways[..., each, ends] + in_last)
