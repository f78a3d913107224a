from dataclasses import replace

from mnist_classifier.learn.data.sources import load_dataset
from mnist_classifier.learn.evaluation import label_errors
from mnist_classifier.learn.evaluation.label_errors import LABEL_ERRORS


def test_fifteen_labels_that_fewer_than_three_of_five_people_chose():
    assert len({entry.index for entry in LABEL_ERRORS}) == 15
    assert all(sum(entry.votes) == 5 and entry.votes[0] < 3 for entry in LABEL_ERRORS)


def test_indices_and_labels_are_those_of_mnists_test_set(mnist_dir):
    dataset = load_dataset(None, mnist_dir)
    assert label_errors.known(dataset) == LABEL_ERRORS
    for entry in LABEL_ERRORS:
        assert dataset.test_labels[entry.index] == entry.label
    one_changed = dataset.test_images.copy()
    one_changed[0, 0, 0] ^= 1
    assert label_errors.known(replace(dataset, test_images=one_changed)) == ()


def test_no_other_set_has_any(sample):
    assert label_errors.known(sample) == ()
    assert label_errors.known(replace(sample, name="mnist")) == ()
