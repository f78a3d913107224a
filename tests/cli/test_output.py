"""Output that cannot show every character, is full, closed or not read to its end."""

import contextlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_train import FILES
from tests.conftest import ROOT
from tests.launcher import PROGRAM

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses a shell")

ASCII = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}


def shell(command, **environment):
    """Run a line in a shell, in which ``mnist`` is the program; its code is that of ``mnist``."""
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; mnist() {{ {shlex.join(PROGRAM)} "$@"; }}; {command}'],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        env={**os.environ, "COLUMNS": "80", **environment},
    )


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


@pytest.fixture
def full():
    """A file that takes nothing."""
    with Path("/dev/full").open("w") as file:
        yield file


def test_an_error_is_its_line_even_if_output_is_full(launcher, full):
    done = launcher.run("evaluate", "nowhere", stdout=full)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def training(folder, *output):
    return ["train", "--no-show", "--epochs", "1", "--data-dir", folder, *output]


def check_saved(code, errors, expected, folder):
    assert code == expected, errors
    assert "Traceback" not in errors
    assert sorted(path.name for path in folder.iterdir()) == FILES


def test_trainings_of_one_second_do_not_meet_and_are_saved_whoever_reads_their_output(
    launcher, small_dir, tmp_path
):
    started = []
    with contextlib.ExitStack() as opened:
        for reader in ("true", "cat"):
            other = opened.enter_context(
                subprocess.Popen([reader], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            )
            command = training(small_dir)
            started.append(launcher.start(*command, stdout=other.stdin, cwd=tmp_path, **ASCII))
            other.stdin.close()
        ended = [(process, process.communicate()[1]) for process in started]
    runs = list((tmp_path / "runs").iterdir())
    for (process, errors), folder in zip(ended, runs, strict=True):
        check_saved(process.returncode, errors, 0, folder)


def test_a_training_is_saved_even_if_output_is_full(launcher, small_dir, tmp_path, full):
    output = tmp_path / "run"
    done = launcher.run(*training(small_dir, "--output", output), stdout=full, **ASCII)
    check_saved(done.returncode, done.stderr, 2, output)


def test_a_training_is_saved_even_if_nothing_is_open(small_dir, tmp_path):
    output = tmp_path / "run"
    command = shlex.join(map(str, training(small_dir, "--output", output)))
    done = shell(f"mnist {command} <&- >&- 2>&-", **ASCII)
    check_saved(done.returncode, done.stderr, 2, output)
