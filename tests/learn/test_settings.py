from pathlib import Path

import pytest

from mnist_classifier.errors import SettingsError
from mnist_classifier.learn.settings import Settings


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"epochs": 0}, "epochs 0 makes no sense; expected 1 to 10,000: give another --epochs"),
        ({"epochs": -3}, "epochs -3"),
        ({"epochs": 10**9}, "epochs 1,000,000,000"),
        ({"batch_size": 0}, "batch size 0 .*--batch-size"),
        ({"batch_size": 10**7}, "batch size 10,000,000"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**32}, "seed 4,294,967,296"),
        (
            {"recipe": "cake"},
            "unknown recipe 'cake'; expected one of dnn, .*reader: mnist recipes tells",
        ),
        (
            {"teacher": Path("run")},
            "dnn has no teacher; expected --teacher with dnn-best: leave",
        ),
    ],
)
def test_senseless_numbers_are_refused(wish, message):
    with pytest.raises(SettingsError, match=message):
        Settings(**wish)


def test_settings_can_be_saved():
    assert Settings(data_dir=Path("d"), epochs=3).as_json() == {
        "dataset": None,
        "data_dir": str(Path("d").absolute()),
        "output": None,
        "epochs": 3,
        "batch_size": None,
        "seed": 0,
        "recipe": "dnn",
        "tensorboard": False,
        "mlflow": False,
        "deterministic": False,
        "teacher": None,
    }
