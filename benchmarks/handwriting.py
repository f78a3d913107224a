"""How well other people's handwriting is read, and how surely what is no digit is refused.

Digits are compared, separators and spaces left out. A refused picture counts as wrong. "Sure and
wrong" are those of which the reader was at least 95 % sure. What is no digit is drawn by the
benchmark; its single letters are printed in fonts that training has not seen. "Letters like digits"
are those with a digit's shape, such as O, l and S. Last, how surely each shape of the table in
``learn/data/strokes.py`` is read, in drawings from a seed that training has not seen. Of what is
still misread in each set, the most frequent are named.

    python -m benchmarks.handwriting FOLDER --data-dir DIR
        [--write PAGE] [--mistakes OUT.png] [--card PAGE]

FOLDER holds one folder a set: of single digits named ``LABEL_anything``, or of numbers named
``TRANSCRIPTION~anything``.
"""

from __future__ import annotations

import gzip
import json
import time
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path

import click
import cv2
import matplotlib
import numpy as np
import PIL.Image
import PIL.ImageDraw
from PIL import ImageFont

from benchmarks.measure import PATH, machine, report, table, write_option
from mnist_classifier import DigitReader
from mnist_classifier.errors import PictureError
from mnist_classifier.learn.data.strokes import SHAPES, draw_shape
from mnist_classifier.learn.evaluation.intervals import wilson_interval
from mnist_classifier.learn.evaluation.lines import digit_error_rate
from mnist_classifier.read.picture import load_picture

# Of the fonts that matplotlib brings, some of those that training leaves out.
UNSEEN_FONTS = ("DejaVuSansMono", "DejaVuSerif-Bold", "STIXGeneralItalic", "cmss10", "cmb10")
DRAWN = 200  # of each shape
# Printed letters that have a digit's shape; reported apart.
LIKE_DIGITS = "OoQDIlijJSsZzBbGgqyA"
SURE = 0.95
MOST_MISTAKES = 40  # of a set, on the sheet
MOST_NAMED = 8  # kinds of mistakes of a set


def truth_of(path: Path) -> str:
    """Return the digits that a picture's name says."""
    if "~" in path.name:
        return "".join(c for c in path.name.split("~")[0] if c.isdigit())
    return path.name.split("_")[0]


def read_set(reader: DigitReader, folder: Path) -> tuple[dict, list]:
    """Read a set's pictures; return its row and its mistakes."""
    mistakes, confidences, texts, truths = [], [], [], []
    refused = 0
    began = time.perf_counter()
    for path in sorted(folder.iterdir()):
        try:
            reading = reader.read(path)
        except PictureError as error:
            print(error)
            continue
        text = "".join(c for c in reading.text if c.isdigit() or c == "?")
        texts.append(text)
        truths.append(truth_of(path))
        confidences.append(reading.confidence)
        refused += reading.refused is not None
        if text != truths[-1]:
            mistakes.append((path, truths[-1], reading))
    seconds = time.perf_counter() - began
    n = len(texts)
    right = np.array([a == b for a, b in zip(texts, truths, strict=True)])
    sure = np.array(confidences)
    low, high = wilson_interval(int(right.sum()), n)
    row = {"set": folder.name, "n": n, "right": int(right.sum()), "share": float(right.mean()),
           "low": low, "high": high, "refused": refused,
           "digit_error_rate": digit_error_rate(texts, truths),
           "sure_and_wrong": int((~right & (sure >= SURE)).sum()),
           "ece": float(calibration_error(sure, right)),
           "milliseconds": 1000 * seconds / n, "misread": misread(mistakes)}  # fmt: skip
    return row, mistakes


def misread(mistakes: list) -> dict[str, int]:
    """Count the kinds of mistakes: digits read as others, left out or added, pictures refused."""
    counts: Counter[str] = Counter()
    for _, truth, reading in mistakes:
        if reading.refused:
            counts["refused"] += 1
            continue
        text = "".join(c for c in reading.text if c.isdigit() or c == "?")
        for kind, i, j, k, m in SequenceMatcher(None, truth, text, autojunk=False).get_opcodes():
            if kind == "replace" and j - i == m - k:
                counts.update(f"{a} as {b}" for a, b in zip(truth[i:j], text[k:m], strict=True))
            elif kind == "replace":
                counts[f"{truth[i:j]} as {text[k:m]}"] += 1
            elif kind != "equal":
                counts.update(f"{a} left out" for a in truth[i:j])
                counts.update(f"{b} too many" for b in text[k:m])
    return dict(counts.most_common(MOST_NAMED))


