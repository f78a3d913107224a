"""Which networks and settings are worth the records? Compared on held-out training images.

Of the 60,000 training images, 12,000 are held out; the test images are not touched. Trainings that
run beside each other share the accelerator, so their seconds compare only roughly. Each finished
training is a line in FOLDER/pilot.jsonl and its answers for the held-out images lie in
FOLDER/NAME.npy: a pilot that was cut short goes on.

    KERAS_BACKEND=jax python -m benchmarks.pilot --data-dir DIR --output FOLDER [--only NAME]...
        [--processes 6]
"""

from __future__ import annotations

import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.measure import PATH

HELD_OUT = 0.2  # of the training images


@dataclass(frozen=True)
class Pilot:
    """A training to compare.

    Attributes:
        layers: The architecture's name.
        changes: Settings that differ from `_base`'s.
        teachers: Pilots whose averaged answers are the targets.
        recipe: Whose other settings are taken; where none, those of `_base`.
        seed: Of the training.
        float32: Whether convolutions compute in float32, not in bfloat16.
    """

    layers: str
    changes: dict[str, Any]
    teachers: tuple[str, ...] = ()
    recipe: str | None = None
    seed: int = 0
    float32: bool = False


_ALL = ("wide", "unpadded-3", "unpadded-5", "unpadded-7")
PILOTS = {
    "wide": Pilot("cnn_wide_layers", {}),
    "unpadded-3": Pilot("cnn_unpadded_3_layers", {}),
    "unpadded-5": Pilot("cnn_unpadded_5_layers", {}),
    "unpadded-7": Pilot("cnn_unpadded_7_layers", {}),
    "best": Pilot("cnn_best_layers", {}),
    "wide-128": Pilot("cnn_wide_layers", {"batch_size": 128}),
    "wide-80": Pilot("cnn_wide_layers", {"epochs": 80}),
    "wide-taught": Pilot("cnn_wide_layers", {"label_smoothing": 0}, _ALL),
    "tiny": Pilot("cnn_tiny_layers", {"epochs": 60}),
    "tiny-taught": Pilot("cnn_tiny_layers", {"label_smoothing": 0, "epochs": 60}, _ALL),
    "small-taught": Pilot("cnn_small_layers", {"label_smoothing": 0, "epochs": 60}, _ALL),
    "fast-1": Pilot("cnn_fast_layers", {}, recipe="cnn-fast"),
    "fast-2": Pilot(
        "cnn_fast_layers",
        {"epochs": 2, "batch_size": 512, "learning_rate": 2.2e-2},
        recipe="cnn-fast",
    ),
    "fast-3": Pilot(
        "cnn_fast_layers",
        {"epochs": 3, "batch_size": 1024, "learning_rate": 3e-2},
        recipe="cnn-fast",
    ),
    "small-6": Pilot("cnn_small_layers", {"epochs": 6, "ema_epochs": 0.5}),
    "small-12": Pilot("cnn_small_layers", {"epochs": 12, "ema_epochs": 0.5}),
    "wide-12": Pilot("cnn_wide_layers", {"epochs": 12, "ema_epochs": 0.5}),
    "wide-20": Pilot("cnn_wide_layers", {"epochs": 20}),
    "best-1": Pilot("cnn_best_layers", {}, seed=1),
    "best-float32": Pilot("cnn_best_layers", {}, float32=True),
    "best-80": Pilot("cnn_best_layers", {"epochs": 80}),
    "best-80-1": Pilot("cnn_best_layers", {"epochs": 80}, seed=1),
    "upright": Pilot("cnn_upright_layers", {}),
    "tiny-1": Pilot("cnn_tiny_layers", {"epochs": 60}, seed=1),
    "tiny-120": Pilot("cnn_tiny_layers", {"epochs": 120}),
    "best-8": Pilot("cnn_best_layers", {"epochs": 8, "ema_epochs": 0.5}),
    "best-12": Pilot("cnn_best_layers", {"epochs": 12, "ema_epochs": 0.5}),
    "best-12-1": Pilot("cnn_best_layers", {"epochs": 12, "ema_epochs": 0.5}, seed=1),
    "small-8": Pilot("cnn_small_layers", {"epochs": 8, "ema_epochs": 0.5}),
    "small-8-1": Pilot("cnn_small_layers", {"epochs": 8, "ema_epochs": 0.5}, seed=1),
    "fast-2-1": Pilot(
        "cnn_fast_layers",
        {"epochs": 2, "batch_size": 512, "learning_rate": 2.2e-2},
        recipe="cnn-fast",
        seed=1,
    ),
    "fast-2-1024": Pilot(
        "cnn_fast_layers",
        {"epochs": 2, "batch_size": 1024, "learning_rate": 3e-2},
        recipe="cnn-fast",
    ),
}


def train(name: str, data_dir: Path, output: Path) -> dict[str, Any]:
    """Train one; save its network and its answers; return what it came to."""
    import keras

    from mnist_classifier.learn.data import dataset as data
    from mnist_classifier.learn.data.sources import load_dataset
    from mnist_classifier.learn.networks import architectures
    from mnist_classifier.learn.networks.inspection import predict
    from mnist_classifier.learn.networks.layers import without_tta
    from mnist_classifier.learn.networks.precision import in_mixed_precision
    from mnist_classifier.learn.recipes import registry
    from mnist_classifier.learn.recipes.standard import CNN_SMALL
    from mnist_classifier.learn.training import device, loop

    pilot = PILOTS[name]
    if pilot.float32:
        device.in_mixed_precision = lambda model: model
    splits = data.prepare(load_dataset("mnist", data_dir), 0, HELD_OUT).one_hot()
    keras.utils.set_random_seed(pilot.seed)
    base = replace(CNN_SMALL, epochs=40, batch_size=256)
    if pilot.recipe:
        base = registry.load(pilot.recipe)
    recipe = replace(base, layers=getattr(architectures, pilot.layers), **pilot.changes)
    model = recipe.build()
    recipe.compile(model, len(splits.train))
    teachers = [
        in_mixed_precision(without_tta(keras.models.load_model(output / f"{teacher}.keras")))
        for teacher in pilot.teachers
    ]
    teach = (lambda x, _: np.mean([predict(one, x) for one in teachers], axis=0)) if teachers else None
    epochs: list[float] = []
    began = time.perf_counter()
    told = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: epochs.append(time.perf_counter() - began)
    )
    callbacks = keras.callbacks.CallbackList([told], model=model)
    training = loop.fit(model, recipe.plan(splits, teach), pilot.seed, callbacks)
    answers = predict(model, splits.validation.x)
    labels = splits.validation.labels
    np.save(output / f"{name}.npy", answers.astype(np.float16))
    np.save(output / "labels.npy", labels)
    model.save(output / f"{name}.keras")
    own = answers[np.arange(len(labels)), labels]
    return {
        "name": name,
        "weights": model.count_params(),
        "mistakes": int((answers.argmax(1) != labels).sum()),
        "nats": float(-np.log(np.maximum(own, 1e-7)).mean()),
        "seconds": training.seconds,
        "first_epoch": epochs[0],
        "epoch": float(np.median(np.diff(epochs))) if len(epochs) > 1 else epochs[0],
        "loss": training.history["loss"][-1],
    }


@click.command()
@click.option("--data-dir", type=PATH, required=True, help="MNIST's IDX files.")
@click.option("--output", type=PATH, required=True, help="A folder; made where it is missing.")
@click.option("--only", multiple=True, type=click.Choice(list(PILOTS)), help="All when left out.")
@click.option("--processes", type=click.IntRange(1), default=6)
def main(data_dir: Path, output: Path, only: tuple[str, ...], processes: int) -> None:
    """Train what is not trained yet, teachers first, several at a time."""
    output.mkdir(parents=True, exist_ok=True)
    rows = output / "pilot.jsonl"
    lines = rows.read_text("utf-8").splitlines() if rows.exists() else []
    done = {json.loads(line)["name"] for line in lines}
    left = [name for name in only or PILOTS if name not in done]
    running: dict[Any, str] = {}
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawned, max_tasks_per_child=1) as pool:
        while left or running:
            ready = [name for name in left if set(PILOTS[name].teachers) <= done]
            for name in ready:
                running[pool.submit(train, name, data_dir, output)] = name
                left.remove(name)
            finished = next(as_completed(running))
            name = running.pop(finished)
            try:
                row = finished.result()
            except Exception as error:
                print(name, "failed:", repr(error)[:2000], flush=True)
                left = [one for one in left if name not in PILOTS[one].teachers]
                continue
            done.add(name)
            with rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
