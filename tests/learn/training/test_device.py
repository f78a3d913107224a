"""Training as on an accelerator: an epoch as one function of JAX."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, UNOPTIMIZED

pytest.importorskip("jax")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `on_jax` prints."""
    process = subprocess.run(
        [
            sys.executable,
            Path(__file__).with_name("on_jax.py"),
            tmp_path_factory.mktemp("device") / "run",
        ],
        cwd=ROOT,
        env={**os.environ, **UNOPTIMIZED, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def test_an_epoch_learns_what_keras_would(found):
    by_fit, on_device = found["losses"]
    assert on_device == pytest.approx(by_fit, rel=0.02)  # bfloat16
    assert on_device[-1] < 0.8 * on_device[0]
    assert abs(found["last_validation"][0] - found["last_validation"][1]) <= 0.02


def test_averaged_weights_train_on_jax_without_an_accelerator_too(found):
    assert found["averaged_moved"] > 0.01


def test_deformed_images_are_learned_the_same_for_a_seed(found):
    first, *_, last = found["averaged_losses"]
    assert last < first
    assert found["same_seed"] == 0
    assert found["other_seed"] > 0.01


def test_seeds_share_a_compiled_function(found):
    assert found["compiled"] == 1


def test_compiling_draws_no_random_numbers(found):
    assert found["drawn_by_compiling"] == 0


def test_a_training_that_was_cut_short_goes_on_bit_for_bit(found):
    assert found["saved_epochs"] == 2
    assert found["resumed"] == 0


@pytest.mark.parametrize("kind", ["network", "ensemble"])
def test_a_compiled_network_answers_as_its_layers_do(found, kind):
    assert found[f"predictions_{kind}"] < 1e-5


def test_convolutions_alone_compute_in_bfloat16(found):
    low = {name for name, dtype in found["dtypes"].items() if dtype == "bfloat16"}
    assert low == {"MaxPooling2D", "Conv2D", "BatchNormalization", "ReLU"}
    assert found["weight_dtypes"] == ["float32"]
    assert 0 < found["mixed"] < 0.05
