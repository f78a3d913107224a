"""What the drawn shapes of each digit bring to reading other people's handwriting.

The network of digits is trained several times, short and on a part of MNIST, the same but for what
is drawn by strokes: all digits, all but one, none. Each training is judged on the development
sets of single digits, each as the reader cuts it out, and on MNIST's images that no training had.

    python -m benchmarks.shapes FOLDER --data-dir DIR [--write PAGE]

FOLDER holds one folder a set, with pictures named ``LABEL_anything``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import keras
import numpy as np

from benchmarks.measure import PATH, machine, report, table, write_option
from mnist_classifier import DigitReader
from mnist_classifier.learn.arrays import Floats, Labels
from mnist_classifier.learn.data.dataset import CLASSES, Split, prepare
from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.recipes.reader import READER

SEED = 0
EVERY = tuple(range(CLASSES))


def single_digits(folder: Path) -> Iterator[tuple[str, Floats, Labels]]:
    """Yield each set of single digits: its name, its pictures as MNIST's makers did it, labels."""
    reader = DigitReader()
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        images, labels = [], []
        for file in sorted(path.glob("[0-9]_*")):
            found = reader.read(file).digits
            if len(found) == 1:
                images.append(found[0].image.ravel())
                labels.append(int(file.name[0]))
        if images:
            yield path.name, np.stack(images), np.array(labels, np.uint8)


def train(learned: Split, undrawn: tuple[int, ...], epochs: int) -> keras.Model:
    """Train the network with no shapes of some digits."""
    keras.utils.set_random_seed(SEED)
    recipe = replace(READER.scaled(len(learned), epochs), undrawn=undrawn)
    model = recipe.build()
    recipe.compile(model, len(learned))
    for epoch in range(recipe.total_epochs):
        x, y, order = recipe.drawn_epoch(learned, SEED, epoch)
        model.optimizer.learning_rate = recipe.rate(epoch)
        order = order[: len(order) // recipe.batch_size * recipe.batch_size]
        model.fit(x[order], y[order], batch_size=recipe.batch_size, shuffle=False, verbose=0)
    return model


def name_of(undrawn: tuple[int, ...]) -> str:
    """Say what is drawn."""
    if undrawn == EVERY:
        return "none"
    return f"all but {undrawn[0]}" if undrawn else "all"


@click.command()
@click.argument("folder", type=PATH)
@click.option("--data-dir", type=PATH, required=True, help="A folder with MNIST's four IDX files.")
@click.option("--images", default=10_000, show_default=True, help="Of MNIST's, to learn from.")
@click.option("--epochs", default=6, show_default=True, help="Of each training.")
@write_option
def main(folder: Path, data_dir: Path, images: int, epochs: int, write: Path | None) -> None:
    """Print a row for each training and, last, one JSON object."""
    splits = prepare(load_dataset(data_dir=data_dir), SEED, validation_share=1 / 6)
    learned = Split(splits.train.x[:images], splits.train.labels[:images])
    sets = {name: (x, labels) for name, x, labels in single_digits(folder)}
    sets["MNIST, held out"] = (splits.validation.x, splits.validation.labels)
    rows = []
    for undrawn in [(), *((digit,) for digit in EVERY), EVERY]:
        model = train(learned, undrawn, epochs)
        row = {"drawn": name_of(undrawn)}
        for name, (x, labels) in sets.items():
            row[name] = float((model.predict(x, verbose=0).argmax(axis=1) == labels).mean())
        print(row, flush=True)
        rows.append(row)
    facts = {
        "machine": machine("keras", "tensorflow"),
        "images": len(learned),
        "epochs": epochs,
        "seed": SEED,
        "pictures": {name: len(labels) for name, (_, labels) in sets.items()},
        "rows": rows,
    }
    count = [f"{name} ({len(labels):,})" for name, (_, labels) in sets.items()]
    text = table(
        ["drawn by strokes", *count],
        [[row["drawn"], *(f"{row[name]:.2%}" for name in sets)] for row in rows],
    )
    text = (
        f"{__doc__.split(chr(10) * 2)[1]}\n\n{len(learned):,} images of MNIST, {epochs} epochs, "
        f"seed {SEED}; the number of pictures stands beside each set's name.\n\n{text}"
    )
    command = "python -m benchmarks.shapes FOLDER --data-dir DIR"
    report("Shapes of digits, left out", text, facts, f"{command} --write PAGE", write)


if __name__ == "__main__":
    main()
