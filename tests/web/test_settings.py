"""The settings of a service are checked."""

import pytest

from mnist_classifier.errors import SettingsError
from mnist_classifier.web.settings import ServiceSettings


@pytest.mark.parametrize(
    "wrong", [{"max_body": 0}, {"max_images": -1}, {"timeout": 0}, {"timeout": float("nan")}]
)
def test_settings_out_of_range(wrong):
    with pytest.raises(SettingsError, match=f"{next(iter(wrong))} is .*; expected"):
        ServiceSettings(**wrong)
