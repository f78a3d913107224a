"""Keras → ONNX with a model card inside, and the proof that both say the same."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import onnx

from mnist_classifier.errors import ModelError, OutputError
from mnist_classifier.learn.arrays import Floats, Labels
from mnist_classifier.learn.data.augmentation import deform
from mnist_classifier.learn.data.dataset import CLASSES, SIDE, Splits
from mnist_classifier.learn.evaluation.calibration import fit_temperature, softmax
from mnist_classifier.learn.evaluation.metrics import confusions
from mnist_classifier.learn.networks.inspection import predict
from mnist_classifier.learn.networks.layers import softmax_with_reject
from mnist_classifier.learn.runs.images import load_again, split_again
from mnist_classifier.learn.runs.run import Run

CARD_KEY = "mnist_classifier.card"
BATCH_SIZES = (1, 7, 1000)
TOLERANCE = 1e-5
SHOWN_MISTAKES = 24
"""The most mistakes that a card lists."""
REFUSED_SHARE = 0.001
"""The share of deformed validation images that a model's own threshold refuses."""


@dataclass(frozen=True)
class OperatingPoint:
    """What validation images teach about a finished network's probabilities."""

    temperature: float
    """Logits are divided by it; above 1 it lowers confidence."""
    measure: str
    """What is compared with the threshold: see the card."""
    threshold: float
    """Images that measure below are refused, in [0, 1]."""


def logits_network(model: keras.Model) -> tuple[keras.Model, bool]:
    """Return the network from 28×28 images to logits, with the model's own weights.

    Args:
        model: Takes ``(n, 784)`` or ``(n, 28, 28, 1)`` in [0, 1]; ends in a softmax over ten
            classes, in the mean of networks that do, or in `softmax_with_reject`.

    Returns:
        A network from ``(n, 28, 28)`` to ``(n, 10)``; and whether it knows what is no digit.

    Raises:
        ModelError: The model has other inputs, outputs or another last activation.
    """
    size = int(np.prod([side or 0 for side in model.input_shape[1:]]))
    if size != SIDE * SIDE or model.output_shape[1:] != (CLASSES,):
        raise ModelError(
            f"the network maps {model.input_shape} to {model.output_shape}; expected 784 or "
            "28×28 pixels to 10 classes: train it with  mnist train"
        )
    last = model.layers[-1]
    images = keras.Input((SIDE, SIDE), name="images")
    x = keras.layers.Reshape(model.input_shape[1:])(images)
    if getattr(last, "activation", None) is softmax_with_reject:
        body = keras.Model(model.inputs, last.input)
        return keras.Model(images, body(x)), True
    if _gives_probabilities(model):
        # The logarithm of probabilities is a logit like any other: softmax gives them back.
        return keras.Model(images, keras.ops.log(keras.ops.maximum(model(x), 1e-37))), False
    raise ModelError(
        f"the network ends in {last.name} without a softmax; expected one over ten classes"
    )


def _gives_probabilities(model: keras.Model) -> bool:
    """Return whether a network ends in a softmax or in the mean of networks that do."""
    *others, last = model.layers
    if isinstance(last, keras.layers.Average):
        members = [layer for layer in others if isinstance(layer, keras.Model)]
        return bool(members) and all(map(_gives_probabilities, members))
    return isinstance(last, keras.layers.Softmax) or (
        getattr(last, "activation", None) is keras.activations.softmax
    )


def calibrate(
    logits: Floats,
    labels: Labels,
    deformed: Floats,
    knows_nondigits: bool,
) -> OperatingPoint:
    """Choose the temperature and the threshold of refusal on validation images.

    The temperature is `fit_temperature`'s. The threshold refuses `REFUSED_SHARE` of the same digits
    as other hands would write them: of MNIST's own, hardly one in thousands is odd enough to say
    where other people's digits end.

    Args:
        logits: Shape ``(n, 10)``, of validation images.
        labels: Shape ``(n,)``, 0 to 9.
        deformed: Shape ``(n, 10)``, logits of the same images, deformed.
        knows_nondigits: Whether the network has learned what is no digit (as logit 0).
    """
    wide = logits.astype(np.float64)
    temperature = fit_temperature(wide, labels)
    if knows_nondigits:
        scores = 1 / (1 + np.exp(-np.logaddexp.reduce(deformed.astype(np.float64), axis=1)))
    else:
        scaled = deformed.astype(np.float64) / temperature
        scores = np.exp(scaled.max(axis=1) - np.logaddexp.reduce(scaled, axis=1))
    threshold = float(min(0.5, np.quantile(scores, REFUSED_SHARE)))
    return OperatingPoint(
        round(temperature, 4),
        "digit_probability" if knows_nondigits else "confidence",
        float(f"{threshold:.3g}"),
    )


