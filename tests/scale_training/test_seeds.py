"""`mnist train --seeds --ray`: workers and the command are killed; the end is as without Ray."""

import os
import signal
import subprocess
import sys

import pytest

from mnist_classifier.errors import ClusterError, OutputError
from tests.cli.test_resume import results
from tests.cli.test_train import train
from tests.launcher import PROGRAM
from tests.scale_training.conftest import kill_a_worker, until

pytest.importorskip("ray", reason="Ray is not installed")

from ray.exceptions import RayTaskError, WorkerCrashedError

from mnist_classifier.learn.scale.cluster import raise_in_a_line

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="sends signals"),
]
EPOCHS = 60


def start(*arguments):
    """Start `mnist train` in a Python of its own: Ray is not begun in a fork."""
    return subprocess.Popen(
        [*PROGRAM, "train", "--no-show", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TERM": "dumb"},
    )


def newest(series):
    """Return the newest checkpoint of each seed."""
    return {
        path: max(path.glob("checkpoints/epoch-?????"), default=None)
        for path in series.glob("seed-?")
    }


def have_begun(series):
    saved = newest(series)
    return saved if len(saved) == 2 and all(saved.values()) else False


def test_killed_workers_and_ctrl_c_change_no_bit(cluster, small_dir, tmp_path):
    asked = ("--data-dir", small_dir, "--epochs", EPOCHS, "--seeds", 2)
    alone, cut = tmp_path / "alone", tmp_path / "cut"
    process = start(*asked, "--output", cut, "--ray", cluster)
    before = until(lambda: have_begun(cut), process)
    kill_a_worker("_finish")
    configs = {path: (path / "config.json").stat().st_mtime_ns for path in before}

    def all_went_on():
        now = newest(cut)  # none of a seed that has ended
        return all(
            (now[path] and now[path] > saved) or (path / "metrics.json").exists()
            for path, saved in before.items()
        )

    assert until(all_went_on, process), process.communicate()
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate()
    assert process.returncode == 130, told
    assert "to go on:  mnist train --resume" in told
    assert "Traceback" not in told
    # The seed whose worker was killed has not ended; the other may have, on a quick machine.
    ended = {path: path.stat().st_mtime_ns for path in cut.glob("*/metrics.json")}
    assert len(ended) < 2
    assert train("--resume", cut) == 0
    assert {path: path.stat().st_mtime_ns for path in ended} == ended
    assert {path: (path / "config.json").stat().st_mtime_ns for path in configs} == configs
    assert train(*asked, "--output", alone) == 0
    for seed in ("seed-0", "seed-1"):
        assert results(cut / seed) == results(alone / seed)


@pytest.mark.parametrize(
    ("cause", "kind", "message"),
    [
        (OutputError("disk full; free some"), OutputError, "seed 3: disk full; free some"),
        (ImportError("No module named 'x'"), ClusterError, "seed 3: its machine lacks something"),
        (ZeroDivisionError("ours"), RayTaskError, "ours"),
    ],
)
def test_a_mistake_there_is_a_line_here(cause, kind, message):
    with pytest.raises(kind, match=message):
        raise_in_a_line("seed 3", RayTaskError("f", "Traceback …\nours", cause))


def test_a_worker_that_is_lost_for_good_is_a_line():
    with pytest.raises(ClusterError, match="seed 3: its worker was lost .*--resume") as raised:
        raise_in_a_line("seed 3", WorkerCrashedError())
    assert "\n" not in str(raised.value)


def test_no_cluster_and_too_little_are_a_line(small_dir, tmp_path, capsys):
    asked = ("--data-dir", small_dir, "--seeds", 2, "--output", tmp_path / "series")
    assert train(*asked, "--ray", "127.0.0.1:1") == 2
    assert "no Ray cluster answers at 127.0.0.1:1" in capsys.readouterr().err
