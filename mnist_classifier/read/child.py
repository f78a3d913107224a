"""A process of our own beside this one: how it finds the same modules as this one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def surroundings() -> dict[str, Any]:
    """Return the folder and the environment in which ``python -m`` runs a module of ours.

    It finds what this process finds, and begins in a folder of ours: in the person's own, a file
    ``numpy.py`` would be imported.
    """
    path = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path if folder)
    return {"cwd": Path(__file__).parents[2], "env": {**os.environ, "PYTHONPATH": path}}
