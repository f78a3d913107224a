"""What is lost when things break?

Rows on a cluster of two nodes on this machine are compared with those of an undisturbed run without
Ray. What breaks, breaks at a moment by chance.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import psutil

from benchmarks.measure import table
from benchmarks.scale import pictures
from benchmarks.scale.object_storage import breaking_proxy, object_storage

SHARDS, IN_EACH = 6, 64
PARTS = SHARDS * IN_EACH // 16
_STORE = {"object_store_memory": 80 * 2**20}
_ROWS = "rows.jsonl"
_DAMAGED = "damaged"
_FOUND = re.compile(r"damaged after ([\d,]+) pictures")


class Cluster:
    """Two nodes of one processor each; the second one may be lost."""

    def __init__(self) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ.update(RAY_worker_niceness="0")  # not behind what else this machine does
        from ray.cluster_utils import Cluster as OfRay

        self._cluster = OfRay(
            initialize_head=True,
            head_node_args={"num_cpus": 1, "include_dashboard": False, **_STORE},
        )
        self._second: Any = None
        self.address: str = self._cluster.address

    def complete(self) -> None:
        """Let there be two nodes."""
        if self._second is None:
            self._second = self._cluster.add_node(num_cpus=1, **_STORE)

    def lose_a_node(self) -> None:
        """Kill the second node."""
        self._cluster.remove_node(self._second, allow_graceful=False)
        self._second = None

    def lose_a_worker(self) -> None:
        """Kill one that reads."""
        readers = [child for child in psutil.Process().children(True) if _reads(child)]
        random.choice(readers).kill()

    def close(self) -> None:
        """End all nodes."""
        self._cluster.shutdown()


def _reads(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "MapWorker" in " ".join(process.cmdline())
    return False


def _started(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mnist_classifier", "read", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _finished(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    told = process.communicate()[1].decode()
    return process.returncode, told


def _read(*arguments: str, codes: tuple[int, ...] = (0,)) -> None:
    code, told = _finished(_started(*arguments))
    if code not in codes:
        raise click.ClickException(f"mnist read ended with exit code {code}: {told}")


def _some_parts(process: subprocess.Popen[bytes]) -> None:
    """Wait until a chance number of parts is there."""
    wanted = random.randrange(1, round(0.8 * PARTS))
    while process.poll() is None and len(list(Path(f"{_ROWS}.parts").glob("part-*"))) < wanted:
        time.sleep(0.02)
    if process.poll() is not None:
        raise click.ClickException(f"the run ended before it was disturbed: {_finished(process)}")


def _goes_on_after(disturb: Callable[[], None], address: str) -> bytes:
    """Disturb a run, which must end well by itself."""
    run = _started("shards", "-o", _ROWS, "--ray", address)
    _some_parts(run)
    disturb()
    code, told = _finished(run)
    if code:
        raise click.ClickException(f"mnist read ended with exit code {code}: {told}")
    return Path(_ROWS).read_bytes()


def _driver_killed(address: str) -> bytes:
    run = _started("shards", "-o", _ROWS, "--ray", address)
    _some_parts(run)
    run.kill()
    run.communicate()
    _read("shards", "-o", _ROWS, "--ray", address)
    return Path(_ROWS).read_bytes()


def _disk_full(address: str, size: int) -> bytes:
    """Read onto a disk that gets full by a chance size below all rows, then grows."""
    disk = Path("disk")
    disk.mkdir()
    room = random.randrange(size // 4, size)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", disk], check=True)
    try:
        code, told = _finished(_started("shards", "-o", f"disk/{_ROWS}", "--ray", address))
        if code != 2 or "no space left on device" not in told or told.count("\n") != 1:
            raise click.ClickException(f"a full disk ended with exit code {code}: {told}")
        subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
        _read("shards", "-o", f"disk/{_ROWS}", "--ray", address)
        return (disk / _ROWS).read_bytes()
    finally:
        subprocess.run(["umount", disk], check=True)
        disk.rmdir()


def _shard_damaged(address: str) -> bytes:
    """Read shards one of which is cut somewhere."""
    shutil.copytree("shards", _DAMAGED)
    shard = Path(_DAMAGED, f"{random.randrange(SHARDS):03}.tar")
    content = shard.read_bytes()
    shard.write_bytes(content[: random.randrange(1, len(content) - 10_240)])
    _read(_DAMAGED, "-o", _ROWS, "--ray", address, codes=(1,))
    shutil.rmtree(_DAMAGED)
    rows = Path(_ROWS).read_bytes()
    return rows.replace(f'"{_DAMAGED}/'.encode(), b'"shards/')


def _differences(undisturbed: bytes, found: bytes) -> dict[str, int]:
    """Compare rows: how many are lost, there twice, or differ.

    Of a damaged shard, one row says how many pictures were found before the damage.
    """
    expected = {json.loads(line)["picture"]: line for line in undisturbed.splitlines()}
    rows = {json.loads(line)["picture"]: line for line in found.splitlines()}
    for line in filter(_is_damaged_shard, list(rows.values())):
        row = json.loads(line)
        shard, count = row["picture"], int(_FOUND.search(row["error"])[1])
        of_shard = [name for name in expected if name.startswith(f"{shard}/")]
        expected = {name: expected[name] for name in expected if name not in of_shard[count:]}
        expected[shard] = line
        last = of_shard[count - 1] if count else ""  # the cut may be in its bytes
        if json.loads(rows.get(last, b'{"error": null}'))["error"] is not None:
            expected[last] = rows[last]
    return {
        "rows": len(rows),
        "lost": len(expected.keys() - rows.keys()),
        "twice": len(found.splitlines()) - len(rows),
        "different": sum(line != expected.get(name) for name, line in rows.items()),
    }


def _is_damaged_shard(line: bytes) -> bool:
    return _FOUND.search(json.loads(line)["error"] or "") is not None


def _storage_fails(runs: int) -> Iterator[dict[str, int]]:
    """Read from and to object storage whose connections break, on a cluster that knows no other."""
    import boto3

    with object_storage() as port, breaking_proxy(port, seed=0) as breaking:
        endpoint = f"http://127.0.0.1:{port}"
        os.environ.update(
            AWS_ACCESS_KEY_ID="testing",
            AWS_SECRET_ACCESS_KEY="testing",
            AWS_DEFAULT_REGION="us-east-1",
            AWS_EC2_METADATA_DISABLED="true",
            AWS_ENDPOINT_URL=endpoint,
        )
        client = boto3.client("s3", endpoint_url=endpoint)
        client.create_bucket(Bucket="bucket")
        for shard in Path("shards").iterdir():
            client.upload_file(str(shard), "bucket", f"shards/{shard.name}")
        _read("s3://bucket/shards", "-o", _ROWS)
        undisturbed = Path(_ROWS).read_bytes()
        _clean()
        os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{breaking}"
        with contextlib.closing(Cluster()) as cluster:
            cluster.complete()
            for run in range(runs):
                output = f"s3://bucket/{run}.jsonl"
                _read("s3://bucket/shards", "-o", output, "--ray", cluster.address)
                found = client.get_object(Bucket="bucket", Key=f"{run}.jsonl")["Body"].read()
                yield _differences(undisturbed, found)


def _clean() -> None:
    for path in Path().glob("rows*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


CASES = (
    "a worker is killed",
    "a node is killed",
    "the driver is killed, and the command started again",
    "the disk is full, and has room when the command is started again",
    "a shard is cut",
    "connections to storage (S3) break",
)


def measure(work: Path, runs: int, only: str) -> dict[str, Any]:
    """Return by case, of those whose names have some words, what each run came to."""
    pictures.fill_shards(work / "shards", SHARDS, IN_EACH, pictures.scan)
    before = Path.cwd()
    os.chdir(work)
    try:
        told = {}
        if any(only in case for case in CASES[:5]):
            told = _on_a_cluster(runs, only)
        if only in CASES[5]:
            told[CASES[5]] = list(_storage_fails(runs))
        return told
    finally:
        os.chdir(before)


def _on_a_cluster(runs: int, only: str) -> dict[str, list[dict[str, int]]]:
    _read("shards", "-o", _ROWS)
    undisturbed = Path(_ROWS).read_bytes()
    _clean()
    told: dict[str, list[dict[str, int]]] = {}
    with contextlib.closing(Cluster()) as cluster:
        address = cluster.address
        ways: tuple[Callable[[], bytes], ...] = (
            lambda: _goes_on_after(cluster.lose_a_worker, address),
            lambda: _goes_on_after(cluster.lose_a_node, address),
            lambda: _driver_killed(address),
            lambda: _disk_full(address, len(undisturbed)),
            lambda: _shard_damaged(address),
        )
        for case, way in zip(CASES[:5], ways, strict=True):
            for run in range(runs if only in case else 0):
                random.seed(f"{case} {run}")
                cluster.complete()
                differences = _differences(undisturbed, way())
                _clean()
                told.setdefault(case, []).append(differences)
                print(case, differences, file=sys.stderr)
    return told


def section(told: dict[str, Any]) -> str:
    """Write what was measured."""
    rows = []
    for case, runs in told.items():
        sums = [str(sum(run[key] for run in runs)) for key in ("lost", "twice", "different")]
        rows.append([case, str(len(runs)), f"{sum(run['rows'] for run in runs):,}", *sums])
    header = ["what breaks", "runs", "rows compared", "lost", "twice", "different"]
    return (
        f"{' '.join(__doc__.split()[6:])} Each archive is {SHARDS} tars of {IN_EACH} pictures. Of "
        "a shard that is cut, what comes after the cut is one row with its error.\n\n"
        f"{table(header, rows)}"
    )
