"""What every benchmark shares: options, the machine's name, statistics, and the report."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import click

from mnist_classifier.learn.runs.environment import processor

PATH = click.Path(path_type=Path)
write_option = click.option("--write", type=PATH, help="A Markdown page to write.")


def machine(*packages: str) -> dict[str, str | int]:
    """Name the processor, its cores and the versions of Python and ``packages``."""
    return {
        "processor": processor(),
        "cores": os.cpu_count() or 0,
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in packages},
    }


def matrix_product_flops(side: int = 4096, repeats: int = 5) -> float:
    """Return the processor's peak, measured: operations a second of a large matrix product.

    The median of some float32 products in TensorFlow on all cores, after one that warms up.
    """
    import tensorflow

    a = tensorflow.random.normal((side, side))
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        tensorflow.linalg.matmul(a, a).numpy()
        seconds.append(time.perf_counter() - began)
    return 2 * side**3 / statistics.median(seconds[1:])


def mean_and_deviation(values: Sequence[float]) -> str:
    """Write a mean and, where there are several values, their standard deviation, in per cent."""
    spread = f" ± {statistics.stdev(values):.2%}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2%}{spread}"


def median_and_range(values: Sequence[float]) -> str:
    """Write a median with the smallest and the largest value."""
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table whose columns line up."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    cells = [
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    ]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in [cells[0], rule, *cells[1:]])


def report(
    title: str, text: str, facts: Mapping[str, object], command: str, write: Path | None
) -> None:
    """Print a table for people and, as the last line, a JSON object; write both to a page.

    Args:
        title: The page's heading.
        text: What was measured and how, with its table, in Markdown.
        facts: The same numbers, and the machine, for programs.
        command: The command that makes the page again.
        write: The Markdown file, or ``None`` to print alone.
    """
    line = json.dumps(facts, ensure_ascii=False)
    if write is not None:
        made = f"<!-- Made by `{command}`; do not edit. -->"
        write.parent.mkdir(parents=True, exist_ok=True)
        write.write_text(f"{made}\n# {title}\n\n{text}\n\n```json\n{line}\n```\n", "utf-8")
    print(f"{title}\n\n{text}\n{line}")