def letters(generator: np.random.Generator, like_digits: bool) -> list[np.ndarray]:
    """Print letters in fonts that training has not seen, dark on light."""
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    pictures = []
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for name in UNSEEN_FONTS * 2:
        for letter in alphabet:
            if (letter in LIKE_DIGITS) != like_digits:
                continue
            font = ImageFont.truetype(str(folder / f"{name}.ttf"), int(generator.integers(50, 90)))
            picture = PIL.Image.new("L", (120, 120), int(generator.integers(200, 256)))
            PIL.ImageDraw.Draw(picture).text((25, 10), letter, fill=30, font=font)
            pictures.append(np.asarray(picture))
    return pictures


def scribbles(generator: np.random.Generator) -> list[np.ndarray]:
    """Draw tangles of sine waves, and words of printed letters."""
    pictures = []
    for i in range(300):
        picture = np.full((200, 200, 3), 255, np.uint8)
        t = np.linspace(0, 1, 400)
        if i % 3 == 2:
            word = "".join(generator.choice(list("hamnertkwuxv"), 4))
            cv2.putText(picture, word, (10, 120), int(generator.integers(0, 8)), 1.5, (0, 0, 0), 3)
        else:
            waves = generator.normal(0, 1, (2, 6)) / np.arange(1, 7) ** 0.5
            phases = generator.uniform(0, 2 * np.pi, (2, 6, 1))
            speed = np.arange(2, 8)[:, None] * generator.uniform(0.7, 1.5)
            line = (waves[:, :, None] * np.sin(2 * np.pi * speed * t + phases)).sum(axis=1)
            line = 100 + 80 * line / np.abs(line).max(axis=1, keepdims=True)
            pen = int(generator.integers(2, 10))
            cv2.polylines(picture, [line.T.astype(np.int32)], False, (0, 0, 0), pen, cv2.LINE_AA)
        pictures.append(picture)
    return pictures


def noises(generator: np.random.Generator) -> list[np.ndarray]:
    """Draw noise of several grains."""
    pictures = []
    for i in range(200):
        side = int(generator.choice([28, 60, 200]))
        picture = generator.integers(0, 256, (side, side), dtype=np.uint8)
        if i % 2:
            picture = cv2.GaussianBlur(picture, (0, 0), float(generator.uniform(0.7, 4)))
            picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
        pictures.append(picture)
    return pictures


def blanks(generator: np.random.Generator) -> list[np.ndarray]:
    """Make paper with nothing on it: plain, grainy, in uneven light."""
    pictures = []
    for i in range(100):
        height, width = (int(side) for side in generator.integers(28, 500, 2))
        light = np.linspace(generator.integers(60, 255), generator.integers(60, 255), width)
        picture = np.tile(light, (height, 1)) + (i % 2) * generator.normal(0, 4, (height, width))
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    return pictures


