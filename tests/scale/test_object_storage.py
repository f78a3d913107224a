"""Archives in object storage: a server on this machine that speaks S3."""

import contextlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.scale.conftest import mnist

pytest.importorskip("pyarrow")
pytest.importorskip("moto.server", reason="moto is not installed")
boto3 = pytest.importorskip("boto3")
pytestmark = pytest.mark.slow

SERVER = "from moto.server import main; import sys; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"


@pytest.fixture(scope="module")
def storage():
    """The address of a server of our own, and the environment of who asks it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        while server.poll() is None and not answers(port):
            time.sleep(0.05)
        yield environment
        server.kill()


def answers(port):
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def client(storage):
    """Who asks the server directly; there is a bucket."""
    client = boto3.client(
        "s3",
        endpoint_url=storage["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    client.create_bucket(Bucket="bucket")
    return client


def test_pictures_and_rows_in_object_storage(storage, client, folder, contents, read):
    for name, content in contents.items():
        client.put_object(Bucket="bucket", Key=f"pictures/{name}", Body=content)
    for output in ("here.jsonl", "s3://bucket/there.jsonl", "s3://bucket/rows.parquet"):
        code, told = mnist("read", "s3://bucket/pictures", "-o", output, "-j", 1, env=storage)
        assert code == 1
        assert told.startswith("read 10, refused 0, errors 1\n")
    here = Path("here.jsonl").read_bytes()
    assert client.get_object(Bucket="bucket", Key="there.jsonl")["Body"].read() == here
    names = sorted(contents)
    rows = [json.loads(line) for line in here.splitlines()]
    assert [row["picture"] for row in rows] == [f"s3://bucket/pictures/{name}" for name in names]
    read("pictures", output="plain.jsonl")
    plain = [json.loads(line) for line in Path("plain.jsonl").read_text("utf-8").splitlines()]
    assert [row["text"] for row in rows] == [row["text"] for row in plain]
    kept = {entry["Key"] for entry in client.list_objects_v2(Bucket="bucket")["Contents"]}
    assert "rows.parquet/part-000002.parquet" in kept
    assert not [name for name in kept if "aside" in name or "there.jsonl.parts/" in name]
    # A part that is lost is read again.
    client.delete_object(Bucket="bucket", Key="rows.parquet/part-000001.parquet")
    code, _ = mnist("read", "s3://bucket/pictures", "-o", "s3://bucket/rows.parquet", env=storage)
    assert code == 1
    assert client.head_object(Bucket="bucket", Key="rows.parquet/part-000001.parquet")


@pytest.fixture
def cutting(storage):
    """The environment of who asks the same server; the first of all alike answers is cut."""
    seen = set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            address = storage["AWS_ENDPOINT_URL"] + self.path
            request = urllib.request.Request(address, None, self.headers, method=self.command)
            with (
                contextlib.suppress(urllib.error.HTTPError),
                urllib.request.urlopen(request) as answer,
            ):
                asked = self.command, self.path, self.headers["Range"]
                content = b"HTTP/1.1 %d OK\r\n%s" % (answer.status, answer.headers.as_bytes())
                whole = asked in seen
                seen.add(asked)
                self.wfile.write(content + answer.read() if whole else content[:25])
                return
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815 — as the module calls it

        def log_message(self, *about):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {**storage, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
        server.shutdown()


def test_answers_cut_in_their_heads(storage, cutting, client, folder, contents):
    for name, content in contents.items():
        client.put_object(Bucket="bucket", Key=f"pictures/{name}", Body=content)
    for output, environment in (("whole.jsonl", storage), ("cut.jsonl", cutting)):
        assert mnist("read", "s3://bucket/pictures", "-o", output, env=environment)[0] == 1
    assert Path("cut.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()
