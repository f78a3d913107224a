import numpy as np

from mnist_classifier.learn.evaluation.figures import (
    augmentation_figure,
    example_figure,
    history_figure,
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


def test_a_history_without_an_epoch_can_be_drawn(tmp_path):
    figure = history_figure([], [], "accuracy", "Accuracy (interrupted)", None, None)
    figure.savefig(tmp_path / "empty.png")
