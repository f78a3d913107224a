"""What a result depends on besides settings: versions, the machine, determinism."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from mnist_classifier.errors import SettingsError
from mnist_classifier.version import __version__


def versions() -> dict[str, str]:
    """Return the versions of everything that bears on a result, and the machine."""
    import keras

    backend = keras.config.backend()
    names = ["keras", backend, "numpy", "scikit-learn"]
    return {
        "mnist-classifier": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in names},
        "machine": f"{_device(backend)}, {os.cpu_count()} processors, "
        f"{platform.system()} {platform.machine()}",
    }


def processor() -> str:
    """Name the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _device(backend: str) -> str:
    """Name what the back end computes on: a GPU where it has one, else the processor."""
    if backend == "jax":
        import jax

        kinds = [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    elif backend == "torch":
        import torch

        kinds = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
    else:
        import tensorflow as tf

        kinds = [
            tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
            for gpu in tf.config.list_physical_devices("GPU")
        ]
    return kinds[0] if kinds else processor()


def make_deterministic() -> None:
    """Let Keras's back end use only operations that give the same bits each time.

    Raises:
        SettingsError: It is JAX on an accelerator, which chooses operations anew in each process.
    """
    import keras

    from mnist_classifier.learn import accelerator

    if accelerator.is_used():
        raise SettingsError(
            "JAX on an accelerator chooses its operations by their speed, anew each time; expected "
            "a processor with --deterministic: set JAX_PLATFORMS=cpu, or leave the option out"
        )

    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif backend == "torch":
        import torch

        torch.use_deterministic_algorithms(True)
