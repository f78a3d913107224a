"""A picture → its ink → the marks on it, in reading order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier.normalisation import FloatImage, stroke_width
from mnist_classifier.read.picture import BgrImage

Box = tuple[int, int, int, int]
Labels = npt.NDArray[np.int32]

# Ink is looked for at this size: enough for a sheet of small digits, little enough to be quick.
_LONGEST_SIDE = 1600
_SMALL_SIDE = 48
# Of the 255 levels between black and white.
_FAINTEST_INK = 14.0
_FAINT_SHARE = 0.2
_FIRM_SHARE = 0.4
_FAINTEST_PEN = 0.35
_MOST_MARKS = 2000
_INK = 0.5


@dataclass(frozen=True)
class Mark:
    """A piece of connected ink."""

    box: Box
    """``(x, y, width, height)`` in pixels of the ink's picture."""
    ink: FloatImage
    """Shape ``(height, width)``, values in [0, 1], 1 where the pen was."""
    level: float
    """The strength of firm ink in it, in [0, 255]."""


def find_ink(picture: BgrImage) -> tuple[FloatImage, float]:
    """Tell ink from paper, whatever the ink's polarity and colour and the light on the paper.

    The paper's colour at each place is the median of its wide surroundings, which keeps straight
    edges of shadows; ink is what differs from it, in the direction (darker or lighter) in which
    more differs.

    Args:
        picture: Shape ``(height, width, 3)``, uint8, BGR.

    Returns:
        The strength of ink, shape ``(height, width)``, float32 in [-255, 255], about 0 on paper
        and positive where there is ink, of the picture shrunk if large; and how many of the
        picture's pixels lie along one of it.
    """
    height, width = picture.shape[:2]
    scale = max(1.0, max(height, width) / _LONGEST_SIDE)
    if scale > 1:
        size = max(1, round(width / scale)), max(1, round(height / scale))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    paper = _plain_paper(picture)
    if paper is None:
        paper = _paper(picture)
    darker = _strongest_channel(cv2.subtract(paper, picture))
    lighter = _strongest_channel(cv2.subtract(picture, paper))
    if _weight(lighter) > _weight(darker):
        darker, lighter = lighter, darker
    return darker.astype(np.float32) - lighter, scale


def _strongest_channel(
    difference: npt.NDArray[np.integer[Any] | np.floating[Any]],
) -> npt.NDArray[np.uint8]:
    blue, green, red = cv2.split(difference)
    return np.asarray(cv2.max(cv2.max(blue, green), red), np.uint8)


def _weight(difference: npt.NDArray[np.uint8]) -> float:
    """Say how much a difference from paper looks like ink: many pixels, far from the paper."""
    counts = cv2.calcHist([difference], [0], None, [256], [0, 256]).ravel().astype(np.float64)
    levels = np.arange(256.0)
    return float((counts * levels**2)[int(_FAINTEST_INK) :].sum())


def _plain_paper(picture: BgrImage) -> BgrImage | None:
    """Return evenly coloured paper where the picture has two clear tones, or few pixels."""
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    light = grey > threshold
    if not light.any() or light.all():
        return None
    border = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    light_paper = light.mean() + border.mean() >= 1
    paper = light if light_paper else ~light
    small = max(grey.shape) <= _SMALL_SIDE
    if not small:
        total = float(grey.std()) ** 2
        share = float(light.mean())
        between = share * (1 - share) * float(grey[light].mean() - grey[~light].mean()) ** 2
        thin = stroke_width((~paper).astype(np.float32)) < 0.35 * min(grey.shape)
        if between < 0.9 * total or paper.mean() < 0.5 or not thin:
            return None
    colour = np.median(picture[paper], axis=0).astype(np.uint8)
    return np.asarray(np.broadcast_to(colour, picture.shape).copy(), np.uint8)


