import cv2
import numpy as np
import pytest

from mnist_classifier.learn.evaluation.calibration import Bin
from mnist_classifier.learn.evaluation.figures import (
    augmentation_figure,
    example_figure,
    history_figure,
    reliability_figure,
    save_png,
)


def test_the_example_names_its_label_and_warns():
    figure = example_figure(np.zeros((28, 28), np.uint8), "mnist: label 5", "a sample")
    assert figure.axes[0].get_title() == "mnist: label 5"
    assert figure.get_suptitle() == "A SAMPLE"


def test_deformed_copies_stand_below_their_originals():
    originals, copies = np.zeros((3, 28, 28)), [np.full((3, 28, 28), value) for value in (0.5, 1)]
    figure = augmentation_figure(originals, copies, "deformed", "a sample")
    drawn = [axes.images[0].get_array().max() for axes in figure.axes]
    assert drawn == [0, 0, 0, 0.5, 0.5, 0.5, 1, 1, 1]
    assert figure.get_suptitle() == "A SAMPLE"


def test_the_history_draws_every_epoch_and_marks_the_one_kept():
    figure = history_figure([3.0, 2.0, 1.0], [4.0, 2.5, 2.6], "loss", "Loss", None, 2)
    training, validation, kept = figure.axes[0].lines
    assert list(training.get_ydata()) == [3.0, 2.0, 1.0]
    assert list(validation.get_xdata()) == [1, 2, 3]
    assert kept.get_xdata()[0] == 2
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()][:2] == [
        "training, while learning",
        "validation",
    ]
    assert not figure.get_suptitle()


def shown(axis):
    """Return the marks that a drawn axis shows."""
    low, high = axis.get_view_interval()
    labels = [tick.label1.get_text() for tick in axis.get_major_ticks()]
    places = axis.get_majorticklocs()
    return [label for label, place in zip(labels, places, strict=True) if low <= place <= high]


@pytest.mark.parametrize(
    ("sizes", "marks"),
    [([3, 9900], ["10", "100", "1,000", "10,000"]), ([1000], ["100", "1,000", "10,000"])],
)
def test_few_marks_count_the_images_of_a_confidence(tmp_path, sizes, marks):
    bins = [Bin(0.5, 0.6, 0.55, 0.5, size) for size in sizes]
    figure = reliability_figure(bins, bins)
    save_png(figure, tmp_path / "reliability.png")
    assert shown(figure.axes[1].yaxis) == marks


def test_a_history_without_an_epoch_can_be_drawn(tmp_path):
    figure = history_figure([], [], "accuracy", "Accuracy (interrupted)", None, None)
    save_png(figure, tmp_path / "empty.png")
    assert cv2.imread(str(tmp_path / "empty.png")).shape == (660, 1050, 3)


@pytest.mark.parametrize(
    ("losses", "marks"),
    [
        ([0.5, 0.4], ["0.4", "0.42", "0.44", "0.46", "0.48", "0.5"]),
        ([0.06, 0.015], ["0.02", "0.03", "0.04", "0.05", "0.06"]),
        ([0.4, 0.02], ["0.02", "0.03", "0.05", "0.1", "0.2", "0.3"]),
        ([2.0, 0.002], ["0.003", "0.01", "0.03", "0.1", "0.3", "1"]),
        ([2.0, 0.00002], ["0.0001", "0.001", "0.01", "0.1", "1"]),
        ([3e20, 2e20], ["2e+20", "2.2e+20", "2.4e+20", "2.6e+20", "2.8e+20", "3e+20"]),
    ],
)
def test_losses_and_epochs_are_marked_by_plain_numbers(tmp_path, losses, marks):
    figure = history_figure(losses, losses, "loss", "Loss", None, None)
    save_png(figure, tmp_path / "loss.png")
    (axes,) = figure.axes
    assert shown(axes.yaxis) == marks
    assert not any(text.get_text() for text in axes.yaxis.get_minorticklabels())
    assert shown(axes.xaxis) == [str(epoch) for epoch in range(1, 1 + len(losses))]
