"""Does an ordinary client still get its answers while others attack the service?

An ordinary client sends a small drawing ten times a second, first undisturbed, then while hostile
clients send pictures that cost as much as any (those of `benchmarks.wild`, and small ones of the
same kinds, which are read by the threads that read the ordinary client's), damaged pictures,
pictures that claim gigapixels, forms whose names are in odd encodings, headers without end, and
bodies that arrive a byte a second. Hostile clients come again 20 ms after each answer, whatever it
says. The ordinary one comes again after a 503 when it is asked to; its time runs from its first
request to its answer. Clients and server share this machine.

    python -m benchmarks.attack [--minutes 10] [--write docs/benchmarks/attack.md]
"""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import cv2
import httpx
import numpy as np
import psutil

from benchmarks.measure import machine, report, table, write_option
from benchmarks.service import MEBIBYTE, PNG, served
from benchmarks.wild import KINDS, LARGE, SHAPES, paper

BAR = 5  # times the undisturbed latency
PAUSE = 0.02
PERIOD = 0.1
SMALL = (240, 320)  # like what is drawn on the page, and read by the same threads
SLOW_BODIES = 80  # more than a worker has in flight
ENCODINGS = ("utf-7", "utf-16", "idna", "punycode", "unicode_escape", "shift_jis", "hex", "x")

Answers = Counter[tuple[str, str]]


def ordinary_picture() -> bytes:
    """Return what the page sends for a number that is drawn."""
    page = paper((240, 320))
    cv2.putText(page, "4207", (60, 140), cv2.FONT_HERSHEY_SIMPLEX, 2.4, 0, 7)
    return png(page)


