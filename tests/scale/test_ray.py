"""Archives on Ray: a cluster of two nodes on this machine, and what is killed there."""

import contextlib
import json
import os
import signal
import threading
import time
from importlib import resources
from pathlib import Path

import psutil
import pytest

from mnist_classifier import DigitReader
from mnist_classifier.errors import MnistError, OutputError
from mnist_classifier.scale import on_ray
from mnist_classifier.scale.archive import read_archive
from tests.scale.conftest import mnist, started
from tests.scale.deadly import DeadlyReader

ray = pytest.importorskip("ray", reason="Ray is not installed")
pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # of Ray's by Ray
]

COPIES = 20  # of the same few pictures: parts enough for two actors to be in the middle of them
STORE = {"object_store_memory": 80 * 2**20}


@pytest.fixture(scope="module")
def cluster():
    """A cluster whose head has one processor; this process is its driver."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.update(RAY_worker_niceness="0")  # not behind what else is tested here
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, **STORE},
    )
    ray.init(cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def second_node(cluster):
    """A second node of one processor, which a test may remove."""
    node = cluster.add_node(num_cpus=1, **STORE)
    yield node
    if node in cluster.list_all_nodes():
        cluster.remove_node(node)


def fill(folder, contents):
    for number in range(COPIES):
        for name, content in contents.items():
            path = folder / f"{number:03}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


@pytest.fixture
def archive(folder, contents):
    """Many pictures."""
    fill(folder, contents)
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory, contents, reader):
    """The bytes of such an archive's rows, read without Ray."""
    work = tmp_path_factory.mktemp("alone")
    fill(work / "pictures", contents)
    for name, content in contents.items():
        (work / "pictures" / name).parent.mkdir(exist_ok=True)
        (work / "pictures" / name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(work)
        read_archive(["pictures"], "rows.jsonl", reader, jobs=1)
    return (work / "rows.jsonl").read_bytes()


@pytest.fixture
def undisturbed(archive, alone):
    return alone


def parts():
    return len(list(Path().glob("rows.jsonl.parts/part-*")))


def until(happens, is_running):
    while is_running() and not happens():
        time.sleep(0.02)
    assert is_running()


def actors():
    """Return the actors of our own cluster that read."""
    return [process for process in psutil.Process().children(True) if is_actor(process)]


def is_actor(process):
    with contextlib.suppress(psutil.Error):
        return "MapWorker" in " ".join(process.cmdline())
    return False


def test_the_same_rows_as_without_ray(undisturbed, second_node, reader, monkeypatch):
    monkeypatch.setattr(on_ray, "_TASKS_EACH", 2)  # so a task has several parts
    parquet = pytest.importorskip("pyarrow.parquet")
    summary = read_archive(["pictures"], "rows.parquet", reader, ray="auto")
    rows = [json.loads(line) for line in undisturbed.splitlines()]
    assert parquet.read_table("rows.parquet").to_pylist() == rows
    assert (summary.read, summary.errors.total()) == (10 * (COPIES + 1), COPIES + 1)


def test_a_killed_worker_and_a_lost_node_cost_no_row(undisturbed, cluster, second_node, reader):
    reading = threading.Thread(
        target=read_archive, args=(["pictures"], "rows.jsonl", reader), kwargs={"ray": "auto"}
    )
    reading.start()
    until(lambda: parts() >= 2 and actors(), reading.is_alive)
    actors()[0].kill()
    before = parts()
    until(lambda: parts() >= before + 2, reading.is_alive)
    cluster.remove_node(second_node, allow_graceful=False)
    assert reading.is_alive()
    reading.join()
    assert Path("rows.jsonl").read_bytes() == undisturbed


def test_a_driver_that_is_killed_or_interrupted_goes_on(undisturbed, second_node, cluster, reader):
    for number, how in enumerate((signal.SIGKILL, signal.SIGINT)):
        run = started("read", "pictures", "-o", "rows.jsonl", "--ray", cluster.address)
        with run:
            until(lambda least=2 + 4 * number: parts() >= least, lambda run=run: run.poll() is None)
            run.send_signal(how)
            told = run.communicate()[1].decode()
    assert (run.returncode, told) == (130, "interrupted\n")
    assert not Path("rows.jsonl").exists()
    read_archive(["pictures"], "rows.jsonl", reader, ray="auto")
    assert Path("rows.jsonl").read_bytes() == undisturbed


def test_a_picture_that_ends_its_process_is_a_row(folder, contents, cluster):
    (folder / "deadly.png").write_bytes(contents["00.png"])
    read_archive(["pictures"], "rows.jsonl", DeadlyReader(threads=1), ray="auto")
    rows = [json.loads(line) for line in Path("rows.jsonl").read_text("utf-8").splitlines()]
    (deadly,) = [row for row in rows if row["picture"] == "pictures/deadly.png"]
    assert "the process that read it was ended by SIGKILL" in deadly["error"]
    assert sum(row["error"] is not None for row in rows) == 2
    assert len({row["picture"] for row in rows}) == len(rows) == 12


def test_a_part_that_a_worker_cannot_write_is_one_line(folder, cluster, reader):
    for number in range(3):  # a folder stands where the part should
        Path(f"rows.jsonl.parts/part-{number:06}.jsonl/in-the-way").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"cannot write rows\.jsonl\.parts/part-00000\d"):
        read_archive(["pictures"], "rows.jsonl", reader, ray="auto")


def test_a_network_that_workers_do_not_find_is_one_line(folder, cluster, tmp_path):
    shipped = resources.files("mnist_classifier.read.pretrained")
    for name in ("digits.onnx", "digits.json"):
        (tmp_path / name).write_bytes((shipped / name).read_bytes())
    reader = DigitReader(tmp_path / "digits.onnx")
    (tmp_path / "digits.onnx").unlink()
    with pytest.raises(MnistError, match=r"^Ray stopped: .*digits\.onnx") as raised:
        read_archive(["pictures"], "rows.jsonl", reader, ray="auto")
    assert "\n" not in str(raised.value)


def test_a_ray_of_our_own(folder, read):
    code, told = mnist("read", "pictures", "-o", "rows.jsonl", "--ray", "local", "-j", 1)
    assert (code, told.splitlines()[0]) == (1, "read 10, refused 0, errors 1")
    read("pictures", output="alone.jsonl")
    assert Path("rows.jsonl").read_bytes() == Path("alone.jsonl").read_bytes()


def test_no_cluster_is_one_line(folder):
    code, told = mnist("read", "pictures", "-o", "rows.jsonl", "--ray", "127.0.0.1:9")
    assert code == 2
    assert told.count("\n") == 1
    assert told.startswith("error: no Ray cluster answers at 127.0.0.1:9: ")
