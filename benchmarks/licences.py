"""What licences do the libraries carry that an install brings?

python -m benchmarks.licences --write docs/licences.md
"""

from __future__ import annotations

import argparse
import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from benchmarks.measure import table


def requirements(package: str, extra: str) -> set[str]:
    """Return what a package, with an extra, brings with it, and what that brings, and so on."""
    found: set[str] = set()
    waiting = [(package, extra)]
    seen = set(waiting)
    while waiting:
        name, asked = waiting.pop()
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": asked}):
                canonical = re.sub(r"[-_.]+", "-", needed.name).lower()
                found.add(canonical)
                wanted = {(canonical, inner) for inner in ("", *needed.extras)} - seen
                seen |= wanted
                waiting += wanted
    return found - {package}


def licence(package: str) -> str:
    """Return the licence that a package's metadata name, in a line."""
    about = metadata.metadata(package)
    classifiers = [
        value.split(" :: ")[-1]
        for value in about.get_all("Classifier", [])
        if value.startswith("License :: ") and value != "License :: OSI Approved"
    ]
    first_line = (about["License"] or "").strip().split("\n")[0]
    return about["License-Expression"] or ", ".join(classifiers) or first_line or "not said"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="the page to write")
    path = parser.parse_args().write
    rows, told = [], set()
    for extra in ("", "train", "web", "formats", "parquet", "scale", "tensorboard", "mlflow"):
        for package in sorted(requirements("mnist-classifier", extra) - told):
            told.add(package)
            rows.append([f"`[{extra}]`" if extra else "base", package, licence(package)])
    page = (
        f"<!-- Made by `python -m benchmarks.licences --write {path}`; do not edit. -->\n"
        "# Licences\n\nWhat each install brings, on Linux, and the licence that its own metadata "
        "name. The project itself is MIT.\nWheels may hold further libraries, as OpenCV's holds "
        f"FFmpeg (LGPL).\n\n{table(['install', 'library', 'licence'], rows)}\n"
    )
    if path:
        path.write_text(page, "utf-8")
    print(page)


if __name__ == "__main__":
    main()
