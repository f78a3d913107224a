"""The contact sheet: the least sure pictures of an archive, for a person to check."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from importlib import resources
from string import Template

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier.errors import MnistError
from mnist_classifier.read.certainty import percent
from mnist_classifier.read.pattern import Pattern
from mnist_classifier.read.picture import BgrImage, Picture, load_picture
from mnist_classifier.read.reader import DigitReader
from mnist_classifier.read.rows import RowFacts
from mnist_classifier.scale.unsure import encoded_digits

_LONGEST_SIDE = 320  # pixels of a picture as it is shown


def contact_sheet(
    title: str,
    pictures: Iterable[tuple[RowFacts, Picture]],
    reader: DigitReader,
    pattern: Pattern | None,
) -> str:
    """Return a page that needs nothing else, with a field for what stands in each picture.

    What a person says there, the page saves as ``corrections.csv``, which `corrections` reads.

    Args:
        title: Of the page.
        pictures: Each with its row. One whose digits are not beside the row is read again: the
            page holds their images. One that cannot be had any more is left out.
        reader: Reads them, as it read the archive.
        pattern: What each line is known to look like.
    """
    cards = []
    for row, picture in pictures:
        try:
            shown, _ = load_picture(picture, reader.max_pixels)
            cards.append(_card(_with_digits(row, picture, reader, pattern), shown))
        except MnistError:
            continue
    page = resources.files(__package__).joinpath("review.html").read_text("utf-8")
    lead = f"The {len(cards)} least sure pictures, the least sure first."
    return Template(page).substitute(title=html.escape(title), lead=lead, cards="\n".join(cards))


def _with_digits(
    row: RowFacts, picture: Picture, reader: DigitReader, pattern: Pattern | None
) -> RowFacts:
    """Return a row with the images of its digits, as of the rows that were there before."""
    if row.digits:
        return row
    reading = reader.read(picture, pattern)
    return row._replace(
        text=reading.text, confidence=reading.confidence, digits=encoded_digits(reading)
    )


def _card(row: RowFacts, shown: BgrImage) -> str:
    attributes = {
        "picture": row.picture,
        "read": row.text,
        "digits": " ".join(base64.b64encode(digit).decode() for digit in row.digits),
    }
    data = " ".join(f'data-{key}="{html.escape(value)}"' for key, value in attributes.items())
    text, told = html.escape(row.text), html.escape(row.picture)
    image = base64.b64encode(cv2.imencode(".png", _small(shown))[1].tobytes()).decode()
    return (
        f'<article {data}><img class="picture" alt="" src="data:image/png;base64,'
        f'{image}"><textarea rows="{row.text.count(chr(10)) + 1}" '
        f'aria-label="What stands in {told}" spellcheck="false">\n{text}</textarea>'
        f'<label><input type="checkbox"> right</label> '
        f"<small>{percent(row.confidence)} sure<br>{told}</small></article>"
    )


def _small(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    scale = _LONGEST_SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
