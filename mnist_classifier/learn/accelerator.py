"""Whether training computes on an accelerator: a GPU, by Keras on JAX."""

from __future__ import annotations

import keras


def is_used() -> bool:
    """Tell whether Keras runs on JAX and JAX on an accelerator."""
    if keras.config.backend() != "jax":
        return False
    import jax

    return jax.default_backend() != "cpu"
