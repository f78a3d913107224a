"""What a training takes of a Ray cluster, and how the cluster is joined for it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import keras
import ray

from mnist_classifier import ray_runtime
from mnist_classifier.errors import ClusterError, MnistError, SettingsError

RETRIES = 20  # times that what a lost worker did is begun again


@dataclass(frozen=True)
class Share:
    """What one training takes of a machine.

    Attributes:
        cpus: Processors, and threads that it computes with; 1 or more.
        gpus: Graphics processors; a part of one below 1, none at 0.
    """

    cpus: int
    gpus: float = 0.0

    def __str__(self) -> str:
        """Say it as a person reads it."""
        return f"{self.cpus} CPUs" + (f" and {self.gpus:g} GPUs" if self.gpus else "")


def threads_here() -> int:
    """Return with how many threads a training computes on this machine, where nothing is said."""
    asked = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def joined(where: str, share: Share) -> Iterator[None]:
    """Join a cluster, or start one here, until the context ends, see `ray_runtime.joined`.

    Its tasks have this process's back end, and as many threads as processors.

    Raises:
        SettingsError: There is no cluster there, or this machine has less than a training takes.
    """
    environment = {
        "KERAS_BACKEND": keras.config.backend(),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_NUM_INTRAOP_THREADS": str(share.cpus),
        "OMP_NUM_THREADS": str(share.cpus),
    }
    if not share.gpus:  # else each would take all of every one that its machine has
        environment["CUDA_VISIBLE_DEVICES"] = ""
    with ray_runtime.joined(where, os.cpu_count(), environment):
        if where == "local" and not is_offered(share):
            raise SettingsError(
                f"this machine has less than {share}; expected a training to fit: "
                "give less with --cpus and --gpus"
            )
        yield


def is_offered(share: Share) -> bool:
    """Return whether a machine of the cluster has what a training takes."""
    return any(
        node["Resources"].get("CPU", 0) >= share.cpus
        and node["Resources"].get("GPU", 0) >= share.gpus
        for node in ray.nodes()
        if node["Alive"]
    )


def raise_in_a_line(what: str, error: Exception) -> NoReturn:
    """Raise what ended a task elsewhere as a person can mend it.

    Args:
        what: Was trained, such as ``"seed 3"``.
        error: From Ray.

    Raises:
        MnistError: A mistake that one line explains, or a worker that died again and again.
    """
    if isinstance(error, ray.exceptions.RayTaskError):
        if isinstance(error.cause, MnistError):
            raise type(error.cause)(f"{what}: {error.cause}") from error
        if isinstance(error.cause, ImportError):
            raise ClusterError(
                f"{what}: its machine lacks something ({error.cause}); expected this package there "
                'too, in the same version: install it there with  pip install ".[train,scale]"'
            ) from error
        raise error
    raise ClusterError(
        f"{what}: its worker was lost ({' '.join(str(error).split())[:200]}); expected one to "
        "last: see to its machine's memory, and go on with --resume"
    ) from error
