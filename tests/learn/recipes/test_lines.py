"""The recipe of lines: learns, resumes to the bit, is judged and exported."""

import json
from dataclasses import dataclass, replace

import keras
import numpy as np
import pytest

from mnist_classifier.learn import tasks
from mnist_classifier.learn.data.lines import encode, fixed_lines
from mnist_classifier.learn.data.texts import ALPHABET
from mnist_classifier.learn.evaluate import evaluate_run
from mnist_classifier.learn.evaluation import lines
from mnist_classifier.learn.export import lines as export_lines
from mnist_classifier.learn.export.run import export_run
from mnist_classifier.learn.networks.architectures import convolution
from mnist_classifier.learn.recipes import lines as lines_recipe
from mnist_classifier.learn.recipes.lines import LINES, LinesRecipe
from mnist_classifier.learn.runs.settings import Settings
from mnist_classifier.read.line_model import LineModel
from mnist_images_classification import learn_digits
from tests.conftest import small_arrays, write_idx_folder
from tests.learn.conftest import SILENT, Told, same_weights


@dataclass(frozen=True)
class Small(LinesRecipe):
    """The recipe with a small network, whose layers remember all that those of the large one do."""

    def build(self, pixels=784, classes=10):
        reads = [keras.layers.Dropout(0.1), keras.layers.Conv2D(1 + len(ALPHABET), 1)]
        return keras.Sequential(
            [
                keras.layers.Input((32, None, 1)),
                *convolution(4, (32, 4), strides=(1, 4)),
                *reads,
                keras.layers.Reshape((-1, 1 + len(ALPHABET))),
            ]
        )


SMALL = Small(epochs=3, lines=32, batch_size=16, validation_lines=16)


def test_it_resumes_to_the_bit(trained, tmp_path):
    whole, training = trained(SMALL)
    assert training.best_epoch == training.epochs == 3
    trained(SMALL, callbacks=[Told(cut_after=1)], folder=tmp_path)
    resumed, _ = trained(SMALL, folder=tmp_path)
    assert same_weights(whole, resumed)


def test_each_epoch_has_lines_of_its_own(splits, compiled):
    (stage,) = SMALL.stages(compiled(SMALL), splits)
    (x, _, _), (other, _, _), (again, _, _) = (stage.plan.images(0, epoch) for epoch in (0, 1, 0))
    assert (x == again).all()
    assert (x != other).any()


def test_few_digits_make_few_lines():
    scaled = LINES.scaled(train_size=200, epochs=2)
    assert (scaled.epochs, scaled.lines, scaled.validation_lines) == (2, 200, 200)
    assert LINES.scaled(train_size=58_000) == LINES


def test_what_is_measured(splits, compiled):
    composed = fixed_lines(splits.test, 50)
    kinds = 1 + len(ALPHABET)
    logits = np.full((50, 32, kinds), -20.0, np.float32)
    logits[:, :, 0] = 0
    for row, text in zip(logits, composed.texts, strict=True):
        for i, character in enumerate(text):
            row[2 * i, 1 + ALPHABET.index(character)] = 8
    perfect = lines.answers_of(logits, composed)
    assert perfect.texts == composed.texts
    numbers = lines.measure(perfect, 1.0)
    assert numbers["digit_error_rate"] == numbers["mistakes"]["count"] == 0
    assert numbers["digits_exact"] == 1
    assert numbers["calibration"]["after"]["expected_calibration_error"] < 0.05
    assert sum(row["size"] for row in numbers["papers"]) == 50
    logits[:, 0, :] = -20
    logits[:, 0, 1] = 8  # each begins with a 0
    wrong = lines.measure(lines.answers_of(logits, composed), 1.0)
    assert wrong["mistakes"]["count"] >= 40
    assert wrong["mistakes"]["worst"][0]["answer"].startswith("0")


@pytest.fixture(scope="module")
def unsure(splits):
    """Answers that are often wrong, to 30 lines."""
    composed = fixed_lines(splits.test, 30)
    shape = (30, composed.images.shape[2] // 4, 1 + len(ALPHABET))
    logits = np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)
    logits[:, :, 0] += 3
    return lines.answers_of(logits, composed)


def test_the_loss_is_keras_own(unsure):
    targets = encode(unsure.lines)[1]
    for temperature in (0.5, 1, 2):
        by_keras = keras.losses.CTC()(targets, unsure.logits / temperature)
        assert lines.loss(unsure, temperature) == pytest.approx(float(by_keras), rel=1e-5)


def test_at_its_temperature_the_texts_are_likeliest(unsure):
    found = lines.fit_temperature(unsure)
    least = lines.loss(unsure, found)
    assert least < lines.loss(unsure, 0.9 * found)
    assert least < lines.loss(unsure, 1.1 * found)


@pytest.mark.parametrize(
    ("text", "truth", "rate"),
    [("12", "12", 0), ("1,2", "12", 0), ("13", "12", 0.5), ("", "12", 1), ("99999", "12", 1)],
)
def test_the_digit_error_rate(text, truth, rate):
    assert lines.digit_error_rate([text], [truth]) == rate


@pytest.mark.slow
def test_trained_judged_and_exported(tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "TEST_LINES", 40)
    monkeypatch.setattr(tasks, "VALIDATION_LINES", 20)
    monkeypatch.setattr(export_lines, "CALIBRATION_LINES", 20)
    few = replace(LINES, lines=64, validation_lines=16)
    monkeypatch.setattr(lines_recipe, "LINES", few)
    folder, run = write_idx_folder(tmp_path / "images", small_arrays(train=280)), tmp_path / "run"
    settings = Settings(recipe="lines", data_dir=folder, epochs=1, output=run)
    learn_digits(settings, SILENT, show=False)
    assert (run / "augmentation.png").is_file()
    assert "Paper by paper" in (run / "report.html").read_text("utf-8")
    before = json.loads((run / "metrics.json").read_text())
    evaluate_run(run, None, None, None, SILENT)
    after = json.loads((run / "metrics.json").read_text())
    for name in ("test_accuracy", "test_loss", "papers", "mistakes", "calibration"):
        assert after[name] == before[name]
    exported = export_run(run)
    assert exported.path == run / "lines.onnx"
    weights = LINES.build().count_params()
    assert 2 * weights < exported.path.stat().st_size < 2.1 * weights  # bytes: float16
    model = LineModel(exported.path)
    assert model.alphabet == ALPHABET
    assert model.cards[0]["recipe"]["name"] == "lines"
    (columns,) = model.columns([np.full((32, 80), 255, np.uint8)])
    assert columns.shape == (20, 1 + len(ALPHABET))
    assert columns.sum(axis=1) == pytest.approx(1)
