"""The run folder: everything one training leaves behind, in one place, never overwritten."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_classifier.errors import OutputError, RunError
from mnist_classifier.learn.runs.files import check_length, read_json
from mnist_classifier.learn.training.checkpoints import FOLDER, Checkpoints

if TYPE_CHECKING:
    import keras

    from mnist_classifier.learn.training.stages import History

SERIES_FILE = "series.json"
"""What a folder of runs has that differ in their seeds alone."""


@dataclass(frozen=True)
class Run:
    """One run folder.

    Every method that writes raises ``OutputError`` when the disk is full or refuses.
    """

    path: Path

    def make(self) -> None:
        """Make the folder, where it is missing, and make sure that it can be written to."""
        with self._writing("."):
            self.path.mkdir(parents=True, exist_ok=True)
        self.reserve(3 << 20)

    def reserve(self, size: int) -> None:
        """Make sure, by writing them once, that ``size`` bytes fit into the folder."""
        with self._writing(".space") as probe:
            probe.unlink(missing_ok=True)  # a link, or what blocks when it is opened
            try:
                with probe.open("wb") as file:
                    for _ in range(0, size, 1 << 20):
                        file.write(bytes(1 << 20))
                    os.fsync(file.fileno())
            finally:
                probe.unlink(missing_ok=True)

    def save_json(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a JSON object, one setting or figure a line."""
        self.save_text(name, json.dumps(values, indent=2, ensure_ascii=False) + "\n")

    def save_text(self, name: str, text: str) -> None:
        """Write a text file."""
        with self._written_aside(name) as aside:
            aside.write_text(text, "utf-8")

    def save_history(self, history: History) -> None:
        """Write ``history.csv``: a row an epoch, counted from 1, a column a quantity."""
        with self._written_aside("history.csv") as path, path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["epoch", *history])
            rows.writerows(
                [epoch, *row] for epoch, row in enumerate(zip(*history.values(), strict=True), 1)
            )

    def save(self, name: str, write: Callable[[Path], object]) -> Path:
        """Let a function write a file, which a reader finds whole or not at all.

        Args:
            name: The file's name.
            write: Writes to the path that it is given.

        Returns:
            The file's path.
        """
        with self._written_aside(name) as aside:
            write(aside)
        return self.path / name

    def is_finished(self) -> bool:
        """Tell whether training came to its end, uninterrupted, and its figures were saved."""
        saved = (self.path / "metrics.json").exists()
        return saved and not self.load_json("metrics.json").get("interrupted")

    def can_go_on(self) -> bool:
        """Tell whether something is left to do: training, or what comes after it."""
        return not self.is_finished() or (self.path / FOLDER).exists()

    def tidy(self) -> None:
        """Remove the checkpoints, unless training may go on."""
        if self.is_finished():
            Checkpoints(self.path).clear()

    def load_model(self, task: str = "digits") -> keras.Model:
        """Load ``model.keras`` as data: Keras's safe mode runs no code that a file carries.

        Args:
            task: What the network must read: ``"digits"`` or ``"lines"``.

        Raises:
            RunError: The file is missing or damaged, or its network reads something else.
        """
        from mnist_classifier.learn.networks.loading import load_network

        return load_network(self.path / "model.keras", task)

    def load_history(self) -> History:
        """Load ``history.csv``.

        Raises:
            RunError: The file is missing or is no table of numbers.
        """
        from mnist_classifier.learn.training.stages import QUANTITIES

        path = self.path / "history.csv"
        try:
            if not path.is_file():
                raise ValueError("no such file")
            check_length(path)
            with path.open(newline="", encoding="utf-8") as file:
                rows = filter(None, csv.reader(file))
                names = next(rows, [])
                columns: History = {name: [] for name in names}
                if names and (len(columns) < len(names) or not columns.keys() >= set(QUANTITIES)):
                    raise ValueError(f"columns {', '.join(names[:9])[:60]}")
                for row in rows:
                    if len(row) != len(names):
                        raise ValueError("rows of different lengths")
                    for name, value in zip(names, row, strict=True):
                        columns[name].append(float(value))
            return columns
        except (OSError, ValueError, csv.Error) as error:
            raise RunError(
                f"{path} cannot be read ({error}); expected a row of numbers an epoch, "
                f"{', '.join(QUANTITIES)} in each: "
                "name another run, or train again"
            ) from error

    def load_json(self, name: str, *needed: str) -> dict[str, Any]:
        """Load ``config.json``, ``series.json`` or ``metrics.json``, see `files.read_json`.

        Args:
            name: The file's name.
            needed: What it must hold.

        Raises:
            RunError: The file is missing, damaged, or lacks something.
        """
        return read_json(self.path / name, *needed)

    @contextlib.contextmanager
    def _written_aside(self, name: str) -> Iterator[Path]:
        """Yield a path to write to, then rename it: a reader finds a whole file or none."""
        with self._writing(name) as path:
            aside = path.with_name(f".{name}")
            aside.unlink(missing_ok=True)  # a link, or what blocks when it is opened
            try:
                yield aside
                aside.replace(path)
            finally:
                aside.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _writing(self, name: str) -> Iterator[Path]:
        path = self.path / name
        try:
            yield path
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written ({error.strerror or error}); "
                "expected a writable folder with room: free some, or name another --output"
            ) from error


@contextlib.contextmanager
def new_run(output: Path | None, recipe: str) -> Iterator[Run]:
    """Make a new run folder; take it away again if an error came before anything was learned.

    When all is done, what was kept to go on with is removed.

    Args:
        output: The folder to make, or ``None`` for ``runs/<recipe>-<date>-<time>``, numbered
            where another run began in the same second.
        recipe: The recipe's name.

    Raises:
        OutputError: The folder exists already or cannot be made.
    """
    run = Run(make_folder(output, recipe))
    try:
        yield run
    except BaseException:
        learned = (run.path / "history.csv").exists() or (run.path / FOLDER).exists()
        if not learned:
            shutil.rmtree(run.path, ignore_errors=True)
        raise
    run.tidy()


@contextlib.contextmanager
def resumed_run(path: Path) -> Iterator[Run]:
    """Open the folder of a run that was cut short.

    Raises:
        RunError: It is no run folder, the run is finished, or a link lies in it.
    """
    run = Run(path)
    run.load_json("config.json")
    for inner in path.rglob("*"):
        if inner.is_symlink():
            raise RunError(
                f"{inner} is a link, and files elsewhere would be changed or sent; "
                "expected the run's own: copy there what it leads to, or remove it"
            )
    if not run.can_go_on():
        raise RunError(
            f"{path} is finished; expected a run that was cut short: name another; or, for more "
            "epochs, train a new run with --epochs, as the learning rate followed the planned ones"
        )
    yield run
    run.tidy()


def make_folder(output: Path | None, name: str) -> Path:
    """Make a new folder: ``output``, or ``runs/<name>-<date>-<time>``.

    Raises:
        OutputError: The folder exists already or cannot be made.
    """
    now = datetime.now().strftime("%Y%m%d-%H%M%S")
    for number in count(1):
        path = output or Path("runs", f"{name}-{now}" + (f"-{number}" if number > 1 else ""))
        try:
            path.mkdir(parents=True)
        except FileExistsError as error:
            if output is not None:
                raise OutputError(
                    f"{output} exists already; expected a new folder, so that nothing is "
                    "overwritten: name another --output"
                ) from error
        except OSError as error:
            raise OutputError(
                f"{path} cannot be made ({error.strerror or error}); "
                "expected a writable place: name another --output"
            ) from error
        else:
            return path
    raise AssertionError("count() never ends")
