"""Keras → ONNX with a model card inside, or LiteRT; written to files."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx

from mnist_classifier.errors import ModelError, OutputError
from mnist_classifier.learn.arrays import Floats
from mnist_classifier.onnx_runtime import import_onnx_runtime
from mnist_classifier.outputs import check_ordinary

CARD_KEY = "mnist_classifier.card"
TOLERANCE = 1e-5
"""How far Keras's and ONNX's probabilities may lie apart."""
HALF_TOLERANCE = 0.01
"""The same where the file's weights are float16."""
_MANY = 1000  # weights of an array: what has fewer stays float32


def to_onnx(
    network: keras.Model, card: Mapping[str, Any], example: Floats, name: str = "images"
) -> bytes:
    """Convert a network that gives logits into an ONNX file that carries its card.

    Args:
        network: Gives logits, not probabilities.
        card: What JSON can hold.
        example: What the network takes, one of them.
        name: What the file calls its input.

    Returns:
        The file: its input takes any number of examples, and its output is called ``logits``.
    """
    with tempfile.TemporaryDirectory() as folder, _silence():
        path = Path(folder) / "network.onnx"
        network(example, training=False)  # Keras asks for one call
        network.export(path, format="onnx", verbose=False)
        model = onnx.load(path)
    graph = model.graph
    renamed = {graph.input[0].name: name, graph.output[0].name: "logits"}
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [renamed.get(one, one) for one in names]
    for value in (graph.input[0], graph.output[0]):
        value.name = renamed[value.name]
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    _fix_reshapes(model)
    metadata = model.metadata_props.add()
    metadata.key, metadata.value = CARD_KEY, json.dumps(card, ensure_ascii=False)
    model.producer_name, model.doc_string = "mnist-classifier", ""
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def prove(difference: float, tolerance: float = TOLERANCE) -> float:
    """Return how far Keras's and ONNX's probabilities lie apart, or fail if it is too far.

    Raises:
        ModelError: The ONNX file says something else than the Keras model.
    """
    if not difference <= tolerance:
        raise ModelError(
            f"Keras's and ONNX's probabilities differ by {difference:.2g}; expected at most "
            f"{tolerance:g}: nothing was written; this is a fault in the conversion"
        )
    return difference


def halved(content: bytes) -> bytes:
    """Return a file of half the size: its weights as float16, which it turns into float32.

    It computes as before. ONNX Runtime turns them once, when it opens the file.

    Args:
        content: From `to_onnx`.
    """
    model = onnx.load_from_string(content)
    casts = []
    for tensor in model.graph.initializer:
        weights = onnx.numpy_helper.to_array(tensor)
        if weights.dtype == np.float32 and weights.size >= _MANY:
            name, half = tensor.name, f"{tensor.name}/half"
            tensor.CopyFrom(onnx.numpy_helper.from_array(weights.astype(np.float16), half))
            casts.append(onnx.helper.make_node("Cast", [half], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def answer(content: bytes, inputs: Floats, name: str = "images") -> Floats:
    """Return the logits that an ONNX file gives."""
    session = import_onnx_runtime().InferenceSession(content, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logits"], {name: inputs})[0])


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


def write_model(path: Path, content: bytes, card: Mapping[str, Any]) -> Path:
    """Write the ONNX file, and its card as JSON beside it; return the card's path.

    Raises:
        OutputError: They cannot be written, or a pipe or a device is there.
    """
    card_path = path.with_suffix(".json")
    for file in (path, card_path):
        check_ordinary(file, "--output")
    try:
        text = json.dumps({**card, "sha256": hashlib.sha256(content).hexdigest()}, indent=2)
        with _replacing(path, card_path) as (model_file, card_file):
            model_file.write_bytes(content)
            card_file.write_text(text + "\n", "utf-8")
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
        OutputError: The file cannot be written, or a pipe or a device is there.
    """
    check_ordinary(path, "--output")
    try:
        with _silence(), _replacing(path) as (file,):
            network.export(file, format="litert", verbose=False)
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
def _replacing(*paths: Path) -> Iterator[list[Path]]:
    """Yield paths to write to, then rename what lies there to ``paths``, all in one folder.

    So a link is replaced and not written through, and nothing is changed if one cannot be written.
    """
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=paths[0].parent) as folder:
        made = [Path(folder, path.name) for path in paths]
        yield made
        for new, path in zip(made, paths, strict=True):
            if path.exists():
                shutil.copymode(path, new)
            new.replace(path)


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
