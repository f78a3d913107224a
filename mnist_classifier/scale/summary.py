"""A summary of an archive: how many, why not, and how surely."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mnist_classifier.read.rows import RowFacts

BARS = 10
"""Of the histogram of confidence: each a tenth of [0, 1]."""
LEAST_SURE = 60
"""Pictures on the contact sheet, and at most a tenth of those that were read."""
_REASONS = 100  # different ones; what is rarer counts as another

_NUMBER = re.compile(r"\d+(?:[,.]\d+)*")
_OTHERS = "others"


@dataclass
class Summary:
    """What all rows of an archive come to."""

    read: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """How many pictures were refused, by reason."""
    errors: Counter[str] = field(default_factory=Counter)
    """How many could not be read, by reason."""
    histogram: list[int] = field(default_factory=lambda: [0] * BARS)
    """How many of those that were read are 0–10 % sure, 10–20 %, …, 90–100 %."""
    _unsure: list[tuple[float, int, RowFacts]] = field(default_factory=list)

    def add(self, number: int, row: RowFacts) -> None:
        """Count a row; rows may come in any order.

        Args:
            number: Which one it is, from 0.
            row: What it tells.
        """
        if row.error is not None:
            _count(self.errors, _reason(row.error, row.picture))
        elif row.refused is not None:
            _count(self.refused, _reason(row.refused, row.picture))
        else:
            self.read += 1
            self.histogram[min(int(row.confidence * BARS), BARS - 1)] += 1
            least = (-row.confidence, -number, row)
            if len(self._unsure) < LEAST_SURE:
                heapq.heappush(self._unsure, least)
            else:
                heapq.heappushpop(self._unsure, least)

    @property
    def kinds(self) -> Counter[str]:
        """How many rows there are of each `Outcome.kind`."""
        refused, errors = self.refused.total(), self.errors.total()
        return Counter(read=self.read, refused=refused, error=errors)

    @property
    def least_sure(self) -> list[tuple[int, RowFacts]]:
        """The least sure rows, the least sure first, each with its number."""
        found = [(-number, row) for _, number, row in sorted(self._unsure, reverse=True)]
        return found[: -(-self.read // 10)]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as values that JSON can hold."""
        return {
            "read": self.read,
            "refused": dict(_sorted(self.refused)),
            "errors": dict(_sorted(self.errors)),
            "confidence": self.histogram,
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Summary:
        """Return a summary that was written; which pictures were least sure is not in it."""
        return cls(
            told["read"], Counter(told["refused"]), Counter(told["errors"]), told["confidence"]
        )

    def to_text(self) -> str:
        """Return what a person is told."""
        kinds = self.kinds
        lines = [f"read {kinds['read']:,}, refused {kinds['refused']:,}, errors {kinds['error']:,}"]
        for title, reasons in (("refused", self.refused), ("errors", self.errors)):
            for reason, count in _sorted(reasons)[:5]:
                lines.append(f"  {title} {count:,}: {reason}")
        most = max(self.histogram)
        for bar, count in enumerate(self.histogram):
            if not count:
                continue
            drawn = "█" * -(-30 * count // most)
            lines.append(f"  {bar * 10:3}–{bar * 10 + 10:3} % sure {count:>10,} {drawn}".rstrip())
        return "\n".join(lines)


def _reason(message: str, picture: str) -> str:
    """Return what messages of one kind share: no name, no numbers, no advice."""
    told = message.replace(picture, "").partition(";")[0].strip(" :")
    return _NUMBER.sub("…", told)


def _sorted(reasons: Counter[str]) -> list[tuple[str, int]]:
    """Return reasons, the most frequent first, those alike by name."""
    return sorted(reasons.items(), key=lambda counted: (-counted[1], counted[0]))


def _count(reasons: Counter[str], reason: str) -> None:
    reasons[reason if reason in reasons or len(reasons) < _REASONS else _OTHERS] += 1
