"""How quickly does the service answer, and does it hold its memory?

Server, load tool (`hey`) and browser (Chromium) share this machine and its loopback. A "single
read" is a PNG of one 28×28 digit, or its 784 bytes; latencies are those of `hey` at half the
highest rate. The browser's time runs from the end of a stroke to the new answer on the page.

    python -m benchmarks.service [--seconds 10] [--soak 10] [--write docs/benchmarks/service.md]

`hey` and `chromium` are Debian packages.
"""

from __future__ import annotations

import csv
import io
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import cv2
import httpx
import numpy as np
import psutil

from benchmarks.measure import machine, report, table, write_option

CONNECTIONS = 8
MEBIBYTE = 2**20
PNG = {"Content-Type": "image/png"}
BYTES = {"Content-Type": "application/octet-stream"}


@contextmanager
def served(*options: str) -> Iterator[tuple[str, psutil.Process, float]]:
    """Run a server; yield its address, its process and its seconds to the first answer."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "mnist_classifier", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[0]
        httpx.get(f"{url}/healthz", timeout=30).raise_for_status()
        try:
            yield url, psutil.Process(process.pid), time.perf_counter() - began
        finally:
            process.terminate()


def load(
    url: str, body: Path, kind: str, seconds: float, rate: float | None = None
) -> tuple[float, np.ndarray]:
    """Send one body over and over; return answers a second and their times in milliseconds."""
    command = ["hey", "-z", f"{seconds}s", "-c", str(CONNECTIONS), "-m", "POST", "-o", "csv"]
    if rate is not None:
        command += ["-q", str(max(1, round(rate / CONNECTIONS)))]
    done = subprocess.run(
        [*command, "-T", kind, "-D", str(body), url], check=True, capture_output=True, text=True
    )
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    if wrong := Counter(row["status-code"] for row in rows if row["status-code"] != "200"):
        raise RuntimeError(f"not every answer was 200: {wrong}")
    return len(rows) / seconds, 1000 * np.array([float(row["response-time"]) for row in rows])


def stroke_to_answer(url: str, strokes: int) -> np.ndarray:
    """Draw ones on the page; return milliseconds from each stroke's end to its answer."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(url)
        page.evaluate(
            """() => {
                window.times = [0, 0];
                document.getElementById("stage")
                    .addEventListener("pointerup", () => { times[0] = performance.now(); });
                new MutationObserver(() => { times[1] = performance.now(); })
                    .observe(document.getElementById("digits"), { childList: true });
            }"""
        )
        box = page.locator("#stage").bounding_box()
        assert box is not None
        found = []
        for i in range(strokes):
            x = box["x"] + 40 + (i % 5) * box["width"] / 6
            page.mouse.move(x, box["y"] + 60)
            page.mouse.down()
            page.mouse.move(x - 6, box["y"] + 260, steps=20)
            page.mouse.up()
            page.wait_for_timeout(400)  # the last change after the stroke is its answer
            ended, answered = page.evaluate("times")
            found.append(answered - ended)
            if i % 5 == 4:
                page.keyboard.press("Delete")
                page.wait_for_timeout(200)
        browser.close()
    return np.array(found)


