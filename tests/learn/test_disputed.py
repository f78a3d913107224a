from dataclasses import replace

from mnist_classifier.learn.datasets import load_dataset
from mnist_classifier.learn.disputed import DISPUTED, disputed_labels


def test_fifteen_labels_that_fewer_than_three_of_five_people_chose():
    assert len({entry.index for entry in DISPUTED}) == 15
    assert all(sum(entry.votes) == 5 and entry.votes[0] < 3 for entry in DISPUTED)


def test_indices_and_labels_are_those_of_mnists_test_set(mnist_dir):
    dataset = load_dataset(None, mnist_dir)
    assert disputed_labels(dataset) == DISPUTED
    for entry in DISPUTED:
        assert dataset.test_labels[entry.index] == entry.label
    one_changed = dataset.test_images.copy()
    one_changed[0, 0, 0] ^= 1
    assert disputed_labels(replace(dataset, test_images=one_changed)) == ()


def test_no_other_set_has_any(sample):
    assert disputed_labels(sample) == ()
    assert disputed_labels(replace(sample, name="mnist")) == ()
