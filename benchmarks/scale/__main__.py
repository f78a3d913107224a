"""Measure how archives are read; write docs/benchmarks/scale.md.

    python -m benchmarks.scale [speed] [memory] [chaos] [estimate] --data-dir MNIST
        [--write docs/benchmarks/scale.md]

Without names, all parts. The page keeps what was measured before of parts that are not named, so
that each can be measured when its machine is quiet. `chaos` needs moto[server], and for its full
disk the right to mount one.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import click

from benchmarks.measure import PATH, machine, report, write_option
from benchmarks.scale import chaos, estimate, memory, speed

TITLES = {
    "speed": "Speed",
    "memory": "Memory",
    "chaos": "What breaks",
    "estimate": "Ten million pictures on 64 cores",
}


def _before(page: Path | None) -> dict[str, Any]:
    """Return what a page says was measured."""
    if page is None or not page.exists():
        return {}
    line = page.read_text("utf-8").rpartition("```json\n")[2].partition("\n")[0]
    return dict(json.loads(line))


def _text(facts: dict[str, Any]) -> str:
    sections = {
        "speed": speed.section,
        "memory": memory.section,
        "chaos": chaos.section,
        "estimate": lambda told: estimate.section(told, facts["speed"]["measured"]),
    }
    told = []
    for part, title in TITLES.items():
        if part in facts and (part != "estimate" or "speed" in facts):
            where = ", ".join(f"{key} {value}" for key, value in facts[part]["machine"].items())
            text = sections[part](facts[part]["measured"])
            told.append(f"## {title}\n\n{text}\n\nMeasured on: {where}.")
    return "\n\n".join(told)


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(TITLES)))
@click.option("--data-dir", type=PATH, required=True, help="Folder with MNIST's files.")
@click.option("--small", "small_count", default=100_000, help="Pictures of 28×28 pixels.")
@click.option("--photos", "photo_count", default=500, help="Photos of a megapixel.")
@click.option("--repeats", default=3, help="Turns of each way.")
@click.option("--runs", default=10, help="Runs of each thing that breaks.")
@click.option("--only", default="", help="Of what breaks, only what is named so.")
@click.option("--folder", type=PATH, help="Where files are made; a temporary folder by default.")
@write_option
def main(
    parts: tuple[str, ...],
    data_dir: Path,
    small_count: int,
    photo_count: int,
    repeats: int,
    runs: int,
    only: str,
    folder: Path | None,
    write: Path | None,
) -> None:
    """Measure how archives are read."""
    counts = {"28×28": small_count, "photo": photo_count}
    ways = {
        "speed": lambda work: speed.measure(work, data_dir, counts, repeats),
        "memory": lambda work: memory.measure(work, data_dir, [small_count // 10, small_count]),
        "chaos": lambda work: chaos.measure(work, runs, only),
        "estimate": lambda work: estimate.measure(
            work, data_dir, {"28×28": small_count // 10, "photo": photo_count // 10}
        ),
    }
    for part in parts or TITLES:
        with tempfile.TemporaryDirectory(dir=folder) as work:
            load = os.getloadavg()[0]
            measured: dict[str, Any] = ways[part](Path(work))
        facts = _before(write)
        if part == "chaos":
            measured = {**facts.get(part, {}).get("measured", {}), **measured}
        where = {**machine("ray", "pyarrow", "onnxruntime"), "load before": f"{load:.1f}"}
        facts[part] = {"machine": where, "measured": measured}
        command = "python -m benchmarks.scale PART --data-dir MNIST --write PAGE"
        report("Archives", _text(facts), facts, command, write)


if __name__ == "__main__":
    main()
