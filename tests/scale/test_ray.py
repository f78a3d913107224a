"""Archives on Ray: a cluster of two nodes on this machine, and what is killed there."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.scale.conftest import mnist, started

pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = [pytest.mark.ray, pytest.mark.slow]

MANY = 330  # pictures: parts enough for two actors to be in the middle of them
PARTS = -(-(MANY + 11) // 4)
STORE = {"object_store_memory": 80 * 2**20}


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A cluster whose head has one processor."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, **STORE},
    )
    yield cluster
    cluster.shutdown()


@pytest.fixture
def two_nodes(cluster):
    """The cluster, with a second node of one processor, which a test may remove."""
    node = cluster.add_node(num_cpus=1, **STORE)
    yield cluster, node
    if node in cluster.list_all_nodes():
        cluster.remove_node(node)


def fill(folder, contents):
    """Put many pictures into a folder, the same few again and again."""
    for number in range(MANY // len(contents)):
        for name, content in contents.items():
            path = folder / f"{number:03}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


@pytest.fixture
def archive(folder, contents):
    fill(folder, contents)
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory, contents):
    """The bytes of such an archive's rows, read without Ray."""
    work = tmp_path_factory.mktemp("alone")
    fill(work / "pictures", contents)
    for name, content in contents.items():
        (work / "pictures" / name).parent.mkdir(exist_ok=True)
        (work / "pictures" / name).write_bytes(content)
    assert mnist("read", "pictures", "-o", "rows.jsonl", cwd=work)[0] == 1
    return (work / "rows.jsonl").read_bytes()


@pytest.fixture
def undisturbed(archive, alone):
    return alone


def until(happens, run):
    """Wait until something happens while a run runs; it may well end before."""
    while run.poll() is None and not happens():
        time.sleep(0.02)


def parts():
    return list(Path().glob("rows.jsonl.parts/part-*"))


def some_parts():
    return len(parts()) >= 2


def is_in_the_middle():
    return some_parts() and len(parts()) < PARTS


def actors():
    """Return the actors of our own cluster that read."""
    return [process for process in psutil.Process().children(True) if is_actor(process)]


def is_actor(process):
    with contextlib.suppress(psutil.Error):
        return "MapWorker" in " ".join(process.cmdline())
    return False


def test_the_same_rows_as_without_ray(undisturbed, two_nodes):
    code, told = mnist("read", "pictures", "-o", "rows.jsonl", "--ray", two_nodes[0].address)
    assert code == 1, told  # pictures are damaged
    assert f"errors {MANY // 11 + 1}" in told
    assert Path("rows.jsonl").read_bytes() == undisturbed
    again, same = mnist("read", "pictures", "-o", "rows.jsonl", "--ray", two_nodes[0].address)
    assert (again, same) == (code, told)


def test_parquet_on_a_ray_of_our_own(archive, undisturbed):
    parquet = pytest.importorskip("pyarrow.parquet")
    code, told = mnist("read", "pictures", "-o", "rows.parquet", "--ray", "local", "-j", 1)
    assert code == 1, told
    rows = [json.loads(line) for line in undisturbed.splitlines()]
    assert parquet.read_table("rows.parquet").to_pylist() == rows


def test_a_killed_driver_goes_on(undisturbed, two_nodes):
    command = ("read", "pictures", "-o", "rows.jsonl", "--ray", two_nodes[0].address)
    with started(*command) as run:
        until(some_parts, run)
        run.kill()
    assert is_in_the_middle()
    assert not Path("rows.jsonl").exists()
    code, told = mnist(*command)
    assert code == 1, told
    assert Path("rows.jsonl").read_bytes() == undisturbed


def test_a_killed_worker_costs_no_row(undisturbed, two_nodes):
    with started("read", "pictures", "-o", "rows.jsonl", "--ray", two_nodes[0].address) as run:
        until(lambda: some_parts() and actors(), run)
        killed = actors()[:1]
        for actor in killed:
            actor.kill()
        assert is_in_the_middle()
        told = run.communicate()[1].decode()
    assert killed
    assert run.returncode == 1, told
    assert Path("rows.jsonl").read_bytes() == undisturbed


def test_a_lost_node_costs_no_row(undisturbed, two_nodes):
    cluster, node = two_nodes
    with started("read", "pictures", "-o", "rows.jsonl", "--ray", cluster.address) as run:
        until(some_parts, run)
        cluster.remove_node(node, allow_graceful=False)
        assert is_in_the_middle()
        told = run.communicate()[1].decode()
    assert run.returncode == 1, told
    assert Path("rows.jsonl").read_bytes() == undisturbed


def test_a_picture_that_ends_its_process_is_a_row(archive, contents, cluster, tmp_path):
    (archive / "deadly.png").write_bytes(contents["00.png"])
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    code = "from tests.scale import deadly; deadly.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, cluster.address],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    rows = [json.loads(line) for line in Path("rows.jsonl").read_text("utf-8").splitlines()]
    (deadly,) = [row for row in rows if row["picture"] == "pictures/deadly.png"]
    assert "the process that read it was ended by SIGKILL" in deadly["error"]
    assert sum(row["error"] is not None for row in rows) == MANY // 11 + 2
    assert len({row["picture"] for row in rows}) == len(rows) == MANY + 12


def test_ctrl_c_stops_it_and_it_goes_on(undisturbed, two_nodes):
    command = ("read", "pictures", "-o", "rows.jsonl", "--ray", two_nodes[0].address)
    with started(*command) as run:
        until(some_parts, run)
        run.send_signal(signal.SIGINT)
        told = run.communicate()[1].decode()
    assert is_in_the_middle()
    assert (run.returncode, told) == (130, "interrupted\n")
    assert mnist(*command)[0] == 1
    assert Path("rows.jsonl").read_bytes() == undisturbed


def test_a_full_disk_on_a_worker_is_one_line(archive, cluster, tmp_path):
    Path("rows.jsonl.parts").mkdir()
    for number in range(3):  # a folder stands where the part should
        Path(f"rows.jsonl.parts/part-{number:06}.jsonl/in-the-way").mkdir(parents=True)
    code, told = mnist("read", "pictures", "-o", "rows.jsonl", "--ray", cluster.address)
    assert code == 2
    assert told.count("\n") == 1
    assert told.startswith("error: cannot write rows.jsonl.parts/part-00000")


def test_no_cluster_is_one_line(archive):
    code, told = mnist("read", "pictures", "-o", "rows.jsonl", "--ray", "127.0.0.1:9")
    assert code == 2
    assert told.count("\n") == 1
    assert told.startswith("error: no Ray cluster answers at 127.0.0.1:9: ")
