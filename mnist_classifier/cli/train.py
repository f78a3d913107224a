"""``mnist train``: learn, judge and save."""

from __future__ import annotations


def train() -> None:
    """Learn digits, judge the result on unseen images, and save everything in a run folder."""
    raise NotImplementedError
