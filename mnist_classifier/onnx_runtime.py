"""ONNX Runtime, imported so that it reports nothing about its use."""

from __future__ import annotations

import os
from typing import Any


def import_onnx_runtime() -> Any:
    """Return the module ``onnxruntime``.

    Some of its releases give the machine an identity, kept in the home folder, and send what is run
    to its makers, unless an environment variable says no before it is imported.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime
