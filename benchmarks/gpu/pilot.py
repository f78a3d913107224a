"""Which networks and settings are worth a series? Compared on held-out training images."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import table
from mnist_classifier.learn.data.augmentation import Deformation

HELD_OUT = 0.2  # of the training images
FILE = "pilot.jsonl"
_FEW_EPOCHS = {"ema_epochs": 0.5}
# As An and others (2020): turned by up to 20 degrees, moved by up to a fifth of the side.
_FAR = {
    "epochs": 100,
    "ema_epochs": 2.5,
    "deformation": Deformation(
        rotation=20, shift=5.6, scale=0, stretch=0, shear=0, elastic=0, stroke=0, blur=0,
        contrast=0, noise=0,
    ),
    "final_deformation": None,
}  # fmt: skip


@dataclass(frozen=True)
class Pilot:
    """A training to compare.

    Attributes:
        network: Its name in `networks.NETWORKS`.
        changes: Settings that differ from those of ``recipe``.
        seed: Of the training.
        teachers: Pilots whose averaged answers are the targets.
        teacher_weight: Share of each target, 0 to 1, that is the teachers' answer.
        recipe: Whose other settings it has.
        float32: Whether convolutions compute in float32, not in bfloat16.
    """

    network: str
    changes: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    teachers: tuple[str, ...] = ()
    teacher_weight: float = 1.0
    recipe: str = "cnn-best"
    float32: bool = False


def _fast(epochs: int, batch_size: int, learning_rate: float, seed: int = 0) -> Pilot:
    changes = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    return Pilot("fast", changes, seed, recipe="cnn-fast")


def _taught(seed: int, teacher: str = "best", teacher_weight: float = 1.0) -> Pilot:
    changes = {"epochs": 60, "label_smoothing": 0}
    return Pilot("small", changes, seed, (teacher,), teacher_weight)


PILOTS = {
    "best": Pilot("best", {"epochs": 40}),
    "best-1": Pilot("best", {"epochs": 40}, seed=1),
    "best-float32": Pilot("best", {"epochs": 40}, float32=True),
    "best-80": Pilot("best", {"epochs": 80}),
    "best-80-1": Pilot("best", {"epochs": 80}, seed=1),
    "upright": Pilot("upright", {"epochs": 40}),
    "wide": Pilot("wide", {"epochs": 40}),
    "wide-128": Pilot("wide", {"epochs": 40, "batch_size": 128}),
    "wide-80": Pilot("wide", {"epochs": 80}),
    "unpadded-3": Pilot("unpadded-3", {"epochs": 40}),
    "unpadded-5": Pilot("unpadded-5", {"epochs": 40}),
    "unpadded-7": Pilot("unpadded-7", {"epochs": 40}),
    "unpadded-3-far": Pilot("unpadded-3", _FAR),
    "unpadded-5-far": Pilot("unpadded-5", _FAR),
    "small": Pilot("small", {"epochs": 60}),
    "small-1": Pilot("small", {"epochs": 60}, seed=1),
    "small-2": Pilot("small", {"epochs": 60}, seed=2),
    "small-3": Pilot("small", {"epochs": 60}, seed=3),
    "small-120": Pilot("small", {"epochs": 120}),
    "small-taught": _taught(0),
    "small-taught-1": _taught(1),
    "small-taught-2": _taught(2),
    "small-taught-3": _taught(3),
    "small-half-taught": _taught(0, teacher_weight=0.5),
    "small-half-taught-1": _taught(1, teacher_weight=0.5),
    "small-half-taught-2": _taught(2, teacher_weight=0.5),
    "small-half-taught-3": _taught(3, teacher_weight=0.5),
    "small-taught-12": _taught(0, "best-12"),
    "fast-1": _fast(1, 256, 1.8e-2),
    "fast-2": _fast(2, 512, 2.2e-2),
    "fast-2-1": _fast(2, 512, 2.2e-2, seed=1),
    "fast-2-1024": _fast(2, 1024, 3e-2),
    "fast-3": _fast(3, 1024, 3e-2),
    "quick-6": Pilot("quick", {"epochs": 6, **_FEW_EPOCHS}),
    "quick-8": Pilot("quick", {"epochs": 8, **_FEW_EPOCHS}),
    "quick-8-1": Pilot("quick", {"epochs": 8, **_FEW_EPOCHS}, seed=1),
    "quick-12": Pilot("quick", {"epochs": 12, **_FEW_EPOCHS}),
    "best-8": Pilot("best", {"epochs": 8, **_FEW_EPOCHS}),
    "best-12": Pilot("best", {"epochs": 12, **_FEW_EPOCHS}),
    "best-12-1": Pilot("best", {"epochs": 12, **_FEW_EPOCHS}, seed=1),
    "wide-12": Pilot("wide", {"epochs": 12, **_FEW_EPOCHS}),
    "wide-20": Pilot("wide", {"epochs": 20}),
}


def train(name: str, data_dir: Path, folder: Path) -> dict[str, Any]:
    """Train one; save its network and its answers; return what it came to."""
    import keras

    from benchmarks.gpu.networks import NETWORKS
    from mnist_classifier.learn.data import dataset as data
    from mnist_classifier.learn.data.sources import load_dataset
    from mnist_classifier.learn.networks.inspection import predict
    from mnist_classifier.learn.networks.layers import without_tta
    from mnist_classifier.learn.recipes import registry
    from mnist_classifier.learn.runs.environment import versions
    from mnist_classifier.learn.training import device, loop

    pilot = PILOTS[name]
    if pilot.float32:
        device.in_mixed_precision = lambda model: model
    splits = data.prepare(load_dataset(None, data_dir), 0, HELD_OUT).one_hot()
    keras.utils.set_random_seed(pilot.seed)
    base: Any = registry.load(pilot.recipe)
    recipe = replace(base, layers=NETWORKS[pilot.network], **pilot.changes)
    model = recipe.build()
    recipe.compile(model, len(splits.train))
    teachers = [
        without_tta(keras.models.load_model(folder / f"{teacher}.keras"))
        for teacher in pilot.teachers
    ]

    def teach(x: Any, y: Any) -> Any:
        answers = np.mean([predict(teacher, x) for teacher in teachers], axis=0)
        return (1 - pilot.teacher_weight) * y + pilot.teacher_weight * answers

    ends: list[float] = []
    noting = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: ends.append(time.perf_counter())
    )
    told = keras.callbacks.CallbackList([noting], model=model)
    plan = recipe.plan(splits, teach if teachers else None)
    training = loop.fit(model, plan, pilot.seed, told)
    answers, labels = predict(model, splits.validation.x), splits.validation.labels
    np.save(folder / f"{name}.npy", answers)
    model.save(folder / f"{name}.keras")
    own = answers[np.arange(len(labels)), labels]
    return {
        "name": name,
        "weights": model.count_params(),
        "mistakes": int((answers.argmax(axis=1) != labels).sum()),
        "nats": float(-np.log(np.maximum(own, 1e-7)).mean()),
        "seconds": training.seconds,
        "machine": versions()["machine"],
        "epoch": float(np.median(np.diff(ends))) if len(ends) > 1 else None,
    }


def run(data_dir: Path, folder: Path, only: Sequence[str], processes: int) -> None:
    """Train what is not trained yet, teachers first, several at a time; note each in `FILE`."""
    folder.mkdir(parents=True, exist_ok=True)
    done = {row["name"] for row in rows(folder)}
    left = [name for name in only or PILOTS if name not in done]
    spawned = multiprocessing.get_context("spawn")
    running: dict[Future[dict[str, Any]], str] = {}
    with ProcessPoolExecutor(processes, mp_context=spawned, max_tasks_per_child=1) as pool:
        while left or running:
            for name in [name for name in left if set(PILOTS[name].teachers) <= done]:
                running[pool.submit(train, name, data_dir, folder)] = name
                left.remove(name)
            if not running:
                raise SystemExit(
                    f"{', '.join(left)}: their teachers are not trained; name them too"
                )
            for task in wait(running, return_when=FIRST_COMPLETED).done:
                row = task.result()
                done.add(running.pop(task))
                with (folder / FILE).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(json.dumps(row), flush=True)


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return what each finished training came to."""
    path = folder / FILE
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def _settings(pilot: Pilot) -> str:
    """Say in words how a training differs from its recipe."""
    words = [
        f"{key} {_amounts(value) if isinstance(value, Deformation) else value}"
        for key, value in pilot.changes.items()
    ]
    if pilot.teachers:
        words.append(f"{pilot.teacher_weight:.0%} taught by {', '.join(pilot.teachers)}")
    return ", ".join(words + ["in float32"] * pilot.float32)


def _amounts(deformation: Deformation) -> str:
    """Name what a deformation changes, and how far."""
    named = asdict(deformation).items()
    return " and ".join(
        f"{key} {value:g}" for key, value in named if value and key != "elastic_smoothness"
    )


def section(measured: list[dict[str, Any]]) -> str:
    """Lay out what was measured."""
    by_name = {row["name"]: row for row in measured}
    cells = [
        [
            name,
            f"{row['weights']:,}",
            PILOTS[name].network,
            _settings(PILOTS[name]),
            str(PILOTS[name].seed),
            str(row["mistakes"]),
            f"{row['nats']:.4f}",
            f"{row['epoch']:.2f}" if row["epoch"] else "–",
        ]
        for name in PILOTS
        if (row := by_name.get(name))
    ]
    header = [
        "training",
        "weights",
        "network",
        "settings",
        "seed",
        "mistakes",
        "nats",
        "s an epoch",
    ]
    return (
        "Trained on 48,000 of the training images and judged on the 12,000 others; the test images "
        "are not touched. What is not named is as in `cnn-best`, for `fast` as in `cnn-fast`. "
        '"nats" is the mean of the negative logarithm of the right class\'s probability. Seconds '
        "are those beside other trainings on the same card.\n\n"
        f"{table(header, cells)}\n\n"
        f"Measured on {' and '.join(sorted({row['machine'] for row in measured}))}."
    )