def calibration_error(confidences: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Return the expected calibration error (Guo et al. 2017), equal-width bins."""
    index = np.minimum((confidences * bins).astype(int), bins - 1)
    return sum(
        abs(right[index == i].mean() - confidences[index == i].mean()) * (index == i).mean()
        for i in range(bins)
        if (index == i).any()
    )


def mnist_rows(reader: DigitReader, folder: Path) -> list[dict]:
    """Judge MNIST's test images directly, and read them as pictures."""
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    judged = reader.read_images(images)
    right = judged.labels == labels
    low, high = wilson_interval(int(right.sum()), len(labels))
    rows = [{"set": "judged directly", "n": len(labels), "right": int(right.sum()),
             "share": float(right.mean()), "low": low, "high": high,
             "refused": int((~judged.accepted).sum()),
             "ece": float(calibration_error(judged.confidences, right))}]  # fmt: skip
    readings = [reader.read(image) for image in images]
    texts = np.array([reading.text for reading in readings])
    count = int((texts == labels.astype(str)).sum())
    low, high = wilson_interval(count, len(labels))
    rows.append({"set": "read as pictures", "n": len(labels), "right": count,
                 "share": count / len(labels), "low": low, "high": high,
                 "refused": sum(r.refused is not None for r in readings)})  # fmt: skip
    return rows


def nondigit_rows(reader: DigitReader) -> list[dict]:
    """Count how many pictures without digits are refused."""
    generator = np.random.default_rng(0)
    rows = []
    for name, pictures in (
        ("blank", blanks(generator)),
        ("noise", noises(generator)),
        ("letters", letters(generator, like_digits=False)),
        ("letters like digits", letters(generator, like_digits=True)),
        ("scribbles", scribbles(generator)),
    ):
        refused = sum(reader.read(picture).refused is not None for picture in pictures)
        rows.append({"set": name, "n": len(pictures), "refused": refused})
    return rows


def shape_rows(reader: DigitReader) -> list[dict]:
    """Read drawings of each shape of the table."""
    rows = []
    for label, shapes in SHAPES.items():
        for name, shape in shapes.items():
            generator = np.random.default_rng((1_000_000, label))
            judged = reader.read_images(
                np.stack([draw_shape(shape, generator) for _ in range(DRAWN)])
            )
            right = judged.accepted & (judged.labels == label)
            rows.append({"digit": label, "shape": name, "n": DRAWN, "right": int(right.sum()),
                         "refused": int((~judged.accepted).sum())})  # fmt: skip
    return rows


def contact_sheet(mistakes: list, path: Path) -> None:
    """Draw misread pictures, each above what it is, what was read, and how surely."""
    tiles = []
    for file, truth, reading in mistakes:
        tile = np.full((150, 330, 3), 255, np.uint8)
        picture, _ = load_picture(file)
        scale = min(128 / picture.shape[0], 326 / picture.shape[1])
        size = max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        tile[: picture.shape[0], : picture.shape[1]] = picture
        said = reading.text.replace("\n", "/") or (reading.refused or "")[-30:]
        text = f"{truth[:12]} : {said[:22]} {reading.confidence:.0%}".replace("\n", "/")
        cv2.putText(tile, text, (2, 143), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 255), 1)
        tiles.append(tile)
    while len(tiles) % 5 or not tiles:
        tiles.append(np.full((150, 330, 3), 255, np.uint8))
    rows = [np.hstack(tiles[i : i + 5]) for i in range(0, len(tiles), 5)]
    cv2.imwrite(str(path), np.vstack(rows))


@click.command()
@click.argument("folder", type=PATH)
@click.option(
    "--data-dir",
    type=PATH,
    required=True,
    help="A folder with MNIST's four IDX files.",
)
@click.option("--model", type=PATH, help="Instead of the shipped model.")
@click.option("--mistakes", type=PATH, help="A PNG of misread pictures.")
@write_option
@click.option("--card", type=PATH, help="The model card's page to write.")
def main(
    folder: Path,
    data_dir: Path,
    model: Path | None,
    mistakes: Path | None,
    write: Path | None,
    card: Path | None,
) -> None:
    """Print a row for each set and, last, one JSON object."""
    reader = DigitReader(model)
    written, wrong = [], []
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        row, missed = read_set(reader, path)
        written.append(row)
        wrong += missed[:MOST_MISTAKES]
    mnist = mnist_rows(reader, data_dir)
    nothing = nondigit_rows(reader)
    shapes = shape_rows(reader)
    if mistakes:
        contact_sheet(wrong, mistakes)
    facts = {
        "machine": machine("onnxruntime", "opencv-python-headless", "numpy"),
        "threshold": reader.threshold,
        "written": written,
        "mnist": mnist,
        "nondigits": nothing,
        "shapes": shapes,
    }
    text = tables(facts)
    command = "python -m benchmarks.handwriting FOLDER --data-dir DIR"
    report("Other people's handwriting", text, facts, f"{command} --write PAGE", write)
    if card:
        write_card(reader, facts, card)


