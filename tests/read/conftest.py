import pytest

from mnist_classifier import DigitReader


@pytest.fixture(scope="session")
def reader():
    return DigitReader()
