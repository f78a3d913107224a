"""What `mnist train --ray` and `mnist sweep` say before anything is trained."""

import importlib.util

import pytest

from mnist_images_classification import main
from tests.cli.test_train import train


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--ray", "local"), "got --ray for a single run; expected a series"),
        (("--seeds", 2, "--cpus", 1), "got --cpus or --gpus without --ray"),
        (("--recipe", "dnn", "--recipe-file", "x"), "got both --recipe and --recipe-file"),
        (("--recipe-file", "none.json"), "none.json cannot be read as a recipe"),
    ],
)
def test_mistakes_are_one_line(arguments, message, capsys, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "ray" or found(name))
    assert train(*arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("train", "--no-show", "--seeds", "2", "--ray", "local"), ("sweep", "dnn")]
)
def test_without_ray_a_line_says_what_to_install(arguments, capsys, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ray" else found(name)
    )
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert 'pip install ".[scale]"' in err
    assert err.count("\n") == 1