def tables(facts: dict) -> str:
    """Lay out what was measured in five tables."""
    written = table(
        [
            "set",
            "pictures",
            "read right",
            "95 % interval",
            "refused",
            "digit error rate",
            "sure and wrong",
            "calibration error",
            "ms a picture",
        ],
        [
            [
                row["set"],
                f"{row['n']:,}",
                f"{row['share']:.2%}",
                f"{row['low']:.1%} to {row['high']:.1%}",
                str(row["refused"]),
                f"{row['digit_error_rate']:.2%}",
                str(row["sure_and_wrong"]),
                f"{row['ece']:.1%}",
                f"{row['milliseconds']:.0f}",
            ]
            for row in facts["written"]
        ],
    )
    mistakes = table(
        ["set", "still misread, the most frequent first"],
        [
            [row["set"], ", ".join(f"{what} ({n})" for what, n in row["misread"].items()) or "none"]
            for row in facts["written"]
        ],
    )
    mnist = table(
        ["MNIST's test images", "n", "right", "95 % interval", "refused", "calibration error"],
        [
            [
                row["set"],
                f"{row['n']:,}",
                f"{row['share']:.2%}",
                f"{row['low']:.2%} to {row['high']:.2%}",
                f"{row['refused'] / row['n']:.2%}",
                f"{row['ece']:.2%}" if "ece" in row else "",
            ]
            for row in facts["mnist"]
        ],
    )
    nothing = table(
        ["no digits", "pictures", "refused"],
        [
            [row["set"], str(row["n"]), f"{row['refused'] / row['n']:.1%}"]
            for row in facts["nondigits"]
        ],
    )
    drawn = table(
        ["digit", "shapes, and the share of their drawings that is read right"],
        [
            [
                str(label),
                ", ".join(
                    f"{row['shape']} {row['right'] / row['n']:.0%}"
                    for row in facts["shapes"]
                    if row["digit"] == label
                ),
            ]
            for label in SHAPES
        ],
    )
    said = __doc__.split("    python")[0].strip()
    return "\n\n".join([said, written, mistakes, mnist, nothing, drawn])


LIMITS = (
    "It reads the ten digits and . , - / : between them: printed letters shaped like digits (O, "
    "l, S, Z, b, q) are read as digits.",
    "Of numbers on patterned or ruled paper, many are misread still: see the table. The "
    "probability of a whole number says which.",
    "It is not made for pages of mixed text, digits over pictures, or lines that slope by more "
    "than about 20°.",
    "Crossed-out digits are left out, or shown as a question mark.",
)


def confusions_and_mistakes(card: dict) -> str:
    """Return the card's confusions, a row a label and a column an answer, and its mistakes."""
    counts = table(
        ["label", *map(str, card["labels"])],
        [[str(label), *map(str, row)] for label, row in enumerate(card["confusions"])],
    )
    surest = table(
        ["test image", "label", "answer", "confidence"],
        [
            [str(m["index"]), str(m["label"]), str(m["answer"]), f"{m['confidence']:.1%}"]
            for m in card["mistakes"]
        ],
    )
    return f"{counts}\n\n{surest}"


def write_card(reader: DigitReader, facts: dict, page: Path) -> None:
    """Write the model card's page, and what was measured into the JSON card of the package."""
    from importlib import resources

    path = Path(str(resources.files("mnist_classifier.read") / "pretrained" / "digits.json"))
    card = json.loads(path.read_text("utf-8"))
    card |= {"measured": {k: facts[k] for k in ("written", "mnist", "nondigits", "shapes")}}
    card["limits"] = LIMITS
    path.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8")
    shown = {k: v for k, v in reader.model.card.items() if k not in ("confusions", "mistakes")}
    inside = json.dumps(shown, indent=2, ensure_ascii=False)
    limits = "\n".join(f"- {limit}" for limit in LIMITS)
    text = (
        f"The network in `mnist_classifier/read/pretrained/digits.onnx`.\n\n{tables(facts)}\n\n"
        f"## Limits\n\n{limits}\n\n## Confusions and worst mistakes on MNIST's test images\n\n"
        f"{confusions_and_mistakes(reader.model.card)}\n\n"
        f"## The card in the file, but for these\n\n```json\n{inside}\n```\n\n"
        "## The networks of lines\n\n"
        "`mnist_classifier/read/pretrained/lines.onnx` and `lines-2.onnx`; strips of a picture are "
        "read by them in turns. Each is of the recipe `lines` as it was then. The second learned "
        "its first 113 epochs on a GPU, by JAX, and the last 27 on two cores, by TensorFlow. "
        "Their cards:\n\n"
        f"```json\n{json.dumps(reader.line_model.cards, indent=2, ensure_ascii=False)}\n```\n"
    )
    made = "<!-- Made by `python -m benchmarks.handwriting … --card PAGE`; do not edit. -->"
    page.write_text(f"{made}\n# Model card\n\n{text}", "utf-8")


if __name__ == "__main__":
    main()
