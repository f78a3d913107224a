"""Pictures in Parquet files: a column of paths, or of the pictures' own bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mnist_classifier.errors import PictureError, SettingsError
from mnist_classifier.read.picture import Fetched, Picture
from mnist_classifier.scale import storage
from mnist_classifier.scale.files import file_of
from mnist_classifier.scale.listing import Item

_TOGETHER = 256  # rows that are decoded at a time


def picture_column(file: str, column: str | None) -> str:
    """Return which column of a table has the pictures.

    Args:
        file: A Parquet file.
        column: Its name; None for the only column of bytes, or else the only one of texts.

    Raises:
        SettingsError: It has no such column, or several that can be.
        PictureError: The file cannot be read.
    """
    schema = schema_of(file)
    of_bytes: list[str] = [field.name for field in schema if _has_bytes(field.type)]
    of_texts: list[str] = [field.name for field in schema if _has_texts(field.type)]
    possible = of_bytes + of_texts if column is not None else of_bytes or of_texts
    if column is not None:
        possible = [name for name in possible if name == column]
    if len(possible) == 1:
        return possible[0]
    raise SettingsError(
        f"{file} has the columns {', '.join(schema.names) or '(none)'}; expected one with "
        f"pictures' bytes or paths{'' if column is None else f' named {column}'}: name it with "
        "--column"
    )


def schema_of(file: str) -> Any:
    """Return the schema of a Parquet file.

    Raises:
        PictureError: It cannot be read.
    """
    try:
        with _opened(file) as table:
            return table.schema_arrow
    except _damage() as error:
        raise _unreadable(file, error) from error


def items(file: str, column: str | None) -> Iterator[Item]:
    """Yield an item for each row; one with an error where the table is damaged."""
    try:
        name = picture_column(file, column)
        with _opened(file) as table:
            if _has_bytes(table.schema_arrow.field(name).type):
                for row in range(table.metadata.num_rows):
                    yield Item(f"{file}#row={row}", file, row)
                return
            row = 0
            for batch in table.iter_batches(columns=[name], use_threads=False):
                for path in batch.column(0).to_pylist():
                    yield Item(path or f"{file}#row={row}", file, row)
                    row += 1
    except _damage() as error:
        yield Item(file, error=str(_unreadable(file, error)))
    except PictureError as error:
        yield Item(file, error=str(error))


def fetch(file: str, items: Sequence[Item], column: str | None) -> Iterator[Picture]:
    """Yield the pictures of some rows, which follow each other."""
    name = picture_column(file, column)
    values = (value for batch in _rows(file, items, [name]) for value in batch.column(0))
    for item, value in zip(items, values, strict=True):
        content = value.as_py()
        if isinstance(content, dict):
            content = content["bytes"]
        if isinstance(content, bytes):
            yield Fetched(item.picture, content)
        elif content is None:
            error = f"{item.picture}: nothing in the column {name}; expected a picture: add it"
            yield Fetched(item.picture, b"", error)
        else:
            yield file_of(content)


def other_columns(file: str, items: Sequence[Item], column: str | None) -> list[dict[str, Any]]:
    """Return of some rows, which follow each other, what stands in the other columns."""
    name = picture_column(file, column)
    others = [other for other in schema_of(file).names if other != name]
    if not others:
        return [{} for _ in items]
    return [row for batch in _rows(file, items, others) for row in batch.to_pylist()]


def other_schema(files: Iterable[str], column: str | None) -> Any:
    """Return the schema of the columns of tables that hold no pictures.

    Raises:
        SettingsError: A column has one type here and another there.
    """
    import pyarrow

    schemas = [pyarrow.schema([])]
    for file in files:
        try:
            name, schema = picture_column(file, column), schema_of(file)
        except PictureError:
            continue  # which is a row of its own
        schemas.append(schema.remove(schema.get_field_index(name)).remove_metadata())
    try:
        return pyarrow.unify_schemas(schemas, promote_options="permissive")
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
        raise SettingsError(
            f"the tables' columns differ: {error}; expected one type for a column's name: read "
            "them one by one"
        ) from error


def _rows(file: str, items: Sequence[Item], columns: Sequence[str]) -> Iterator[Any]:
    """Yield batches with some rows of some columns; the groups before them are passed over."""
    first, last = items[0].place, items[-1].place
    with _opened(file) as table:
        start = 0
        for group in range(table.num_row_groups):
            end = start + table.metadata.row_group(group).num_rows
            if start <= last and first < end:
                for batch in table.iter_batches(
                    _TOGETHER, [group], list(columns), use_threads=False
                ):
                    low = max(first - start, 0)
                    if low < batch.num_rows and start <= last:
                        yield batch.slice(low, min(last + 1 - start, batch.num_rows) - low)
                    start += batch.num_rows
            start = end


@contextlib.contextmanager
def _opened(file: str) -> Iterator[Any]:
    from pyarrow import parquet

    # Read without threads: see `Listing.parts`.
    with storage.open_file(file) as content:
        yield parquet.ParquetFile(content)


def _damage() -> tuple[type[Exception], ...]:
    import pyarrow

    return (pyarrow.ArrowException, OSError)


def _unreadable(file: str, error: Exception) -> PictureError:
    told = str(storage.reason(error)).splitlines()[0]
    return PictureError(f"{file}: damaged: {told}; expected a whole Parquet file: make it again")


def _has_bytes(kind: Any) -> bool:
    """Return whether a column has bytes, or pictures as Hugging Face's data sets do."""
    from pyarrow import types

    if types.is_struct(kind):
        return any(field.name == "bytes" and _has_bytes(field.type) for field in kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _has_texts(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))
