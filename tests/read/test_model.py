"""A model file is loaded as data; what is not one of ours is refused."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest

from mnist_classifier import DigitReader
from mnist_classifier.errors import ModelError
from mnist_classifier.read.network_file import CARD_KEY
from tests.conftest import ROOT

onnx = pytest.importorskip("onnx")


def network(side=28, classes=10, card=None, name="images", kind=1):
    """The smallest network of the right form: one matrix product."""
    helper = onnx.helper
    pixels = side * side
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", [name, "shape"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
        ],
        "network",
        [helper.make_tensor_value_info(name, kind, ["n", side, side])],
        [helper.make_tensor_value_info("logits", kind, ["n", classes])],
        [
            helper.make_tensor("shape", 7, [2], [-1, pixels]),
            helper.make_tensor("weights", kind, [pixels, classes], [0.0] * pixels * classes),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    if card is not None:
        entry = model.metadata_props.add()
        entry.key, entry.value = CARD_KEY, card
    return model.SerializeToString()


GOOD = json.dumps({"temperature": 1.0, "refusal": {"measure": "confidence", "threshold": 0.5}})


def test_a_file_of_the_right_form_is_used(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(network(card=GOOD))
    assert DigitReader(path).threshold == 0.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged, or no ONNX file"),
        (b"no model at all", "damaged, or no ONNX file"),
        (network(card=GOOD)[:500], "damaged, or no ONNX file"),
        (network(side=27, card=GOOD), "another network: input images .*27, 27"),
        (network(classes=11, card=GOOD), "another network: .*output logits .*11"),
        (network(name="pixels", card=GOOD), "another network: input pixels"),
        (network(), "carries no model card"),
        (network(card="{"), "carries no model card"),
        (network(card=20_000 * "["), "carries no model card"),
        (network(card="[]"), "no JSON object"),
        (network(card="{}"), "its card lacks 'temperature'"),
        (network(card='{"temperature": true}'), "its card lacks 'temperature', a number"),
        (network(card='{"temperature": "1"}'), "its card lacks 'temperature', a number"),
        (network(card='{"temperature": 1, "refusal": 5}'), "its card lacks 'threshold', a number"),
    ],
)
def test_other_files_are_refused(content, message, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as error:
        DigitReader(path)
    assert "mnist export" in str(error.value)


def card_with(temperature=1.0, threshold=0.5, measure="confidence"):
    return json.dumps(
        {"temperature": temperature, "refusal": {"measure": measure, "threshold": threshold}}
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *(({"temperature": t}, "temperature is") for t in (0, -1, math.nan, math.inf, -math.inf)),
        *(({"temperature": t}, "temperature is") for t in (1e-300, 1e300, 10**400)),
        *(({"threshold": t}, "threshold is") for t in (-0.1, 1.1, math.nan, math.inf)),
        ({"measure": "mood"}, "measure is 'mood'"),
    ],
)
def test_a_card_whose_numbers_make_no_sense_is_refused(changes, message, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(network(card=card_with(**changes)))
    with pytest.raises(ModelError, match=f"{message}.*; expected .*: export it again"):
        DigitReader(path)


def test_a_network_that_wants_more_memory_than_there_is_is_refused_in_words(tmp_path):
    model = onnx.load_from_string(network(card=GOOD))
    helper = onnx.helper
    model.graph.initializer.append(helper.make_tensor("huge", 7, [3], [1 << 20, 1 << 20, 1 << 4]))
    model.graph.node[1].output[0] = "small"
    model.graph.node.append(helper.make_node("ReduceSum", ["flat"], ["sum"], keepdims=0))
    model.graph.node.append(helper.make_node("Expand", ["sum", "huge"], ["expanded"]))
    model.graph.node.append(helper.make_node("ReduceMax", ["expanded"], ["most"], keepdims=0))
    model.graph.node.append(helper.make_node("Add", ["small", "most"], ["logits"]))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="wants more memory than there is; expected an ONNX file"):
        DigitReader(path)


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf])
def test_a_network_that_answers_what_is_no_number_is_refused(weight, tmp_path):
    model = onnx.load_from_string(network(card=GOOD))
    model.graph.initializer[1].float_data[5] = weight
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="gave logits that are no numbers .*; expected"):
        DigitReader(path)


def test_a_network_of_lines_is_tried_too(tmp_path):
    shipped = ROOT / "mnist_classifier/read/pretrained/lines.onnx"
    model = onnx.load(shipped)
    weights = next(one for one in model.graph.initializer if one.data_type == 1 and one.raw_data)
    values = np.frombuffer(weights.raw_data, np.float32).copy()
    values[:] = math.nan
    weights.raw_data = values.tobytes()
    onnx.save(model, tmp_path / "lines.onnx")
    with pytest.raises(ModelError, match="gave logits that are no numbers .*; expected"):
        DigitReader(line_model=tmp_path / "lines.onnx")


@pytest.mark.parametrize("location", ["weights.bin", "../weights.bin", "*/_ORT_MEM_ADDR_/*"])
def test_weights_outside_the_file_are_refused(location, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.bin").write_bytes(bytes(4 * 784 * 10))
    model = onnx.load_from_string(network(card=GOOD))
    weights = model.graph.initializer[1]
    weights.ClearField("float_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "31360")):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="names data outside itself"):
        DigitReader("model.onnx")


def test_an_operation_that_needs_a_library_of_its_own_is_refused(tmp_path):
    model = onnx.load_from_string(network(card=GOOD))
    model.graph.node[1].domain = "somebody.else"
    model.opset_import.append(onnx.helper.make_opsetid("somebody.else", 1))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="damaged, or no ONNX file"):
        DigitReader(tmp_path / "model.onnx")


def test_a_file_too_large_is_not_read(tmp_path):
    with (tmp_path / "large.onnx").open("wb") as file:
        file.truncate((256 << 20) + 1)
    with pytest.raises(ModelError, match="more than 268,435,456 bytes"):
        DigitReader(tmp_path / "large.onnx")


@pytest.mark.skipif(sys.platform == "win32", reason="makes a pipe")
def test_a_pipe_or_a_device_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ModelError, match="no ordinary file"):
            DigitReader(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"none\.onnx"):
        DigitReader(tmp_path / "none.onnx")


def test_the_shipped_model_is_small_and_its_card_lies_beside_it():
    from importlib import resources

    folder = resources.files("mnist_classifier.read") / "pretrained"
    assert len((folder / "digits.onnx").read_bytes()) <= 1_000_000
    card = json.loads((folder / "digits.json").read_text())
    inside = DigitReader().model.card
    assert {key: card[key] for key in inside} == inside


def test_a_reader_leaves_nothing_in_the_home_folder(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    code = "from mnist_classifier import DigitReader; DigitReader()"
    subprocess.run(
        [sys.executable, "-B", "-c", code],
        check=True,
        cwd=ROOT,
        env={**environment, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")},
    )
    assert not list(home.iterdir())
