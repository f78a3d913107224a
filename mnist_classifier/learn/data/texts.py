"""Texts of numbers, as people write them: amounts, years, dates, times."""

from __future__ import annotations

import numpy as np

ALPHABET = "0123456789.,-/:"
"""What may stand in a number. All else on paper is nothing."""
MOST_CHARACTERS = 12


def draw_text(generator: np.random.Generator) -> str:
    """Draw a number as people write them: of one digit to eight, amounts, dates, times."""

    def digits(low: int, high: int) -> str:
        drawn = generator.integers(0, 10, int(generator.integers(low, high + 1)))
        return "".join(map(str, drawn))

    def one_of(characters: str) -> str:
        return str(generator.choice(list(characters)))

    kind = generator.random()
    if kind < 0.5:
        text = digits(1, 5) if generator.random() < 0.7 else digits(6, 8)
        zeros = int(generator.integers(1, 4))
        if generator.random() < 0.12 and len(text) > zeros:
            text = text[:-zeros] + "0" * zeros
    elif kind < 0.57:
        text = str(generator.integers(1600, 2040))
    elif kind < 0.69:
        text = digits(1, 4) + one_of("..,,-:") + digits(1, 2)
    elif kind < 0.79:
        text = digits(1, 3) + one_of(".,") + digits(3, 3)
        if generator.random() < 0.3:
            text += one_of(".,-") + digits(2, 2)
    elif kind < 0.88:
        by = one_of("../-:")
        text = digits(1, 2) + by + digits(1, 2)
        if generator.random() < 0.7:
            text += by + (digits(2, 2) if generator.random() < 0.5 else digits(4, 4))
    else:
        text = digits(1, 6)
    ending = generator.random()
    if ending < 0.06:
        text += str(generator.choice([".", ",", "-", ",-", ".-", "/", ":"]))
    elif ending < 0.09:
        text = "-" + text
    return text[:MOST_CHARACTERS]
