"""Decoding: the columns of a line → the texts that they may be, and how likely each is.

The likeliest texts are found by prefix beam search (Hannun, Maas, Jurafsky and Ng, "First-pass
large vocabulary continuous speech recognition using bi-directional recurrent DNNs", 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

from mnist_classifier.ctc import NOTHING, Doubles, text_probabilities
from mnist_classifier.read.pattern import Pattern

_BEAM = 8
_LEAST = 1e-4  # a column's characters below this probability begin no text
_CERTAIN = 0.9999  # columns that surely have no character are passed over


@dataclass(frozen=True)
class Candidate:
    """A text that a line may be.

    Attributes:
        text: Of the alphabet; may be empty.
        probability: Of the whole text, in [0, 1].
    """

    text: str
    probability: float


def candidates(
    columns: Doubles, alphabet: str, pattern: Pattern | None = None, count: int = 3
) -> list[Candidate]:
    """Return the likeliest texts, the likeliest first.

    Args:
        columns: Shape ``(columns, 1 + characters)``, rows sum to 1.
        alphabet: The characters.
        pattern: What texts must match; characters that it does not name count as none, and
            probabilities are then given that a text matches. ``None``: any text.
        count: The most texts returned; without a pattern at least one, with one maybe none.
    """
    if pattern:
        columns = limited(columns, alphabet, pattern)
    found = _beam_search(columns, alphabet, pattern)
    if not found:
        return []
    texts = [[alphabet.index(c) + 1 for c in text] for text in found]
    (probable,) = text_probabilities([columns], texts)
    scored = [Candidate(text, float(own)) for text, own in zip(found, probable, strict=True)]
    scored.sort(key=lambda candidate: -candidate.probability)
    if pattern:
        total = max(sum(candidate.probability for candidate in scored), 1e-300)
        scored = [Candidate(c.text, c.probability / total) for c in scored]
    return scored[:count]


def limited(columns: Doubles, alphabet: str, pattern: Pattern) -> Doubles:
    """Return columns in which characters that a pattern does not name count as none."""
    banned = [i for i, character in enumerate(alphabet, 1) if character not in pattern.characters]
    changed: Doubles = columns.copy()
    changed[:, NOTHING] += changed[:, banned].sum(axis=1)
    changed[:, banned] = 0
    return changed


def _beam_search(columns: Doubles, alphabet: str, pattern: Pattern | None) -> list[str]:
    """Return some likely texts that match the pattern."""
    # Of each prefix: the probability of its ways that end in no character, and in its last one.
    beam: dict[str, tuple[float, float]] = {"": (1.0, 0.0)}
    states = {"": pattern.start} if pattern else {}
    for column in columns:
        nothing = float(column[NOTHING])
        if nothing > _CERTAIN:
            beam = {text: (a + b, 0.0) for text, (a, b) in beam.items()}
            continue
        likely = [(alphabet[i], float(column[i + 1])) for i in (column[1:] > _LEAST).nonzero()[0]]
        own = dict(likely)
        longer: dict[str, list[float]] = {}
        for text, (ended, open_) in beam.items():
            entry = longer.setdefault(text, [0.0, 0.0])
            entry[0] += (ended + open_) * nothing
            if text:
                entry[1] += open_ * own.get(text[-1], 0.0)
            for character, probability in likely:
                after = text + character
                if pattern and after not in states:
                    states[after] = pattern.step(states[text], character)
                if pattern and not states[after]:
                    continue
                before = ended if text and text[-1] == character else ended + open_
                longer.setdefault(after, [0.0, 0.0])[1] += before * probability
        kept = sorted(longer.items(), key=lambda item: -sum(item[1]))[
            : _BEAM if not pattern else 64
        ]
        total = sum(kept[0][1]) or 1.0
        beam = {text: (a / total, b / total) for text, (a, b) in kept}
    return [text for text in beam if not pattern or pattern.ends(states[text])]
