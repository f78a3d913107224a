"""A reader that a picture ends: in a module, so that Ray's workers and their processes find it."""

import os
import signal
from functools import partial

from mnist_classifier import DigitReader


class DeadlyReader(DigitReader):
    """Reads all pictures but ``deadly.png``."""

    def single_threaded(self):
        return partial(DeadlyReader, threads=1)

    def read(self, picture, pattern=None):
        if str(picture).endswith("deadly.png"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(picture, pattern)
