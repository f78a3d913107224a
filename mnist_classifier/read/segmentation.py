"""Segmentation: ink → marks, each a candidate for one digit → lines of marks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from mnist_classifier.normalisation import (
    FloatImage,
    ink_box,
    normalise,
    quantile,
    stroke_width,
)
from mnist_classifier.read.ink import FAINTEST_INK, SMALL_SIDE
from mnist_classifier.read.work import SAMPLE, Work, check_marks, check_sample

Box = tuple[int, int, int, int]
_FAINT_SHARE = 0.2
_FIRM_SHARE = 0.4
_FAINTEST_PEN = 0.35
_INK = 0.5
# A mark that is this surely a digit is not joined or split.
_SURE = 0.9
_MOST_CUTS = 16
# One digit has at most this many connected components.
_MOST_COMPONENTS = 8


@dataclass(frozen=True)
class Mark:
    """A connected component of ink; or several that were joined, or a part of one."""

    box: Box
    """``(x, y, width, height)`` in pixels of the ink's picture."""
    ink: FloatImage
    """Shape ``(height, width)``, values in [0, 1], 1 where the pen was."""
    level: float
    """The strength of firm ink in it, in [0, 255]."""

    @cached_property
    def image(self) -> FloatImage:
        """Shape ``(28, 28)``, in [0, 1], light on dark: the network's input."""
        return normalise(self.ink)


# A mark below this share of the digits' height is a speck, a dot or a dash.
SPECK = 0.35
_LEAST_INSIDE = 2  # marks that touch no edge, beside which those that do may be none
_RULE_SHAPE, _TALLER = 4, 1.3  # times as long as thick, and as the tallest mark inside

Classify = Callable[[list[Mark]], tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]
"""Takes n marks; returns how surely each is one digit, in [0, 1], and its label."""


def find_marks(strength: FloatImage) -> list[Mark]:
    """Find the connected components of ink; drop rules, specks, stains and frames.

    Args:
        strength: Shape ``(height, width)``, float32, as `find_ink` gives it.

    Returns:
        The marks, in no particular order; empty where there is nothing but paper.

    Raises:
        TooMuchWorkError: They are more, or lie more in each other, than a page's digits.
    """
    faintest = max(FAINTEST_INK, 5 * _grain(strength))
    if float(strength.max()) < 2 * faintest:
        return []
    overall = _level(strength[strength > faintest])
    faint = (strength > max(faintest, _FAINT_SHARE * overall)).astype(np.uint8)
    faint = _without_rules(faint)
    n, labels = cv2.connectedComponents(faint, connectivity=8)
    if n <= 1:
        return []
    # Each mark has its own threshold: ink far below its strongest is a rule, smear or shadow.
    strongest = np.zeros(n, np.float32)
    soft = cv2.blur(strength, (3, 3)) if min(strength.shape) > 2 * SMALL_SIDE else strength
    inked = labels > 0
    np.maximum.at(strongest, np.asarray(labels, np.int32)[inked], soft[inked])
    strongest[0] = np.inf
    firm = (strength > _FIRM_SHARE * strongest[labels]).astype(np.uint8)
    marks = _cut_out(strength, firm, faint)
    return [mark for mark in marks if mark.level >= _FAINTEST_PEN * overall]


