"""Freed memory is kept for the next step."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Steps as a training's: in a thread, ten arrays of 8 MB are made, written to and freed.
STEPS = """
import resource, sys, threading
import numpy as np
from mnist_classifier.learn.training import allocator

def step():
    made = [np.ones(1 << 20) for _ in range(10)]

def steps():
    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        step()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

if sys.argv[1] == "keep":
    assert allocator.keep_freed()
thread = threading.Thread(target=steps)
thread.start()
thread.join()
"""


def pages_asked_for(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep it")
def test_steps_ask_the_system_for_hardly_any_page_again() -> None:
    assert pages_asked_for("keep") < pages_asked_for("give back") / 10
