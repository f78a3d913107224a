"""What the recipes are known to reach, from recorded series; read without Keras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("recorded.json")


def load() -> dict[str, dict[str, Any]]:
    """Return for each recorded recipe its ``parameters``, ``multiply_adds`` and ``series``.

    ``multiply_adds`` are those of one image. ``series`` is None where none is recorded, else
    what ``python -m benchmarks.record`` wrote of it: seeds, test accuracies in [0, 1], their
    summary, that of all its networks averaged, seconds to fit, the machine, versions, and the
    recipe as it was.
    """
    records: dict[str, dict[str, Any]] = json.loads(PATH.read_text("utf-8"))
    return records