def _grain(strength: FloatImage) -> float:
    """Return the standard deviation of the paper's grain, from the smallest deviations."""
    if max(strength.shape) <= SMALL_SIDE:
        return 0.0  # most pixels may be ink
    sample = strength[:: max(1, strength.shape[0] // 400), :: max(1, strength.shape[1] // 400)]
    # A quarter of a normal distribution lies within 0.319 standard deviations of its mean. Ink may
    # cover half of a picture, but is not in that quarter.
    return quantile(np.abs(sample), 0.25) / 0.319


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
    if min(height, width) <= SMALL_SIDE:
        return mask
    small = min(height, width) <= 2 * SMALL_SIDE
    cleaned = mask
    for along, across, horizontal in ((width, height, True), (height, width, False)):
        length = max(40, along // 4)
        # In a small picture a 1 may be as high as the picture, but not as thin as a rule.
        thick = along // 40 if small else max(6, across // 40)
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
    """Return each connected component of firm ink, with its soft edge, as a mark."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(firm, connectivity=8)
    height, width = strength.shape
    boxes = stats[1:, :4]
    tall = np.sort(np.maximum(boxes[:, 2], boxes[:, 3]))[::-1]
    # A speck is small beside the largest marks, or below 3 pixels.
    reference = quantile(tall[:5], 0.5) if len(tall) else 0.0
    least = max(3.0, 0.12 * reference)
    wanted = 1 + np.flatnonzero(np.maximum(boxes[:, 2], boxes[:, 3]) >= least)
    areas = stats[wanted, 2].astype(np.int64) * stats[wanted, 3]
    check_marks(len(wanted), int(areas.sum()), strength.size)
    marks = []
    for i in wanted[np.argsort(-stats[wanted, 4], kind="stable")]:
        x, y, w, h = (int(value) for value in stats[i, :4])
        left, top = max(0, x - 2), max(0, y - 2)
        right, bottom = min(width, x + w + 2), min(height, y + h + 2)
        own = (labels[top:bottom, left:right] == i).astype(np.uint8)
        others = firm[top:bottom, left:right] & (1 - own)
        near = cv2.dilate(own, np.ones((3, 3), np.uint8)) & (1 - others)
        near &= faint[top:bottom, left:right] | own
        local = strength[top:bottom, left:right]
        level = quantile(local[own > 0], 0.85)
        ink = np.clip(local / level, 0, 1) * near
        marks.append(Mark((left, top, right - left, bottom - top), ink.astype(np.float32), level))
    return _without_uprights([m for m in marks if not _is_frame(m, strength.shape)], strength.shape)


def _without_uprights(marks: list[Mark], shape: tuple[int, ...]) -> list[Mark]:
    """Drop ruled uprights: narrow marks from top to bottom of a picture of lower ones."""
    height = shape[0]
    through = [m.box[1] <= 2 and m.box[1] + m.box[3] >= height - 2 for m in marks]
    lower = [m for m, whole in zip(marks, through, strict=True) if not whole]
    if not any(m.box[3] > 0.4 * height for m in lower):
        return marks
    return [
        mark
        for mark, whole in zip(marks, through, strict=True)
        if not (whole and mark.box[2] < 0.25 * height)
    ]


def _is_frame(mark: Mark, shape: tuple[int, ...]) -> bool:
    """Tell whether a mark is a photo's dark edge or a frame: it runs along the picture's border."""
    x, y, w, h = mark.box
    height, width = shape
    if min(height, width) <= 2 * SMALL_SIDE:
        return False
    # The mark's ink within three pixels of each border.
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
    """Return one mark with the ink of all."""
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


def join_marks(components: list[Mark], small: bool, classify: Classify) -> list[Mark]:
    """Join the connected components of each digit.

    All become one mark if that is a digit, and some mark alone is none or the picture is too
    ``small`` for several digits.
    """
    marks = join_broken(components)
    if len(marks) == 1 or len(components) > _MOST_COMPONENTS:
        return marks
    whole = merge(components)
    if whole.box[2] > 1.3 * whole.box[3]:
        return marks
    together, *alone = classify([whole, *marks])[0]
    return [whole] if together >= 0.5 and (small or min(alone) < 0.5) else marks


def join_broken(marks: list[Mark]) -> list[Mark]:
    """Join strokes of one digit that do not touch and lie one above the other.

    From the tallest on, a mark joins the first of those before it that it belongs to.
    """
    groups: list[list[Mark]] = []
    boxes = np.empty((len(marks), 4), np.int64)  # of all the marks in each group
    for mark in sorted(marks, key=lambda mark: -mark.box[3]):
        box = np.array(mark.box)
        together = np.flatnonzero(_belong_together(boxes[: len(groups)], box))
        if together.size:
            first = together[0]
            groups[first].append(mark)
            corner = np.minimum(boxes[first, :2], box[:2])
            end = np.maximum(boxes[first, :2] + boxes[first, 2:], box[:2] + box[2:])
            boxes[first] = *corner, *(end - corner)
        else:
            boxes[len(groups)] = box
            groups.append([mark])
    return [merge(group) if len(group) > 1 else group[0] for group in groups]


def _belong_together(
    large: npt.NDArray[np.int64], small: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Tell whether a small box lies above, on or below each large one as part of the same digit."""
    x, y, width, height = large.T
    left, top, small_width, small_height = small
    bottom = top + small_height
    overlap = np.minimum(x + width, left + small_width) - np.maximum(x, left)
    gap = np.maximum(y, top) - np.minimum(y + height, bottom)
    together = np.maximum(y + height, bottom) - np.minimum(y, top)
    narrow = np.minimum(width, small_width)
    return np.asarray(
        (overlap >= 0.45 * narrow)
        & (gap <= 0.25 * height)
        & ((small_height <= 0.6 * height) | (overlap >= 0.8 * narrow))
        & (together <= 1.7 * height)
    )


def check_likely_digits(marks: list[Mark], classify: Classify) -> None:
    """Check, where marks are many, that some of them are digits, before all of them are judged.

    Raises:
        TooMuchWorkError: Of those that are no specks, hardly any is.
    """
    if len(marks) < 2 * SAMPLE:
        return
    least = SPECK * typical_height(marks)
    tall = [mark for mark in marks if mark.box[3] >= least]
    if len(tall) >= 2 * SAMPLE:
        sample = tall[:: len(tall) // SAMPLE]
        check_sample(int((classify(sample)[0] >= 0.5).sum()), len(sample))


def touches_edge(mark: Mark, shape: tuple[int, ...]) -> bool:
    """Tell whether a mark reaches the edge of a picture of a shape ``(height, width)``."""
    x, y, width, height = mark.box
    return x == 0 or y == 0 or x + width == shape[1] or y + height == shape[0]


def without_edges(marks: list[Mark], shape: tuple[int, ...]) -> list[Mark]:
    """Return marks without rules and neighbours' ink that a picture's edge cuts off.

    They touch the edge, and are long and thin or level with no mark that touches none. Where nearly
    all touch it, all stay: the picture is a close crop, or the parts of one digit.

    Args:
        marks: All of a picture.
        shape: Of the picture, ``(height, width)``.
    """
    inside = [mark for mark in marks if not touches_edge(mark, shape)]
    if len(inside) < _LEAST_INSIDE or len(inside) == len(marks):
        return marks
    tops = np.array([mark.box[1] for mark in inside], float)
    heights = np.array([mark.box[3] for mark in inside], float)
    kept = []
    for mark in marks:
        _, y, w, h = mark.box
        shared = np.minimum(tops + heights, y + h) - np.maximum(tops, y)
        level = bool((shared > 0.5 * np.minimum(heights, h)).any())
        long = max(w, h) > _RULE_SHAPE * min(w, h) and max(w, h) > _TALLER * heights.max()
        if not touches_edge(mark, shape) or (level and not long):
            kept.append(mark)
    return kept


def typical_height(marks: list[Mark], weights: npt.NDArray[np.float64] | float = 1.0) -> float:
    """Return the median of the marks' heights, weighted by the area of each box and ``weights``."""
    boxes = np.array([mark.box for mark in marks], float)
    order = np.argsort(boxes[:, 3])
    total = np.cumsum((boxes[:, 2] * boxes[:, 3] * weights)[order])
    return float(boxes[order, 3][np.searchsorted(total, total[-1] / 2)])


def group_lines(marks: list[Mark]) -> list[list[Mark]]:
    """Group marks into lines of text, from the top; each line from the left.

    A mark joins the line whose last three marks it overlaps most in height: lines may slope.
    """
    if not marks:
        return []
    typical = quantile(np.array([mark.box[3] for mark in marks]), 0.5)
    lines: list[list[Mark]] = []
    # The last three marks of each line: their tops, and their heights; none overlaps before it is.
    tops, heights = np.full((2, len(marks), 3), -np.inf)
    for mark in sorted(marks, key=lambda mark: mark.box[0] + mark.box[2] / 2):
        _, y, _, h = mark.box
        top, height = tops[: len(lines)], heights[: len(lines)]
        shared = np.minimum(y + h, top + height) - np.maximum(y, top)
        least = np.maximum(1.0, np.minimum(height, min(h, typical)))
        overlaps = (shared / least).max(axis=1)
        best = int(overlaps.argmax()) if lines else 0
        if not lines or overlaps[best] <= 0.3:
            best = len(lines)
            lines.append([])
        last = len(lines[best]) % 3
        tops[best, last], heights[best, last] = y, h
        lines[best].append(mark)
    lines.sort(key=lambda line: float(np.mean([m.box[1] + m.box[3] / 2 for m in line])))
    return lines


def resegment(lines: list[list[Mark]], classify: Classify, work: Work) -> list[list[Mark]]:
    """Join and split the marks of each line where that makes them more surely digits.

    The method is heuristic over-segmentation (LeCun et al. 1998, section V). It is tried only on
    a mark that is unlikely to be one digit.

    Raises:
        TooMuchWorkError: There are more ways to do so than `work` allows.
    """
    scores = iter(classify([mark for line in lines for mark in line])[0].tolist())
    joined = [_join_neighbours(line, scores, classify, work) for line in lines]
    wide = [
        mark
        for line in joined
        for mark, score in line
        if score < 0.5 and mark.box[2] > 0.85 * mark.box[3]
    ]
    parts = dict(zip(map(id, wide), _split_touching(wide, classify, work), strict=True))
    return [[part for mark, _ in line for part in parts.get(id(mark), [mark])] for line in joined]


def _join_neighbours(
    line: list[Mark], scores: Iterator[float], classify: Classify, work: Work
) -> list[tuple[Mark, float]]:
    """Join marks side by side that are more surely a digit together; return all with scores."""
    joined: list[tuple[Mark, float]] = []
    height = typical_height(line)
    for mark, score in zip(line, scores, strict=False):
        if joined:
            last, last_score = joined[-1]
            unsure = min(score, last_score) < _SURE or _interleave(last, mark)
            if unsure and _are_close(last, mark, height):
                work.spend(1, last.ink.size + mark.ink.size)
                both = merge([last, mark])
                together = float(classify([both])[0][0])
                if together > score * last_score and together > 0.5:
                    joined[-1] = both, together
                    continue
        joined.append((mark, score))
    return joined


def _interleave(left: Mark, right: Mark) -> bool:
    """Tell whether marks stand half over each other, as the two strokes of a slanted open 4 do."""
    shared = left.box[0] + left.box[2] - right.box[0]
    return shared >= 0.4 * min(left.box[2], right.box[2])


def _are_close(left: Mark, right: Mark, height: float) -> bool:
    """Tell whether two marks side by side may be one digit."""
    gap = right.box[0] - (left.box[0] + left.box[2])
    width = max(right.box[0] + right.box[2], left.box[0] + left.box[2]) - left.box[0]
    return gap < 0.25 * height and width < 1.5 * height


def _split_touching(marks: list[Mark], classify: Classify, work: Work) -> list[list[Mark]]:
    """Split touching digits: return each mark's parts, if all are surely digits, or it alone."""
    if not marks:
        return []
    spans = [_spans(mark) for mark in marks]
    heights = [mark.box[3] for mark in marks]
    columns = [sum(b - a for a, b in own) for own in spans]
    work.spend(sum(map(len, spans)), int(np.dot(columns, heights)))
    parts = [[_crop(mark, a, b) for a, b in own] for mark, own in zip(marks, spans, strict=True)]
    scores, labels = classify([part for own in parts for part in own])
    ends = np.cumsum([len(own) for own in spans])[:-1]
    return [
        _surest_parts(*of_mark)
        for of_mark in zip(
            marks, spans, parts, np.split(scores, ends), np.split(labels, ends), strict=True
        )
    ]


def _spans(mark: Mark) -> list[tuple[int, int]]:
    """Return the pairs of columns between which a mark may hold one of several digits."""
    cuts = _cut_columns(mark.ink)
    height = mark.box[3]
    return [
        (a, b)
        for i, a in enumerate(cuts)
        for b in cuts[i + 1 :]
        if 0.12 * height <= b - a <= 1.3 * height and (a, b) != (cuts[0], cuts[-1])
    ]


def _surest_parts(
    mark: Mark,
    spans: list[tuple[int, int]],
    parts: list[Mark],
    scores: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
) -> list[Mark]:
    """Return the parts of the surest way to cut a mark, or the mark if no way is sure.

    Of all ways to cut, dynamic programming finds the one with the largest product of scores.
    """
    # best[b]: the best score of the ink left of column b, and the indices of its parts.
    best: dict[int, tuple[float, list[int]]] = {0: (1.0, [])}
    for i, (a, b) in sorted(enumerate(spans), key=lambda numbered: numbered[1]):
        if a in best and scores[i] >= _SURE and parts[i].box[3] >= 0.6 * mark.box[3]:
            score = best[a][0] * float(scores[i])
            if score > best.get(b, (0.0, []))[0]:
                best[b] = score, [*best[a][1], i]
    _, chosen = best.get(mark.ink.shape[1], (0.0, []))
    # The stems of letters look like ones: with half of the parts or more ones, it is no number.
    ones = sum(int(labels[i]) == 1 for i in chosen)
    return [parts[i] for i in chosen] if 2 * ones < len(chosen) else [mark]


def _cut_columns(ink: FloatImage) -> list[int]:
    """Return the columns where touching digits may be cut: at most one thin stroke crosses them."""
    mask = (ink > _INK).astype(np.int8)
    crossings = (np.diff(mask, axis=0, prepend=0) == 1).sum(axis=0)
    profile = ink.sum(axis=0)
    width = len(profile)
    thin = 2.0 * max(1.0, stroke_width(ink))
    radius = max(1, width // 40)
    cuts = [
        x
        for x in range(radius, width - radius)
        if profile[x] == profile[x - radius : x + radius + 1].min()
        and crossings[x] <= 1
        and profile[x] <= thin
    ]
    thinned: list[int] = []
    for x in sorted(cuts, key=lambda x: float(profile[x])):
        if all(abs(x - other) > max(2, width // 24) for other in thinned):
            thinned.append(x)
    return [0, *sorted(thinned[:_MOST_CUTS]), width]


def _crop(mark: Mark, left: int, right: int) -> Mark:
    """Return the part of a mark between two columns, with a tight box."""
    x, y, _, _ = mark.box
    ink = np.ascontiguousarray(mark.ink[:, left:right])
    a, b, w, h = ink_box(ink) or (0, 0, right - left, mark.box[3])
    return Mark((x + left + a, y + b, w, h), ink[b : b + h, a : a + w], mark.level)
