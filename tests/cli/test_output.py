"""Output that cannot show every character, is full, closed or not read to its end."""

import os
import shlex
import subprocess
import sys

import pytest

from tests.cli.test_train import FILES
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses a shell")

ASCII = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}


def shell(command, **environment):
    """Run a line in a shell, in which ``mnist`` is the program; its code is that of ``mnist``."""
    program = shlex.join([sys.executable, "-m", "mnist_classifier"])
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; mnist() {{ {program} "$@"; }}; {command}'],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        env={**os.environ, "COLUMNS": "80", **environment},
    )


def train(folder, output):
    return f"mnist train --no-show --epochs 1 --data-dir {folder} --output {output}"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_an_encoding_without_the_characters_shows_others(encoding):
    done = shell("mnist recipes", PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "468,874" in done.stdout


@pytest.mark.parametrize(
    ("redirected", "code"),
    [
        (">&-", 2),
        ("2>&-", 0),
        ("<&- >&- 2>&-", 2),
        (">/dev/full", 2),
        (">/dev/full 2>/dev/full", 2),
        ("| true", 141),
    ],
)
@pytest.mark.parametrize("verb", ["recipes", "--help", "--version"])
def test_output_that_takes_nothing_ends_in_a_line_at_most(verb, redirected, code):
    done = shell(f"mnist {verb} {redirected}")
    # What is short may be written before its reader has gone.
    assert done.returncode in {code, 0 if code == 141 else code}
    reasons = {">/dev/full": "No space left on device", ">&-": "it is closed"}
    told = f"error: standard output cannot be written ({reasons.get(redirected)})"
    assert done.stderr.startswith(told if redirected in reasons else "")
    assert done.stderr.count("\n") == (redirected in reasons)


def test_an_error_is_its_line_even_if_output_is_full():
    done = shell("mnist evaluate nowhere >/dev/full")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("redirected", "code"), [("| true", 0), (">/dev/full", 2), ("<&- >&- 2>&-", 2), ("| cat", 0)]
)
def test_a_training_is_saved_whatever_becomes_of_its_output(small_dir, tmp_path, redirected, code):
    output = tmp_path / "run"
    done = shell(f"{train(small_dir, output)} {redirected}", **ASCII)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in output.iterdir()) == FILES
