"""Parts: an archive's rows, in files that are there as a whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mnist_classifier.errors import OutputError, SettingsError
from mnist_classifier.scale import storage
from mnist_classifier.scale.forms import BY_SUFFIX
from mnist_classifier.scale.kinds import suffix_of

_OWN = re.compile(r"part-(\d+)\.\w+|[._].*")
# Who reads a folder of Parquet passes over what begins with a line or a dot.
_MANIFEST, _LISTING, _LOCK = "_manifest.json", "_listing.parquet", "_lock"


class Parts:
    """Where an archive's parts are.

    Attributes:
        output: What the person named: a folder of parts for Parquet, else a file that joins them.
        folder: Where the parts are.
        suffix: How their names end.
    """

    def __init__(self, output: str) -> None:
        """Name them; nothing is written yet.

        Raises:
            SettingsError: The output's name does not say which form it has.
        """
        self.output = output.rstrip("/")
        self.suffix = suffix_of(self.output)
        if self.suffix not in BY_SUFFIX:
            raise SettingsError(
                f"got the name {output} for rows; expected one that ends with "
                f"{', '.join(BY_SUFFIX)}"
            )
        self.joins = self.suffix != ".parquet"
        self.folder = f"{self.output}.parts" if self.joins else self.output

    @property
    def manifest(self) -> str:
        """The file that says how the archive began."""
        return storage.inside(self.folder, _MANIFEST)

    @property
    def listing(self) -> str:
        """The file that says which pictures belong to which part."""
        return storage.inside(self.folder, _LISTING)

    @property
    def lock(self) -> str:
        """The file that keeps other processes out."""
        return storage.inside(self.folder, _LOCK)

    def make(self) -> None:
        """Make the folder, if there is nothing else.

        Raises:
            OutputError: It holds something else, or cannot be made.
        """
        foreign = [name for name, _ in storage.entries(self.folder) if not _is_own(name)]
        if foreign:
            raise OutputError(
                f"{self.folder} holds {foreign[0].rpartition('/')[2]}, which is none of this "
                "program's; expected a folder that it began, or a new name: name another"
            )
        storage.make_folder(self.folder)

    def part(self, number: int) -> str:
        """Return a part's name."""
        return storage.inside(self.folder, f"part-{number:06d}{self.suffix}")

    def finished(self) -> set[int]:
        """Return which parts are there."""
        return {number for number, size in self._found() if size}

    def _found(self) -> Iterator[tuple[int, int | None]]:
        for name, size in storage.entries(self.folder):
            own = _OWN.fullmatch(name.rpartition("/")[2])
            if own and own[1]:
                yield int(own[1]), size


def _is_own(name: str) -> bool:
    return _OWN.fullmatch(name.rpartition("/")[2]) is not None