def judge_test_set(probabilities: npt.NDArray[np.floating[Any]], labels: Labels) -> dict[str, Any]:
    """Return what the card says of the test set: confusions, and the mistakes surest of.

    Nothing is chosen by it.

    Args:
        probabilities: Shape ``(n, 10)``, of test images.
        labels: Shape ``(n,)``, 0 to 9.

    Returns:
        ``confusions``: 10 rows (labels) of 10 counts (answers); ``mistakes``: at most
        `SHOWN_MISTAKES`, each with the test image's index, label, answer and confidence.
    """
    answers, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(answers != labels)
    worst = wrong[np.argsort(-confidences[wrong], kind="stable")][:SHOWN_MISTAKES]
    return {
        "confusions": confusions(probabilities, labels),
        "mistakes": [
            {
                "index": int(i),
                "label": int(labels[i]),
                "answer": int(answers[i]),
                "confidence": round(float(confidences[i]), 4),
            }
            for i in worst
        ],
    }


def to_onnx(network: keras.Model, card: Mapping[str, Any]) -> bytes:
    """Convert a network from images to logits into an ONNX file that carries its card.

    Args:
        network: From `logits_network`.
        card: What JSON can hold; must have ``temperature`` and ``refusal``.

    Returns:
        The file: input ``images`` float32 ``(n, 28, 28)``, output ``logits`` float32 ``(n, 10)``.
    """
    with tempfile.TemporaryDirectory() as folder, _silence():
        path = Path(folder) / "network.onnx"
        predict(network, np.zeros((1, SIDE, SIDE), np.float32))  # Keras asks for one call
        network.export(path, format="onnx", verbose=False)
        model = onnx.load(path)
    graph = model.graph
    renamed = {graph.input[0].name: "images", graph.output[0].name: "logits"}
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
    for value in (graph.input[0], graph.output[0]):
        value.name = renamed[value.name]
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    _fix_reshapes(model)
    metadata = model.metadata_props.add()
    metadata.key, metadata.value = CARD_KEY, json.dumps(card, ensure_ascii=False)
    model.producer_name, model.doc_string = "mnist-classifier", ""
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _fix_reshapes(model: onnx.ModelProto) -> None:
    """Give each reshape before a matrix product its shape as a constant.

    The converter has it computed at run time, which takes a sixth of one image's time; what
    computed it is dropped.
    """
    weights = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    rows = {
        node.input[0]: weights[node.input[1]][0]
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in weights
    }
    for node in model.graph.node:
        if node.op_type == "Reshape" and node.output[0] in rows:
            name = f"{node.output[0]}/shape"
            shape = np.array([-1, rows[node.output[0]]], np.int64)
            model.graph.initializer.append(onnx.numpy_helper.from_array(shape, name))
            node.input[1] = name
    while True:
        used = {name for node in model.graph.node for name in node.input}
        used |= {value.name for value in model.graph.output}
        unused = [node for node in model.graph.node if not used & set(node.output)]
        if not unused:
            break
        for node in unused:
            model.graph.node.remove(node)
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name not in used]:
        model.graph.initializer.remove(tensor)


def largest_difference(network: keras.Model, content: bytes, images: Floats) -> float:
    """Return how far Keras's and ONNX Runtime's probabilities lie apart at worst.

    Args:
        network: From `logits_network`.
        content: From `to_onnx`.
        images: Shape ``(n, 28, 28)`` in [0, 1]; the first 1, 7 and 1000 are compared.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    worst = 0.0
    for size in BATCH_SIZES:
        batch = np.resize(images, (size, SIDE, SIDE)).astype(np.float32)
        theirs = np.asarray(session.run(["logits"], {"images": batch})[0])
        ours = keras.ops.convert_to_numpy(network(batch, training=False))
        worst = max(worst, float(np.abs(softmax(ours) - softmax(theirs)).max()))
    return worst


def prove_agreement(network: keras.Model, content: bytes, images: Floats) -> float:
    """Return `largest_difference`, or fail if it is more than `TOLERANCE`.

    Raises:
        ModelError: The ONNX file says something else than the Keras model.
    """
    worst = largest_difference(network, content, images)
    if not worst <= TOLERANCE:
        raise ModelError(
            f"Keras's and ONNX's probabilities differ by {worst:.2g}; expected at most "
            f"{TOLERANCE:g}: nothing was written; this is a fault in the conversion"
        )
    return worst


def write_model(path: Path, content: bytes, card: Mapping[str, Any]) -> Path:
    """Write the ONNX file, and its card as JSON beside it; return the card's path.

    Raises:
        OutputError: They cannot be written.
    """
    card_path = path.with_suffix(".json")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        text = json.dumps({**card, "sha256": hashlib.sha256(content).hexdigest()}, indent=2)
        card_path.write_text(text + "\n", "utf-8")
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; expected a writable place: "
            "name another with --output"
        ) from error
    return card_path


def write_litert(path: Path, network: keras.Model) -> None:
    """Write a LiteRT (TensorFlow Lite) file, as Keras makes it.

    Raises:
        ModelError: This Keras cannot.
        OutputError: The file cannot be written.
    """
    try:
        with _silence():
            network.export(path, format="litert", verbose=False)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; expected a writable place: "
            "name another with --output"
        ) from error
    except (ImportError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"this Keras ({keras.__version__}) cannot export LiteRT: {reason}; "
            "expected one that can: export ONNX instead"
        ) from error


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the converters' chatter from the screen; errors are exceptions and pass."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the converters use of NumPy
            yield
    finally:
        logging.disable(before)


@dataclass(frozen=True)
class Export:
    """What `export_run` wrote."""

    path: Path
    difference: float | None
    """The largest difference between Keras's and ONNX's probabilities; None for LiteRT."""


def export_run(
    folder: Path, output: Path | None = None, form: str = "onnx", data_dir: Path | None = None
) -> Export:
    """Export a run's network, calibrated on the run's own validation images.

    Args:
        folder: A run folder.
        output: The file to write; ``digits.onnx`` or ``digits.tflite`` in the run when left out.
        form: ``"onnx"`` or ``"litert"``.
        data_dir: Where the run's data set lies; where the run found it when left out.

    Raises:
        RunError: The run folder is incomplete or damaged.
        DataError: The run's images cannot be had again.
        ModelError: The network is not one that reads digits, or cannot be converted.
        OutputError: The file cannot be written.
    """
    run = Run(folder)
    config, metrics = run.load_json("config.json", "seed"), run.load_json("metrics.json")
    network, knows_nondigits = logits_network(run.load_model())
    if form == "litert":
        path = output or folder / "digits.tflite"
        write_litert(path, network)
        return Export(path, None)
    splits = split_again(config, load_again(config, data_dir))
    images = splits.validation.x.reshape(-1, SIDE, SIDE)
    deformed = deform(images, np.random.default_rng(int(config["seed"])))
    point = calibrate(
        predict(network, images),
        splits.validation.labels,
        predict(network, deformed),
        knows_nondigits,
    )
    card = _card(network, config, metrics, splits, point)
    content = to_onnx(network, card)
    difference = prove_agreement(network, content, images)
    path = output or folder / "digits.onnx"
    write_model(path, content, card)
    return Export(path, difference)


def _card(
    network: keras.Model,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    splits: Splits,
    point: OperatingPoint,
) -> dict[str, Any]:
    """Return the model card: what goes in and comes out, and what the network is known to reach."""
    sizes = ("train_size", "validation_size", "test_size")
    known = (*sizes, "test_accuracy", "test_accuracy_interval", "epochs")
    logits = predict(network, splits.test.x.reshape(-1, SIDE, SIDE))
    return {
        "input": "images: float32 (n, 28, 28), 0 paper to 1 ink, normalised like MNIST",
        "output": "logits: float32 (n, 10); divide by temperature, then softmax",
        "labels": list(range(CLASSES)),
        "temperature": point.temperature,
        "refusal": {
            "measure": point.measure,
            "threshold": point.threshold,
            "deformed_validation_share_refused": REFUSED_SHARE,
        },
        "data": {key: config.get(key) for key in ("dataset", "sha256")},
        "recipe": config.get("recipe"),
        "seed": config["seed"],
        "parameters": int(network.count_params()),
        **{key: metrics[key] for key in known if key in metrics},
        **judge_test_set(softmax(logits, point.temperature), splits.test.labels),
    }