def _paper(picture: BgrImage) -> BgrImage:
    """Estimate the paper's colour everywhere by a wide median, at a coarse scale."""
    height, width = picture.shape[:2]
    scale = min(1.0, 240 / min(height, width), 600 / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    coarse = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    side = min(255, max(3, int(0.6 * min(size)) | 1))
    median = cv2.medianBlur(coarse, side)
    return np.asarray(cv2.resize(median, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def find_marks(strength: FloatImage) -> list[Mark]:
    """Part ink into marks: connected strokes, without rules, specks and stains.

    Args:
        strength: Shape ``(height, width)``, float32, as `find_ink` gives it.

    Returns:
        The marks, in no particular order; empty where there is nothing but paper.
    """
    faintest = max(_FAINTEST_INK, 5 * _grain(strength))
    if float(strength.max()) < 2 * faintest:
        return []
    overall = _level(strength[strength > faintest])
    faint = (strength > max(faintest, _FAINT_SHARE * overall)).astype(np.uint8)
    faint = _without_rules(faint)
    n, labels = cv2.connectedComponents(faint, connectivity=8)
    if n <= 1:
        return []
    # Each mark has its own pen: what is faint beside its strongest ink is rule, smear or shadow.
    strongest = np.zeros(n, np.float32)
    soft = cv2.blur(strength, (3, 3)) if min(strength.shape) > 2 * _SMALL_SIDE else strength
    np.maximum.at(strongest, np.asarray(labels, np.int32).ravel(), np.ravel(soft))
    strongest[0] = np.inf
    firm = (strength > _FIRM_SHARE * strongest[labels]).astype(np.uint8)
    marks = _cut_out(strength, firm, faint)
    return [mark for mark in marks if mark.level >= _FAINTEST_PEN * overall]


def _grain(strength: FloatImage) -> float:
    """Return the standard deviation of the paper's grain, from the smallest deviations."""
    if max(strength.shape) <= _SMALL_SIDE:
        return 0.0  # so much may be ink that the median is no paper
    sample = strength[:: max(1, strength.shape[0] // 400), :: max(1, strength.shape[1] // 400)]
    # Of a normal distribution, a quarter lies within 0.319 of its standard deviation; ink, which
    # may cover half of a picture, is not in that quarter.
    return float(np.quantile(np.abs(sample), 0.25)) / 0.319


def _level(values: FloatImage) -> float:
    """Return the strength of firm ink: the mean of the stronger of two classes (Otsu 1979)."""
    if values.size == 0:
        return 0.0
    grey = np.clip(values, 0, 255).astype(np.uint8)[None]
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    above = values[values > threshold]
    return float(above.mean()) if above.size else float(values.mean())


def _without_rules(mask: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Remove ruled lines: thin, straight, and from a border of the picture across most of it."""
    height, width = mask.shape
    if min(height, width) <= 2 * _SMALL_SIDE:
        return mask
    cleaned = mask
    for along, across, horizontal in ((width, height, True), (height, width, False)):
        length, thick = max(40, along // 4), max(6, across // 40)
        shape = (1, length) if horizontal else (length, 1)
        widened = cv2.dilate(mask, np.ones((3, 1) if horizontal else (1, 3), np.uint8))
        runs = cv2.morphologyEx(widened, cv2.MORPH_OPEN, np.ones(shape, np.uint8))
        if not runs.any():
            continue
        _, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
        start, extent = (stats[:, 0], stats[:, 2]) if horizontal else (stats[:, 1], stats[:, 3])
        edge = 0.02 * along
        at_border = (start <= edge).astype(int) + (start + extent >= along - edge)
        is_rule = (at_border * extent >= 0.6 * along) & (stats[:, 4] <= thick * extent)
        is_rule[0] = False
        if not is_rule.any():
            continue
        solid = np.ones((thick, 1) if horizontal else (1, thick), np.uint8)
        strokes = cv2.dilate(cv2.morphologyEx(mask, cv2.MORPH_OPEN, solid), np.ones((3, 3)))
        cleaned = np.where(is_rule[labels] & (strokes == 0), 0, cleaned).astype(np.uint8)
    return cleaned


def _cut_out(
    strength: FloatImage, firm: npt.NDArray[np.uint8], faint: npt.NDArray[np.uint8]
) -> list[Mark]:
    """Return each connected piece of firm ink with its soft edge."""
    n, labels, stats, _ = cv2.connectedComponentsWithStats(firm, connectivity=8)
    height, width = strength.shape
    boxes = stats[1:, :4]
    tall = np.sort(np.maximum(boxes[:, 2], boxes[:, 3]))[::-1]
    # Specks are small beside the larger marks, or too small to be anything.
    reference = float(np.median(tall[: max(1, min(len(tall), 5))]))
    least = max(3.0, 0.12 * reference)
    wanted = [i for i in range(1, n) if max(stats[i, 2], stats[i, 3]) >= least]
    marks = []
    for i in sorted(wanted, key=lambda i: -stats[i, 4])[:_MOST_MARKS]:
        x, y, w, h = (int(value) for value in stats[i, :4])
        left, top = max(0, x - 2), max(0, y - 2)
        right, bottom = min(width, x + w + 2), min(height, y + h + 2)
        own = (labels[top:bottom, left:right] == i).astype(np.uint8)
        others = firm[top:bottom, left:right] & (1 - own)
        near = cv2.dilate(own, np.ones((3, 3), np.uint8)) & (1 - others)
        near &= faint[top:bottom, left:right] | own
        local = strength[top:bottom, left:right]
        level = float(np.percentile(local[own > 0], 85))
        ink = np.clip(local / level, 0, 1) * near
        marks.append(Mark((left, top, right - left, bottom - top), ink.astype(np.float32), level))
    return [mark for mark in marks if not _is_frame(mark, strength.shape)]


def _is_frame(mark: Mark, shape: tuple[int, ...]) -> bool:
    """Tell a photo's dark edge or a drawn frame from ink: it runs along the picture's border."""
    x, y, w, h = mark.box
    height, width = shape
    if min(height, width) <= 2 * _SMALL_SIDE:
        return False
    # The ink within three pixels of each border that the mark comes near.
    near = {
        "top": mark.ink[: max(0, 3 - y)].max(axis=0, initial=0),
        "bottom": mark.ink[max(0, height - 3 - y) :].max(axis=0, initial=0),
        "left": mark.ink[:, : max(0, 3 - x)].max(axis=1, initial=0),
        "right": mark.ink[:, max(0, width - 3 - x) :].max(axis=1, initial=0),
    }
    covered = {side: int((edge > _INK).sum()) for side, edge in near.items()}
    along = {"top": width, "bottom": width, "left": height, "right": height}
    sliver = min(w / width, h / height) <= 0.01 and max(w, h) > 3 * min(w, h)
    return any(covered[side] >= 0.5 * along[side] for side in along) or (
        sliver and any(covered.values())
    )


def merge(marks: list[Mark]) -> Mark:
    """Lay marks together as one."""
    left = min(mark.box[0] for mark in marks)
    top = min(mark.box[1] for mark in marks)
    right = max(mark.box[0] + mark.box[2] for mark in marks)
    bottom = max(mark.box[1] + mark.box[3] for mark in marks)
    ink = np.zeros((bottom - top, right - left), np.float32)
    for mark in marks:
        x, y, w, h = mark.box
        part = ink[y - top : y - top + h, x - left : x - left + w]
        np.maximum(part, mark.ink, out=part)
    return Mark((left, top, right - left, bottom - top), ink, max(mark.level for mark in marks))


def join_broken(marks: list[Mark]) -> list[Mark]:
    """Join the pieces of a digit written in strokes that do not meet, one above the other."""
    pending = sorted(marks, key=lambda mark: -mark.box[3])
    joined: list[Mark] = []
    for mark in pending:
        for i, other in enumerate(joined):
            if _belong_together(other.box, mark.box):
                joined[i] = merge([other, mark])
                break
        else:
            joined.append(mark)
    return joined


def _belong_together(large: Box, small: Box) -> bool:
    """Tell whether a small mark lies so over a large one that both are one digit."""
    overlap = min(large[0] + large[2], small[0] + small[2]) - max(large[0], small[0])
    gap = max(large[1], small[1]) - min(large[1] + large[3], small[1] + small[3])
    together = max(large[1] + large[3], small[1] + small[3]) - min(large[1], small[1])
    narrow = min(large[2], small[2])
    return (
        overlap >= 0.45 * narrow
        and gap <= 0.25 * large[3]
        and (small[3] <= 0.6 * large[3] or overlap >= 0.8 * narrow)
        and together <= 1.7 * large[3]
    )


def lines_of(marks: list[Mark]) -> list[list[Mark]]:
    """Put marks in reading order: lines from the top, each from the left.

    A mark continues the line whose last mark it overlaps most in height, so that lines may slope.
    """
    if not marks:
        return []
    typical = float(np.median([mark.box[3] for mark in marks]))
    lines: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda mark: mark.box[0] + mark.box[2] / 2):
        _, y, _, h = mark.box
        best, most = None, 0.3
        for line in lines:
            near = [other.box for other in line[-3:]]
            overlaps = [
                (min(y + h, oy + oh) - max(y, oy)) / max(1.0, min(h, oh, typical))
                for _, oy, _, oh in near
            ]
            if max(overlaps) > most:
                best, most = line, max(overlaps)
        if best is None:
            lines.append([mark])
        else:
            best.append(mark)
    lines.sort(key=lambda line: float(np.mean([m.box[1] + m.box[3] / 2 for m in line])))
    return lines
