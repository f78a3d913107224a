"""What a result depends on besides settings."""

import pytest

from mnist_classifier.errors import SettingsError
from mnist_classifier.learn import accelerator
from mnist_classifier.learn.runs.environment import make_deterministic


def test_the_same_bits_are_not_promised_on_an_accelerator(monkeypatch):
    monkeypatch.setattr(accelerator, "is_used", lambda: True)
    with pytest.raises(SettingsError, match="JAX_PLATFORMS=cpu"):
        make_deterministic()
