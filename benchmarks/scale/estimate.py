"""Ten million pictures on 64 cores: arithmetic with measured figures."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from pyarrow import parquet

from benchmarks.measure import table
from benchmarks.scale import pictures, speed
from mnist_classifier.scale.forms import BY_SUFFIX
from mnist_classifier.scale.listing import MOST, write_listing
from mnist_classifier.scale.sources import items_of
from mnist_classifier.scale.summary import Summary

PICTURES, CORES = 10_000_000, 64


def measure(work: Path, data_dir: Path, counts: dict[str, int]) -> dict[str, Any]:
    """Return what each kind of picture costs beside reading it: seconds of the driver, bytes."""
    kinds = {"28×28": pictures.of_mnist(data_dir), "photo": pictures.photo}
    return {kind: _costs(work / kind, count, kinds[kind]) for kind, count in counts.items()}


def _costs(folder: Path, count: int, draw: Any) -> dict[str, float]:
    folder.mkdir()
    shards = folder / "shards"
    pictures.fill_shards(shards, 10, count // 10, draw)
    told = {"picture_bytes": sum(shard.stat().st_size for shard in shards.iterdir()) / count}
    for _ in range(2):  # the first time, libraries are imported
        began = perf_counter()
        write_listing(str(folder / "listing.parquet"), items_of([str(shards)], None))
    told["listing_s"] = (perf_counter() - began) / count
    output = folder / "rows.parquet"
    command = [sys.executable, "-m", "mnist_classifier", "read", str(shards), "-o", str(output)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    parts = sorted(output.glob("part-*"))
    told["row_bytes"] = _row_bytes(output)
    # So actors answer; the images of the least sure ones' digits are left out.
    facts = BY_SUFFIX[".parquet"].facts
    answers = [pickle.dumps(list(facts(io.BytesIO(part.read_bytes())))) for part in parts]
    began = perf_counter()
    _sum_up(answers)
    told["summing_s"] = (perf_counter() - began) / count
    return told


def _row_bytes(output: Path) -> float:
    """Return the bytes of a row in parts of the largest size, as nearly all of millions are."""
    rows = parquet.read_table(output)
    size = 0
    for begin in range(0, len(rows), MOST):
        sink = io.BytesIO()
        parquet.write_table(rows.slice(begin, MOST), sink, compression="zstd")
        size += len(sink.getvalue())
    return size / len(rows)


def _sum_up(answers: list[bytes]) -> None:
    """Sum up rows as the driver does."""
    summary, number = Summary(), 0
    for answer in answers:
        for row in pickle.loads(answer):
            summary.add(number, row)
            number += 1


def section(told: dict[str, Any], of_speed: dict[str, Any]) -> str:
    """Write the arithmetic; the rates are those of one worker on Ray."""
    rows = []
    for kind, costs in told.items():
        rate = CORES * speed.rate(of_speed, kind, speed.RAY_1)
        efficiency = (
            speed.rate(of_speed, kind, speed.RAY_2) / 2 / speed.rate(of_speed, kind, speed.RAY_1)
        )
        listing, summing = (PICTURES * costs[key] / 3600 for key in ("listing_s", "summing_s"))
        reading = PICTURES / rate / efficiency / 3600
        network = rate * efficiency * costs["picture_bytes"] * 8 / 1e9
        rows.append(
            [kind, f"{listing:.2f}", f"{reading:.2f}", f"{summing:.2f}"]
            + [f"{listing + max(reading, summing):.2f}", f"{network:.2f}"]
            + [f"{PICTURES * costs[key] / 1e9:,.1f}" for key in ("picture_bytes", "row_bytes")]
        )
    header = ["pictures", "listing, h", "reading, h", "summing up, h", "in all, h"]
    header += ["network, Gbit/s", "pictures, GB", "rows (Parquet), GB"]
    return (
        f"{PICTURES:,} pictures in tars, {CORES} cores that read as quickly as one does here and "
        "as well together as two do. Listing before is one process's, and so is summing up while "
        "others read: neither gets quicker with more cores. The hours in all are those of listing "
        "and of the longer of the other two. Nothing of this was tried.\n\n"
        f"{table(header, rows)}"
    )