def soak(
    minutes: float, digit: bytes, images: bytes
) -> tuple[np.ndarray, np.ndarray, Counter[str]]:
    """Send good and bad requests from four threads.

    Returns:
        Seconds, mebibytes of resident memory each second, and how many answers had which status.
    """
    rng = np.random.default_rng(0)
    photo = cv2.imencode(".jpg", rng.integers(150, 255, (1500, 2000), np.uint8))[1].tobytes()
    bomb = bytearray(digit)
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    kinds: list[tuple[int, str, bytes, dict[str, str]]] = [
        (40, "/v1/read", digit, PNG),
        (20, "/v1/read-images", images[:784], BYTES),
        (8, "/v1/read-images?probabilities=true", images, BYTES),
        (4, "/v1/explain", images[:784], BYTES),
        (2, "/v1/read", photo, {"Content-Type": "image/jpeg"}),
        (5, "/v1/read", b"no picture", PNG),
        (5, "/v1/read", digit[: len(digit) // 2], PNG),
        (3, "/v1/read", bytes(bomb), PNG),
        (1, "/v1/read", bytes(30_000_000), PNG),
        (3, "/v1/read", b"--b\r\nnonsense", form),
        (3, "/v1/read-images", bytes(784 * 10_000), BYTES),
        (3, "/v1/read-images", b'{"images": 1}', {"Content-Type": "application/json"}),
        (2, "/no/such/route", b"x", BYTES),
        (2, "/v1/read", b"x", {"Content-Type": "text/plain"}),
    ]
    weights = [kind[0] for kind in kinds]
    statuses: Counter[str] = Counter()
    stop = threading.Event()

    def send(url: str, seed: int) -> None:
        chosen = random.Random(seed)
        address = urlsplit(url)
        with httpx.Client(base_url=url, timeout=60) as client:
            while not stop.wait(0.01):
                if chosen.random() < 0.02:  # a client that leaves in the middle of its request
                    with socket.create_connection((address.hostname, address.port)) as left:
                        left.sendall(
                            b"POST /v1/read HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"
                        )
                    statuses["left"] += 1
                    continue
                _, path, body, headers = chosen.choices(kinds, weights)[0]
                statuses[str(client.post(path, content=body, headers=headers).status_code)] += 1

    seconds, memory = [], []
    with served("--timeout", "5") as (url, process, _):
        threads = [threading.Thread(target=send, args=(url, seed)) for seed in range(4)]
        for thread in threads:
            thread.start()
        began = time.perf_counter()
        while time.perf_counter() - began < 60 * minutes:
            time.sleep(1)
            seconds.append(time.perf_counter() - began)
            memory.append(process.memory_info().rss / MEBIBYTE)
        stop.set()
        for thread in threads:
            thread.join()
    return np.array(seconds), np.array(memory), statuses


def draw_memory(path: Path, seconds: np.ndarray, memory: np.ndarray) -> None:
    """Save the memory curve."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(seconds / 60, memory, linewidth=1.2)
    axes.set(xlabel="minutes", ylabel="resident memory, MiB", ylim=(0, 1.15 * memory.max()))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def starts(count: int) -> np.ndarray:
    """Start servers one after the other; return their seconds to the first answer."""
    times = []
    for _ in range(count):
        with served() as (_, _, seconds):
            times.append(seconds)
    return np.array(times)


@click.command(context_settings={"show_default": True})
@click.option("--seconds", default=10.0, help="Seconds of each load.")
@click.option(
    "--soak",
    "soak_minutes",
    default=10.0,
    help="Minutes of good and bad requests; 0 leaves it out.",
)
@write_option
def main(seconds: float, soak_minutes: float, write: Path | None) -> None:
    """Print a table and, last, one JSON object."""
    for tool in ("hey", "chromium"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing; expected it in PATH: apt-get install {tool}")
    from mnist_classifier.learn.data.sources import load_sample

    pictures = load_sample().test_images[:1000]
    digit = cv2.imencode(".png", pictures[0])[1].tobytes()
    start = starts(5)
    rows: list[list[str]] = [
        ["start, command to first answer", f"{np.median(start):.2f} s", "≤ 1.5 s"]
    ]
    facts: dict[str, Any] = {"start_seconds": float(np.median(start))}
    with tempfile.TemporaryDirectory() as folder, served() as (url, process, _):
        files: dict[str, tuple[bytes, str, str]] = {
            "one PNG": (digit, "image/png", f"{url}/v1/read"),
            "one image's bytes": (
                pictures[0].tobytes(),
                BYTES["Content-Type"],
                f"{url}/v1/read-images",
            ),
        }
        for name, (content, kind, target) in files.items():
            body = Path(folder) / "body"
            body.write_bytes(content)
            load(target, body, kind, 2)  # warm
            most, _ = load(target, body, kind, seconds)
            half, times = load(target, body, kind, seconds, most / 2)
            median, slow = np.quantile(times, [0.5, 0.99])
            rows += [
                [f"{name}: most a second", f"{most:,.0f}", "≥ 1,000"],
                [f"{name}: at {half:,.0f} a second, median", f"{median:.1f} ms", ""],
                [f"{name}: at {half:,.0f} a second, 99 %", f"{slow:.1f} ms", "≤ 50 ms"],
            ]
            facts[name] = {"most": most, "half": half, "median_ms": median, "p99_ms": slow}
        body.write_bytes(pictures.tobytes())
        calls, _ = load(f"{url}/v1/read-images", body, BYTES["Content-Type"], seconds)
        rate = calls * len(pictures)
        rows.append(["1,000 images a call: images a second", f"{rate:,.0f}", "≥ 20,000"])
        memory = process.memory_info().rss / MEBIBYTE
        rows.append(["resident memory after this load", f"{memory:.0f} MiB", "≤ 250 MB"])
        strokes = stroke_to_answer(url, 40)
        rows.append(
            [
                "stroke's end to the answer on the page, median",
                f"{np.median(strokes):.0f} ms",
                "≤ 50 ms",
            ]
        )
        facts |= {
            "images_per_second": rate,
            "memory_mib": memory,
            "stroke_to_answer_ms": {"median": np.median(strokes), "p90": np.quantile(strokes, 0.9)},
        }
    text = f"{(__doc__ or '').split('    python')[0].strip()}\n\n"
    text += table(["what", "measured", "aim"], rows)
    if soak_minutes:
        text += soaked(soak_minutes, digit, pictures.tobytes(), facts, write)
    facts["machine"] = machine("fastapi", "uvicorn", "onnxruntime", "opencv-python-headless")
    command = f"python -m benchmarks.service --seconds {seconds:g} --soak {soak_minutes:g}"
    report("Speed of the service", text, facts, f"{command} --write PAGE", write)


def soaked(
    minutes: float, digit: bytes, images: bytes, facts: dict[str, Any], write: Path | None
) -> str:
    """Run the soak; return its paragraph, and add to the facts."""
    seconds, memory, statuses = soak(minutes, digit, images)

    def minute(at: float) -> float:
        """Return the median of the memory in the minute that begins after so many."""
        return float(np.median(memory[(seconds >= 60 * at) & (seconds < 60 * at + 60)]))

    second, last = minute(min(1, minutes / 2)), minute(max(0, minutes - 1))
    faults = {status: n for status, n in statuses.items() if re.match("5(?!03)", status)}
    facts["soak"] = {
        "minutes": minutes,
        "statuses": dict(sorted(statuses.items())),
        "second_minute_mib": second,
        "last_minute_mib": last,
        "faults": faults,
    }
    figure = ""
    if write is not None:
        path = write.parent.parent / "images" / "service-memory.png"
        draw_memory(path, seconds, memory)
        figure = f"\n\n![resident memory over the soak](../images/{path.name})"
    told = ", ".join(f"{n:,} × {status}" for status, n in sorted(statuses.items()))
    return (
        f"\n\nThen {minutes:g} minutes of good and bad requests from four clients: {told} "
        '("left": the client did, in the middle of its request). Resident memory in the second '
        f"minute: {second:.0f} MiB; in the last: {last:.0f} MiB, {last / second - 1:+.1%} (aim: "
        f"within 5 %). Answers 5xx but 503: {sum(faults.values())}.{figure}"
    )


if __name__ == "__main__":
    main()
