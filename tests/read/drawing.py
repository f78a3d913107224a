"""Digits drawn by strokes, so that the tests of reading need no data."""

import cv2
import numpy as np

# Points on a grid 100 wide and 140 high.
STROKES = {
    "0": [[(50, 5), (18, 30), (10, 75), (25, 120), (52, 134), (82, 112), (90, 65), (76, 22),
           (50, 5)]],
    "1": [[(50, 5), (48, 135)]],
    "2": [[(14, 36), (28, 12), (55, 5), (78, 20), (76, 48), (50, 88), (12, 130), (90, 128)]],
    "3": [[(16, 18), (45, 5), (76, 20), (72, 48), (42, 64), (76, 78), (84, 108), (58, 132),
           (14, 124)]],
    "4": [[(30, 8), (12, 78), (90, 74)], [(70, 30), (64, 135)]],
    "5": [[(84, 8), (30, 10), (24, 58), (58, 54), (84, 78), (78, 116), (46, 134), (12, 122)]],
    "6": [[(66, 5), (34, 36), (16, 84), (26, 122), (54, 134), (80, 112), (72, 82), (44, 76),
           (20, 96)]],
    "7": [[(12, 14), (86, 12), (58, 70), (42, 135)]],
    "8": [[(72, 26), (50, 6), (26, 22), (32, 48), (66, 78), (78, 108), (52, 134), (24, 112),
           (36, 78), (68, 48), (72, 26)]],
    "9": [[(74, 40), (50, 62), (24, 46), (30, 16), (58, 6), (76, 28), (74, 70), (62, 135)]],
}  # fmt: skip


def smooth(points, steps=8):
    p = np.array(points, float)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
               + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]  # fmt: skip
    return np.vstack([*pieces, p[-2:-1]])


def write(text, pen=9, scale=1.0, paper=(255, 255, 255), ink=(20, 20, 20), gap=40, margin=50):
    """Write lines of digits; a space is a wide gap. Returns BGR uint8."""
    lines = text.split("\n")
    pitch = 100 + gap
    columns = max(len(line) + 2 * line.count(" ") for line in lines)
    size = ((140 + gap) * len(lines) - gap + 2 * margin, pitch * columns - gap + 2 * margin)
    picture = np.full((round(size[0] * scale), round(size[1] * scale), 3), paper, np.uint8)
    for row, line in enumerate(lines):
        x = margin
        for character in line:
            for stroke in STROKES.get(character, []):
                curve = stroke if character in "147" else smooth(stroke)
                points = (np.array(curve) + [x, margin + row * (140 + gap)]) * scale
                cv2.polylines(picture, [points.round().astype(np.int32)], False, ink,
                              max(1, round(pen * scale)), cv2.LINE_AA)  # fmt: skip
            x += pitch * 3 if character == " " else pitch
    return picture


def png(picture):
    return cv2.imencode(".png", picture)[1].tobytes()
