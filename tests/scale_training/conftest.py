"""A cluster of Ray's on this machine, with two processors, and trainings on it."""

import contextlib
import os
import signal
import time

import psutil
import pytest


@pytest.fixture(scope="session")
def cluster():
    """The address of a cluster, begun once a session of tests."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 — the tests wait for them
    from ray.cluster_utils import Cluster

    store = {"object_store_memory": 80 * 2**20}
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False, **store}
    )
    yield cluster.address
    cluster.shutdown()


def until(happens, process):
    """Wait until something happens while a process runs; say whether it did."""
    while process.poll() is None:
        if found := happens():
            return found
        time.sleep(0.02)
    return False


def kill_a_worker(name):
    """Kill one of the cluster's processes that carry out tasks of a name."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if f"ray::{name}" in " ".join(process.cmdline()):
                process.send_signal(signal.SIGKILL)
                return
    pytest.fail(f"no worker of {name}")
