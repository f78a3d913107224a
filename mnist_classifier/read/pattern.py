"""Patterns: what a number is known to look like, such as ``####`` or ``#{1,3},##``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mnist_classifier.errors import SettingsError

DIGITS = "0123456789"
SEPARATORS = ".,-/:"
MOST_CHARACTERS = 40

_TOKEN = re.compile(r"(#|[0-9]|[.,\-/:])(?:\{(\d{1,2})(?:,(\d{1,2}))?\}|(\?))?")

State = frozenset[int]
"""How many of the pattern's characters may stand before the next."""


@dataclass(frozen=True)
class Pattern:
    """A pattern, a character after the other.

    Attributes:
        text: As it was given.
        steps: For each character of the pattern, what may stand there and whether it may be left
            out.
    """

    text: str
    steps: tuple[tuple[str, bool], ...]

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read a pattern.

        ``#`` is any digit; a digit or one of ``. , - / :`` is itself; ``{n}`` or ``{m,n}`` behind
        either repeats it n, or m to n, times; ``?`` behind it: it may be left out.

        Raises:
            SettingsError: It is no pattern.
        """
        expected = "expected # for a digit, {3} or {1,3} to repeat, ? to leave out: such as ##,#"
        steps: list[tuple[str, bool]] = []
        place = 0
        while place < len(text):
            token = _TOKEN.match(text, place)
            if token is None:
                raise SettingsError(f"the pattern {text!r} has {text[place]!r}; {expected}")
            character, low, high, optional = token.groups()
            least = int(low) if low else 0 if optional else 1
            most = int(high) if high else max(least, 1) if not low else least
            if most < least or most < 1:
                raise SettingsError(f"the pattern {text!r} repeats {token[0]!r}; {expected}")
            allowed = DIGITS if character == "#" else character
            steps += [(allowed, False)] * least + [(allowed, True)] * (most - least)
            place = token.end()
        if not steps:
            raise SettingsError(f"the pattern is empty; {expected}")
        if len(steps) > MOST_CHARACTERS:
            raise SettingsError(
                f"the pattern {text!r} has {len(steps)} characters; expected at most "
                f"{MOST_CHARACTERS}: make it shorter"
            )
        return cls(text, tuple(steps))

    @property
    def characters(self) -> frozenset[str]:
        """All characters that it names."""
        return frozenset("".join(allowed for allowed, _ in self.steps))

    @property
    def start(self) -> State:
        """The state before the first character."""
        return self._reach({0})

    def step(self, state: State, character: str) -> State:
        """Return the state after a character; empty where it may not stand there."""
        return self._reach(
            {i + 1 for i in state if i < len(self.steps) and character in self.steps[i][0]}
        )

    def ends(self, state: State) -> bool:
        """Return whether a text may end here."""
        return len(self.steps) in state

    def _reach(self, places: set[int]) -> State:
        """Add the places that are reached by leaving characters out."""
        for place in sorted(places):
            while place < len(self.steps) and self.steps[place][1]:
                place += 1
                places.add(place)
        return frozenset(places)