def hostile_pictures() -> dict[str, list[bytes]]:
    """Return wild pictures, damaged ones, and one that claims to be a gigapixel large."""
    wild = [
        png(draw(shape, np.random.default_rng(seed)))
        for draw in KINDS.values()
        for seed, shape in enumerate([*SHAPES, LARGE, SMALL])
    ]
    rng = np.random.default_rng(0)
    damaged = [picture[: len(picture) // 2] for picture in wild]
    for picture in wild:
        flipped = bytearray(picture)
        for at in rng.integers(40, len(flipped), 20):
            flipped[at] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(flipped))
    gigapixel = bytearray(ordinary_picture())
    gigapixel[16:24] = (32_000).to_bytes(4, "big") * 2
    return {"wild": wild, "damaged": damaged, "gigapixel": [bytes(gigapixel)]}


def png(picture: np.ndarray) -> bytes:
    """Return a picture as a PNG file."""
    return cv2.imencode(".png", picture)[1].tobytes()


def outcome(answer: httpx.Response) -> str:
    """Return an answer's status, and whether a 503 does not say when to come again."""
    silent = answer.status_code == 503 and "retry-after" not in answer.headers
    return f"{answer.status_code}{' without Retry-After' if silent else ''}"


def ask(
    url: str, picture: bytes, seconds: float, process: psutil.Process, answers: Answers
) -> np.ndarray:
    """Be the ordinary client; return rows of when it asked, its latency and the server's memory.

    Seconds, milliseconds and mebibytes.
    """
    rows = []
    began = time.perf_counter()
    with httpx.Client(base_url=url, timeout=60) as client:
        while (asked := time.perf_counter()) - began < seconds:
            while True:
                answer = client.post("/v1/read", content=picture, headers=PNG)
                answers["ordinary", outcome(answer)] += 1
                if answer.status_code != 503:
                    break
                time.sleep(float(answer.headers.get("retry-after", 1)))
            latency = time.perf_counter() - asked
            rows.append((asked - began, 1000 * latency, process.memory_info().rss / MEBIBYTE))
            time.sleep(max(0, PERIOD - latency))
    return np.array(rows)


def attack(url: str, pictures: dict[str, list[bytes]], stop: Event, results: Any) -> None:
    """Be all hostile clients until told to stop; put the counted answers into a queue."""
    address = (urlsplit(url).hostname or "", urlsplit(url).port or 0)
    answers: Answers = Counter()

    def posting(name: str, made: Callable[[random.Random], tuple[bytes, dict[str, str]]]) -> None:
        chosen = random.Random(name)
        with httpx.Client(base_url=url, timeout=60) as client:
            while not stop.wait(PAUSE):
                body, headers = made(chosen)
                try:
                    answer = client.post("/v1/read", content=body, headers=headers)
                except httpx.TransportError as error:
                    answers[name, type(error).__name__] += 1
                else:
                    answers[name, outcome(answer)] += 1

    def of(name: str) -> Callable[[random.Random], tuple[bytes, dict[str, str]]]:
        return lambda chosen: (chosen.choice(pictures[name]), PNG)

    def form(chosen: random.Random) -> tuple[bytes, dict[str, str]]:
        named = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="%b"\r\n\r\n'
        body = named % chosen.randbytes(30).translate(None, b'"\r\n') + pictures["damaged"][0]
        charset = chosen.choice(ENCODINGS)
        kind = f"multipart/form-data; boundary=b; charset={charset}"
        return body + b"\r\n--b--\r\n", {"Content-Type": kind}

    def headers_without_end() -> None:
        while not stop.wait(PAUSE):
            with contextlib.suppress(OSError), socket.create_connection(address, 60) as flood:
                flood.sendall(b"GET / HTTP/1.1\r\n")
                while not stop.is_set():
                    flood.sendall(b"X-More: " + 4000 * b"x" + b"\r\n")

    def slow_bodies() -> None:
        head = b"POST /v1/read HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        slow: list[socket.socket] = []
        while not stop.wait(1):
            for each in list(slow):
                try:
                    each.sendall(b"x")
                except OSError:
                    slow.remove(each)
                    each.close()
            with contextlib.suppress(OSError):
                while len(slow) < SLOW_BODIES:
                    slow.append(socket.create_connection(address, 60))
                    slow[-1].sendall(head + b"Content-Length: 999\r\n\r\n")
        for each in slow:
            each.close()

    tasks: list[Callable[[], None]] = [headers_without_end, slow_bodies]
    tasks += [partial(posting, f"wild {i}", of("wild")) for i in range(4)]
    tasks += [partial(posting, name, of(name)) for name in ("damaged", "gigapixel")]
    tasks.append(partial(posting, "forms", form))
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(answers)


def draw(path: Path, calm: np.ndarray, attacked: np.ndarray) -> None:
    """Save latency and memory over time."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = Figure(figsize=(8, 6), layout="constrained")
    latency, memory = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    for rows, start, name in ((calm, -calm[-1, 0], "undisturbed"), (attacked, 0, "attacked")):
        minutes = (start + rows[:, 0]) / 60
        slow = float(np.quantile(rows[:, 1], 0.99))
        (dots,) = latency.semilogy(
            minutes, rows[:, 1], ".", markersize=3, label=f"{name}, 99 % below {slow:,.0f} ms"
        )
        latency.hlines(slow, minutes[0], minutes[-1], dots.get_color())
        memory.plot(minutes, rows[:, 2], linewidth=1.2)
    most = BAR * np.quantile(calm[:, 1], 0.99)
    latency.axhline(most, color="black", linestyle="--", label=f"aim: below {most:,.0f} ms")
    latency.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    latency.yaxis.set_major_formatter("{x:,.0f}")
    latency.yaxis.set_minor_formatter(NullFormatter())
    latency.set(ylabel="latency of the ordinary client, ms")
    latency.legend(
        markerscale=3, frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1)
    )
    memory.set(xlabel="minutes since the attack began", ylabel="memory, MiB", ylim=(0, None))
    for axes in (latency, memory):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.9")
    figure.savefig(path, dpi=150)


@click.command(context_settings={"show_default": True})
@click.option("--minutes", default=10.0, help="Minutes of the attack.")
@write_option
def main(minutes: float, write: Path | None) -> None:
    """Print a table and, last, one JSON object."""
    pictures, picture = hostile_pictures(), ordinary_picture()
    answers: Answers = Counter()
    spawn = multiprocessing.get_context("spawn")
    stop, results = spawn.Event(), spawn.Queue()
    with served() as (url, process, _):
        ask(url, picture, 2, process, Counter())  # warm
        calm = ask(url, picture, max(10, 60 * minutes / 5), process, answers)
        hostile = spawn.Process(target=attack, args=(url, pictures, stop, results), daemon=True)
        hostile.start()
        attacked = ask(url, picture, 60 * minutes, process, answers)
        stop.set()
        answers += results.get(timeout=300)
        hostile.join()
    slow = [float(np.quantile(rows[:, 1], 0.99)) for rows in (calm, attacked)]
    ratio = slow[1] / slow[0]
    statuses: Counter[str] = Counter()
    for (_, status), count in answers.items():
        statuses[status] += count
    faults = {status: n for status, n in statuses.items() if status[0] == "5" and status != "503"}
    rows = [
        ["ordinary client undisturbed, 99 %", f"{slow[0]:.0f} ms", ""],
        ["ordinary client attacked, 99 %", f"{slow[1]:.0f} ms", ""],
        ["ratio", f"{ratio:.1f}", f"≤ {BAR}"],
        ["ordinary client told to come again", f"{answers['ordinary', '503']:,}", ""],
        ["answers 5xx but 503 with Retry-After", f"{sum(faults.values())}", "0"],
        ["resident memory, most", f"{attacked[:, 2].max():.0f} MiB", ""],
        ["resident memory, end", f"{attacked[-1, 2]:.0f} MiB", ""],
    ]
    told = ", ".join(f"{n:,} × {status}" for status, n in sorted(statuses.items()))
    text = f"{(__doc__ or '').split('    python')[0].strip()}\n\n"
    text += f"{table(['what', 'measured', 'aim'], rows)}\n\nAll answers: {told}."
    if write is not None:
        path = write.parent.parent / "images" / "service-attack.png"
        draw(path, calm, attacked)
        text += f"\n\n![latency and memory, undisturbed and attacked](../images/{path.name})"
    facts = {
        "minutes": minutes,
        "p99_ms": {"undisturbed": slow[0], "attacked": slow[1]},
        "median_ms": {
            "undisturbed": float(np.median(calm[:, 1])),
            "attacked": float(np.median(attacked[:, 1])),
        },
        "ratio": ratio,
        "memory_mib": {"most": attacked[:, 2].max(), "end": attacked[-1, 2]},
        "answers": {" ".join(key): n for key, n in sorted(answers.items())},
        "faults": faults,
        "machine": machine("fastapi", "uvicorn", "onnxruntime", "opencv-python-headless"),
    }
    command = f"python -m benchmarks.attack --minutes {minutes:g} --write PAGE"
    report("The service under attack", text, facts, command, write)
    if ratio > BAR or faults:
        sys.exit(1)


if __name__ == "__main__":
    main()
