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
from mnist_classifier.read.picture import Picture, load_picture
from mnist_classifier.read.reader import DigitReader

_LONGEST_SIDE = 320  # pixels of a picture as it is shown


def contact_sheet(
    title: str,
    pictures: Iterable[tuple[str, Picture]],
    reader: DigitReader,
    pattern: Pattern | None,
) -> str:
    """Return a page that needs nothing else, with a field for what stands in each picture.

    What a person says there, the page saves as ``corrections.csv``, which `corrections` reads.

    Args:
        title: Of the page.
        pictures: Each with its name in rows. They are read again: the page holds the images of
            their digits. One that cannot be had any more is left out.
        reader: Reads them, as it read the archive.
        pattern: What each line is known to look like.
    """
    cards = []
    for name, picture in pictures:
        try:
            cards.append(_card(name, picture, reader, pattern))
        except MnistError:
            continue
    page = resources.files(__package__).joinpath("review.html").read_text("utf-8")
    lead = f"The {len(cards)} least sure pictures, the least sure first."
    return Template(page).substitute(title=html.escape(title), lead=lead, cards="\n".join(cards))


def _card(name: str, picture: Picture, reader: DigitReader, pattern: Pattern | None) -> str:
    reading = reader.read(picture, pattern)
    shown, _ = load_picture(picture, reader.max_pixels)
    digits = " ".join(_encoded(_to_8_bits(digit.image)) for digit in reading.digits)
    attributes = {"picture": name, "read": reading.text, "digits": digits}
    data = " ".join(f'data-{key}="{html.escape(value)}"' for key, value in attributes.items())
    text, told = html.escape(reading.text), html.escape(name)
    return (
        f'<article {data}><img class="picture" alt="" src="data:image/png;base64,'
        f'{_encoded(_small(shown))}"><textarea rows="{reading.text.count(chr(10)) + 1}" '
        f'aria-label="What stands in {told}" spellcheck="false">\n{text}</textarea>'
        f'<label><input type="checkbox"> right</label> '
        f"<small>{percent(reading.confidence)} sure<br>{told}</small></article>"
    )


def _small(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    scale = _LONGEST_SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _to_8_bits(image: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.asarray(np.round(255 * image), np.uint8)


def _encoded(image: npt.NDArray[np.uint8]) -> str:
    return base64.b64encode(cv2.imencode(".png", image)[1].tobytes()).decode()
