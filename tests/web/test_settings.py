"""The settings of a service are checked."""

import pytest

from mnist_classifier.errors import SettingsError
from mnist_classifier.web.settings import ServiceSettings


@pytest.mark.parametrize(
    "wrong",
    [{"max_body": 0}, {"max_images": -1}, {"timeout": 0}, {"timeout": float("nan")},
     {"access_log": "xml"}],
)  # fmt: skip
def test_settings_out_of_range(wrong):
    with pytest.raises(SettingsError, match=f"{next(iter(wrong))} is .*; expected"):
        ServiceSettings(**wrong)


@pytest.mark.parametrize(
    "origin",
    ["https://example.org", "http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:8000",
     "https://xn--bcher-kva.example", "chrome-extension://abcdefgh"],
)  # fmt: skip
def test_origins(origin):
    assert ServiceSettings(cors_origins=(origin,)).cors_origins == (origin,)


@pytest.mark.parametrize(
    "wrong",
    ["*", "null", "", "example.org", "https://", "https://*", "https://*.example.org",
     "https://example.org/", "https://example.org/page", "https://example.org?a", "//example.org",
     "https://example.org#a", "https://me@example.org", "https://example.org:", "HTTPS://a.b",
     "https://Example.org", "https://example.org:443", "http://example.org:80",
     "https://example.org:0", "https://example.org:99999", "https://example.org:x",
     "https://example.org:08", "https://bücher.example", "https://a b", "https://a\n", "https://[::1",
     "https://a,https://b", "file://"],
)  # fmt: skip
def test_what_is_no_origin(wrong):
    with pytest.raises(SettingsError, match="cors_origins has .*; expected scheme://host"):
        ServiceSettings(cors_origins=("https://example.org", wrong))
